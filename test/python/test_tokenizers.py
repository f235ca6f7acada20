"""The ids of each family of tokenizers are those of the `tokenizers` library, from tokenizer.json and from GGUF.

The real vocabularies are large and not here, but for SmolLM2's. What tells the families apart is how they split a text
and a few options; so a small vocabulary is trained with each family's own.
"""

import json
import re
import subprocess
import unicodedata
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader, GGUFWriter
from odd_text import odd_lines
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

TSX = Path("node_modules/.bin/tsx")
SMOLLM2 = Path("build/models/smollm2-135m-q4_1.gguf")
LINES = 100_000

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
REST = r"\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + REST
QWEN2 = LLAMA3.replace("{1,3}", "")
QWEN35 = QWEN2.replace(r"]?\p{L}+", r"]?[\p{L}\p{M}]+").replace(r"[^\s\p{L}\p{N}]", r"[^\s\p{L}\p{M}\p{N}]")
SEED = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|" + REST
CASES = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+%s|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*%s|"
)
GPT4O = CASES % (CONTRACTIONS + "?", CONTRACTIONS + "?") + r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + REST
TEKKEN = CASES % ("", "") + r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + REST
CHINESE = "[一-龥ࠀ-一가-퟿]+"
PUNCTUATION = "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+"
CASED_LETTERS = (
    "\\s?[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af"
    "\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5"
    "\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-"
    "\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d"
    "\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-"
    "\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113"
    "\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149"
    "\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b"
    "\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-"
    "\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0"
    "-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943]+"
)

GPT2_BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
EACH_DIGIT = pre_tokenizers.Digits(individual_digits=True)


def splits(*patterns: str) -> list:
    return [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns]


@dataclass(frozen=True)
class Family:
    name: str
    stages: list
    composes: bool = False
    ignores_merges: bool = False
    # DeepSeek-Coder's bytes that occur in no text were added as characters by mistake, and as such they do occur.
    added: tuple[str, ...] = ()


# By the name that GGUF files have for the pre-tokenizer.
FAMILIES = [
    Family("gpt-2", [GPT2_BYTES]),
    Family("starcoder", [EACH_DIGIT, GPT2_BYTES]),
    Family("llama-bpe", [*splits(LLAMA3), BYTES], ignores_merges=True),
    Family("dbrx", [*splits(LLAMA3), BYTES]),
    Family("qwen2", [*splits(QWEN2), BYTES], composes=True),
    Family("qwen35", [*splits(QWEN35), BYTES], composes=True),
    Family("seed-coder", [*splits(SEED), BYTES]),
    Family("gpt-4o", [*splits(GPT4O), BYTES]),
    Family("tekken", [*splits(TEKKEN), BYTES], ignores_merges=True),
    Family(
        "deepseek-coder",
        [*splits("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", CHINESE), EACH_DIGIT, BYTES],
        added=("õ", "÷", "Á", "ÿ", "ü"),
    ),
    Family(
        "deepseek-llm",
        [
            *splits("[\r\n]", CASED_LETTERS, PUNCTUATION, r"\s+$", CHINESE),
            pre_tokenizers.Digits(individual_digits=False),
            BYTES,
        ],
    ),
]

MARKS = ["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<think>"]


def is_text(added: dict) -> bool:
    """Whether an added token stands for its text in a document: neither special nor a name in brackets."""
    return not added["special"] and not re.fullmatch(r"[<\[].*[>\]]", added["content"], re.S)


def is_composed_alike(line: str) -> bool:
    """The library composes by an old version of Unicode, which lacks some accents."""
    return normalizers.NFC().normalize_str(line) == unicodedata.normalize("NFC", line)


def trained(family: Family) -> dict:
    """A tokenizer.json with a vocabulary of 3,000 tokens of code and of odd text."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=family.ignores_merges))
    tokenizer.normalizer = normalizers.NFC() if family.composes else None
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(family.stages)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=3000,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    files = sorted(Path("src").rglob("*.ts"))
    tokenizer.train_from_iterator([*(file.read_text() for file in files), "\n".join(odd_lines(5000, seed=3))], trainer)
    tokenizer.add_tokens([*MARKS, *family.added])
    tokenizer_json = json.loads(tokenizer.to_str())
    if family.ignores_merges:  # then some tokens should be out of reach of the merges
        model = tokenizer_json["model"]
        model["merges"] = [merge for i, merge in enumerate(model["merges"]) if i % 7]
    return tokenizer_json


def write_gguf(family: Family, tokenizer_json: dict, path: Path) -> None:
    """A GGUF file that has a tokenizer and no tensors, with rows for tokens that the tokenizer lacks."""
    ids = tokenizer_json["model"]["vocab"] | {a["content"]: a["id"] for a in tokenizer_json["added_tokens"]}
    tokens = [token for token, _ in sorted(ids.items(), key=lambda item: item[1])]
    kinds = {a["content"]: 3 if a["special"] else 4 for a in tokenizer_json["added_tokens"]}
    padding = [f"[PAD{i}]" for i in range(5)]
    writer = GGUFWriter(str(path), "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(family.name)
    writer.add_token_list(tokens + padding)
    writer.add_token_types([kinds.get(token, 1) for token in tokens] + [5] * len(padding))
    writer.add_token_merges([" ".join(merge) for merge in tokenizer_json["model"]["merges"]])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def check_ids(tokenizer: Path, original: Tokenizer, lines: list[str], folder: Path) -> None:
    """Every line has the ids of the original, which is given without the tokens that are no text."""
    (folder / "lines.txt").write_text("\n".join(lines), newline="")
    command = [str(TSX), "test/encodeLines.ts", str(tokenizer), str(folder / "lines.txt"), str(folder / "ids.bin")]
    subprocess.run(command, check=True)
    ids = np.fromfile(folder / "ids.bin", dtype=np.uint32)
    ends = np.flatnonzero(ids == 0xFFFFFFFF)
    assert len(ends) == len(lines)
    starts = [0, *(ends[:-1] + 1)]
    encoded = original.encode_batch_fast([f"\n{line}" for line in lines], add_special_tokens=False)
    wrong = ((line, start, end, e) for line, start, end, e in zip(lines, starts, ends, encoded, strict=True)
             if ids[start:end].tolist() != e.ids)  # fmt: skip
    assert [(line, ids[start:end].tolist(), e.ids) for line, start, end, e in islice(wrong, 3)] == []


@pytest.mark.skipif(not TSX.exists(), reason="the engine's tokenizer needs the packages of npm: run npm ci")
@pytest.mark.parametrize("family", FAMILIES, ids=[family.name for family in FAMILIES])
def test_ids_of_a_family_from_its_json_and_from_gguf(family: Family, tmp_path: Path):
    tokenizer_json = trained(family)
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer_json))
    write_gguf(family, tokenizer_json, tmp_path / "model.gguf")
    texts = [added for added in tokenizer_json["added_tokens"] if is_text(added)]
    original = Tokenizer.from_str(json.dumps(tokenizer_json | {"added_tokens": texts}))
    lines = [line for line in odd_lines(LINES) if not family.composes or is_composed_alike(line)]
    assert len(lines) > LINES - 10
    check_ids(tmp_path / "tokenizer.json", original, lines, tmp_path)
    check_ids(tmp_path / "model.gguf", original, lines[: LINES // 10], tmp_path)


@pytest.mark.skipif(not SMOLLM2.exists(), reason="needs SmolLM2: run node scripts/smollm2.mjs")
def test_ids_of_smollm2_from_its_gguf(tmp_path: Path):
    fields = GGUFReader(SMOLLM2).fields
    tokens, merges = (fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "merges"))
    vocabulary = {token: i for i, token in enumerate(tokens)}
    original = Tokenizer(models.BPE(vocabulary, [tuple(merge.split(" ")) for merge in merges]))
    original.pre_tokenizer = pre_tokenizers.Sequence([EACH_DIGIT, GPT2_BYTES])
    check_ids(SMOLLM2, original, odd_lines(LINES), tmp_path)
