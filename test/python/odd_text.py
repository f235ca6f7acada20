"""Lines of text that tokenizers get wrong: no language has most of them, and some document has each."""

import random
import unicodedata

WORDS = (
    "the for If RETURN self.value getHTTPResponse x_1 __init__ 0x1F 3.14159 12345678 "
    "don't DON'T I'LL we'Re it'\u017f 'S 'd'D"
).split()
UNUSUAL = [
    *(
        "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪 e\u0301 a\u0308\u0323 ﬁ \u212b 한국어 각 각 世界 ，。 العربية हिन्दी ไทย "  # noqa: RUF001
        "½ ² Ⅷ ① ٣ ௧ 𝟘 𐍈 𐐀 õ ÷Á ÿü \u200b \ufeff"  # noqa: RUF001
    ).split(),
    *["\u0085", "\u2028", "\u2029", "\u00a0", "\u3000", "\x0b", "\x0c", "\x1c", "\x00"],
]
BLANKS = [" ", "  ", "\t", "\r", " \t ", "   ", "    ", " " * 8, "\t\t", "\r\r", " \r"]
MARKS = [*"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "=>", "->", "//", "/*", "*/", "...", "!==", "</", "=" * 30, "-" * 80]
# Names of special tokens, which are text in a document.
FORGED = ["<|endoftext|>", "<|fim_middle|>", "<fim_prefix>", "[INST]", "<s>", "<｜fim▁hole｜>", "<think>"]  # noqa: RUF001
LONG = [" ", "\t", "=", "a", "é", "世", "1", "\r", "'", "🙂"]


def any_character(rng: random.Random) -> str:
    """Of any plane. Unassigned ones are left out, because each library knows another version of Unicode."""
    while True:
        plane = rng.choice([0, 0, 0, 1, 1, 2, 3, 14, 15, 16])
        character = chr(plane * 0x10000 + rng.randrange(0x10000))
        if character != "\n" and unicodedata.category(character) not in ("Cs", "Cn"):
            return character


def piece(rng: random.Random) -> str:
    kind = rng.randrange(12)
    if kind == 8:
        return "".join(rng.choice("0123456789") for _ in range(rng.randrange(1, 9)))
    if kind == 9:
        return rng.choice(WORDS).swapcase()
    if kind == 10:
        return any_character(rng) * rng.choice([1, 1, 2, 5])
    if kind == 11:
        return any_character(rng)
    return rng.choice([WORDS, WORDS, WORDS, BLANKS, BLANKS, MARKS, UNUSUAL, FORGED][kind])


def odd_lines(count: int, seed: int = 7) -> list[str]:
    rng = random.Random(seed)
    return [
        rng.choice(LONG) * rng.randrange(60, 128)  # longer ones are encoded in slices
        if i % 500 == 0
        else "".join(piece(rng) for _ in range(rng.randrange(14)))
        for i in range(count)
    ]
