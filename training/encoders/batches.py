"""Pairs of a query and the code that answers it, drawn from the functions of `pairs`, as batches of tokens.

Notable:
- four kinds: documentation and its function, the words of a name and the function without it, the lines of a call and
  the definition, the first and the second half of a function;
- hard negatives cost nothing: a batch holds several functions of each file that it draws, and all other entries of
  a batch are negatives;
- a batch depends on the seed and its number alone, so that a resumed run draws what an uninterrupted one would.
"""

import random
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from training.encoders.syntax import without_name, words_of

# The share of a batch's pairs of each kind.
KINDS = {"documentation": 0.7, "name": 0.15, "call": 0.1, "halves": 0.05}
# How many functions of a file stand together in a batch, if it has so many of the kind.
SAME_FILE = 2
# How often a documented function is shown without its name, and its documentation in lower case without the full stop.
MASKED, PLAIN = 0.3, 0.3
# Tokens of a query in words, and of one in code.
QUERY_TOKENS = {"documentation": 32, "name": 32, "call": 48, "halves": 48}
SHORTEST_HALF_LINES = 3


@dataclass(frozen=True)
class Batch:
    """queries[i] is answered by gallery[i]; same[i, j]: entry j answers query i too. All are token ids."""

    queries: list[list[int]]
    gallery: list[list[int]]
    same: Tensor


def has(kind: str, row: dict) -> bool:
    """Whether a function makes a pair of the kind."""
    if kind == "documentation":
        return bool(row["documentation"])
    if kind == "name":
        return " " in words_of(row["name"])  # one word, such as render, names too many functions
    if kind == "call":
        return bool(row["call"])
    return row["code"].count("\n") + 1 >= 2 * SHORTEST_HALF_LINES


def pair(kind: str, row: dict, rng: random.Random) -> tuple[str, str]:
    """(query, code that answers it)."""
    name, code = row["name"], row["code"]
    if kind == "documentation":
        text = row["documentation"]
        if rng.random() < PLAIN:
            text = text.lower().rstrip(".")
        return text, without_name(code, name) if rng.random() < MASKED else code
    if kind == "name":
        return words_of(name), without_name(code, name)
    if kind == "call":
        return row["call"] if rng.random() < 0.5 else without_name(row["call"], name), without_name(code, name)
    lines = code.split("\n")
    return "\n".join(lines[: len(lines) // 2]), "\n".join(lines[len(lines) // 2 :])


class Batches:
    """Batches of `size` pairs whose code has at most `code_tokens` tokens."""

    def __init__(self, rows: list[dict], tokenizer: Tokenizer, size: int, code_tokens: int, seed: int):
        self.rows, self.tokenizer, self.size, self.code_tokens, self.seed = rows, tokenizer, size, code_tokens, seed
        tokenizer.encode_special_tokens = True  # a mark that is spelled in a source is text, in the engine too
        # For each kind the files that have it, each a list of indices of functions.
        self.files: dict[str, list[list[int]]] = {}
        for kind in KINDS:
            files: dict[tuple[str, str], list[int]] = {}
            for i, row in enumerate(rows):
                if has(kind, row):
                    files.setdefault((row["package"], row["path"]), []).append(i)
            if files:
                self.files[kind] = list(files.values())
        if not self.files:
            raise ValueError("no function makes a pair")

    def texts(self, number: int) -> list[tuple[int, str, str, str]]:
        """(function, kind, query, code) of each pair of the batch of this number."""
        rng = random.Random(f"batch {self.seed} {number}")
        kinds = list(self.files)
        chosen: list[tuple[int, str, str, str]] = []
        while len(chosen) < self.size:
            kind = rng.choices(kinds, [KINDS[k] for k in kinds])[0]
            functions = rng.choice(self.files[kind])
            for i in rng.sample(functions, min(SAME_FILE, len(functions), self.size - len(chosen))):
                chosen.append((i, kind, *pair(kind, self.rows[i], rng)))
        return chosen

    def batch(self, number: int) -> Batch:
        chosen = self.texts(number)
        queries = self.tokenizer.encode_batch([query for _, _, query, _ in chosen])
        gallery = self.tokenizer.encode_batch([code for *_, code in chosen])
        functions = torch.tensor([i for i, *_ in chosen])
        asked = {query: i for i, (_, _, query, _) in enumerate(chosen)}
        same_query = torch.tensor([asked[query] for _, _, query, _ in chosen])
        return Batch(
            [q.ids[: QUERY_TOKENS[kind]] for q, (_, kind, *_) in zip(queries, chosen, strict=True)],
            [g.ids[: self.code_tokens] for g in gallery],
            (functions[:, None] == functions) | (same_query[:, None] == same_query),
        )
