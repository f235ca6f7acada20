"""Words of icons: from a name such as `trash-can-outline-24` to "trash can", and the synonyms of a word.

Notable:
- a suffix or prefix that a set itself declares as a style is dropped, and so are the words of `STYLES` at either end;
- a text is lower-case words with one space between them, for names, tags and queries alike;
- synonyms are those of the first two senses of a noun or verb in WordNet; a rarer sense is mostly another picture.
"""

import functools
import re
import tarfile
from pathlib import Path

# Drawing styles of many sets. "light", "line" and "thin" are also things: only a set's own list drops them.
STYLES = frozenset(
    "outline outlined filled fill solid bold regular duotone twotone linear broken sharp rounded".split()
    + [str(size) for size in (8, 10, 12, 14, 16, 18, 20, 24, 28, 30, 32, 36, 40, 48, 64, 96)]
)
LONGEST = 6  # words of a name
_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z]{3})(?=[0-9])|[^A-Za-z0-9]+")


def split(name: str) -> list[str]:
    """Lower-case words of a name in kebab case, snake case, camel case or plain text."""
    return [word.lower() for word in _BOUNDARY.split(name) if word]


def of_name(name: str, affixes: tuple[str, ...] = ()) -> str:
    """The words of an icon's name without its style; "" if nothing is left or the name is too long to be one.

    affixes: the suffixes and prefixes that the icon's set declares as styles, such as "bold-duotone".
    """
    for affix in sorted(filter(None, affixes), key=len, reverse=True):
        for cut in (name.removesuffix(f"-{affix}"), name.removeprefix(f"{affix}-")):
            if cut != name:
                name = cut
                break
        else:
            continue
        break
    words = split(name)
    while len(words) > 1 and words[-1] in STYLES:
        words.pop()
    while len(words) > 1 and words[0] in STYLES and not words[0].isdigit():
        words.pop(0)
    if len(words) > 1 and words[-1].isdigit() and len(words[-1]) < 3:  # folder-2: another drawing of the same
        words.pop()
    if len(words) > LONGEST or not any(len(word) > 1 and word.isalpha() for word in words):
        return ""
    return " ".join(words)


def stem(word: str) -> str:
    """The same for a noun and its plural, roughly: enough to keep "rockets" out where "rocket" is held out."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def stems(text: str) -> tuple[str, ...]:
    return tuple(stem(word) for word in text.split())


def contains(text: str, part: str) -> bool:
    """Whether the words of `part` stand in `text`, one after the other, in the singular or the plural."""
    whole, wanted = stems(text), stems(part)
    return any(whole[i : i + len(wanted)] == wanted for i in range(len(whole) - len(wanted) + 1))


class WordNet:
    """Synonyms from the database files of WordNet 3.1."""

    def __init__(self, archive: Path):
        self._senses: dict[str, list[str]] = {}
        self._members: dict[str, list[str]] = {}
        with tarfile.open(archive) as opened:
            for member in opened:
                kind, _, part = member.name.removeprefix("package/dict/").partition(".")
                if part not in ("noun", "verb") or kind not in ("index", "data"):
                    continue
                for line in opened.extractfile(member).read().decode("latin-1").splitlines():
                    if line.startswith("  "):  # the licence
                        continue
                    fields = line.split()
                    if kind == "index":
                        # lemma, part, senses, pointers p, p symbols, senses, tagged senses, offsets by frequency
                        offsets = fields[6 + int(fields[3]) :]
                        senses = self._senses.setdefault(fields[0].replace("_", " "), [])
                        senses += [part + offset for offset in offsets[:2]]
                    else:
                        count = int(fields[3], 16)
                        lemmas = [fields[4 + 2 * i].replace("_", " ").lower() for i in range(count)]
                        self._members[part + fields[0]] = lemmas

    @functools.cache  # noqa: B019 (one instance lives as long as the command)
    def synonyms(self, word: str) -> tuple[str, ...]:
        """Other lemmas of the word's first senses, none if it has none: "trash" -> ("rubbish", "scrap", ...)."""
        found = dict.fromkeys(
            lemma
            for sense in self._senses.get(word, [])
            for lemma in self._members.get(sense, [])
            if lemma != word and re.fullmatch(r"[a-z]+( [a-z]+){0,2}", lemma)
        )
        return tuple(found)
