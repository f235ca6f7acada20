"""Text for calibration, training and measuring, and its tokens.

A source is a `.jsonl` of the corpus tools, a file, or a folder. Of an archive, as `training.corpus` fetches them, the
prose in its Markdown files is taken.
"""

import json
import random
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from training import data
from training.data import Encoder, pieces
from training.metrics import Window
from training.tokenizer import FILE_SEPARATOR, FIM_MIDDLE, SPECIAL

LEAST_CHARACTERS = 20_000
SHORTEST_FILE = 400  # characters
SHORTEST_ROW = 16  # tokens
PIECES_A_FILE = 2  # in training, so that no long file prevails
FILES_AT_ONCE = 32  # are tokenised together


class TextError(Exception):
    """Text that cannot be used; the message says what to do."""


class PlainText:
    """The tokens of a model of others: text as it is, left to right."""

    def __init__(self, tokenizer):
        """tokenizer: of `transformers`."""
        self.tokenizer = tokenizer
        self.decode_one = lambda token: tokenizer.decode([token])

    def ids(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def head(self, path: str) -> list[int]:
        return []

    def decode(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids, clean_up_tokenization_spaces=False)

    def pieces(self, files: list[dict], window: int, rng: random.Random) -> list[list[int]]:
        """Stretches of `window` tokens of each file, at random places; a shorter file is one stretch."""
        found = []
        texts = [file["text"][: 64 * window] for file in files]
        for ids in self.tokenizer(texts, add_special_tokens=False)["input_ids"]:
            parts = [ids[i : i + window] for i in range(0, max(1, len(ids) - window + 1), window)]
            found += rng.sample(parts, min(len(parts), PIECES_A_FILE))
        return found

    def save(self, folder: Path) -> None:
        self.tokenizer.save_pretrained(folder)


class OurText:
    """The tokens of a model of ours: pieces begin with the path, and most are split for fill-in-the-middle."""

    def __init__(self, file: Path):
        self.file, self.encoder = file, Encoder(Tokenizer.from_file(str(file)))
        self.ids, self.head = self.encoder.ids, self.encoder.head
        self.decode_one = lambda token: self.decode([token])

    def decode(self, ids: list[int]) -> str:
        return self.encoder.tokenizer.decode(ids, skip_special_tokens=False)

    def pieces(self, files: list[dict], window: int, rng: random.Random) -> list[list[int]]:
        found = []
        for file in files:
            parts = list(pieces(file["text"], rng, window))
            chosen = rng.sample(range(len(parts)), min(len(parts), PIECES_A_FILE))
            found += [self.encoder.piece(file["path"], parts[i], i == len(parts) - 1, rng)[:window] for i in chosen]
        return found

    def save(self, folder: Path) -> None:
        (folder / "tokenizer.json").write_bytes(self.file.read_bytes())


Text = PlainText | OurText


def knows_our_marks(tokenizer: Path) -> bool:
    """Whether a tokenizer.json has our special tokens, so that its model reads what `OurText` writes."""
    if not tokenizer.exists():
        return False
    return Tokenizer.from_file(str(tokenizer)).token_to_id(FIM_MIDDLE) == SPECIAL.index(FIM_MIDDLE)


def prose_of(markdown: str) -> str:
    """The paragraphs of running English in a Markdown file: no code, headings, tables, lists of links, or markup."""
    without_code = re.sub(r"^(```|~~~).*?^\1", "", markdown, flags=re.DOTALL | re.MULTILINE)
    paragraphs = [" ".join(p.split()) for p in re.split(r"\n\s*\n", without_code)]
    return "\n\n".join(p for p in paragraphs if len(p) > 80 and re.match(r"[A-Z]", p) and p.count("](") < 3)


def read_markdown(archive: Path) -> Iterator[dict]:
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.lower()
            if member.isfile() and name.endswith(".md") and "license" not in name and "changelog" not in name:
                text = prose_of(tar.extractfile(member).read().decode(errors="ignore"))
                yield {"package": archive.name, "path": member.name, "language": "English", "text": text}


def read_source(path: Path) -> Iterator[dict]:
    """Files {package, path, language, text} of a source. Raises TextError if there is none at `path`."""
    if not path.exists():
        raise TextError(f"{path}: no such file or folder")
    if path.suffix == ".jsonl":
        with open(path) as lines:
            yield from map(json.loads, lines)
        return
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if not file.is_file():
            continue
        if tarfile.is_tarfile(file):
            yield from read_markdown(file)
        else:
            text = file.read_text(errors="ignore")
            yield {"package": "", "path": str(file), "language": file.suffix.lstrip("."), "text": text}


def read_sample(paths: list[Path], seed: int = 1) -> list[dict]:
    """All files of some sources, shuffled. Raises TextError if there is less text than calibration needs."""
    files = [file for path in paths for file in read_source(path) if len(file["text"]) >= SHORTEST_FILE]
    size = sum(len(file["text"]) for file in files)
    if size < LEAST_CHARACTERS or len(files) < 2:
        raise TextError(
            f"{', '.join(map(str, paths))}: {size:,} characters in {len(files)} files of at least {SHORTEST_FILE}; "
            f"expected {LEAST_CHARACTERS:,} in two files or more: give more text"
        )
    random.Random(seed).shuffle(files)
    return files


def take_rows(text: Text, files: Iterator[dict], window: int, tokens: int) -> list[list[int]]:
    """The beginnings of files, with the path before if the model knows that, about `tokens` tokens in all."""
    rows, total = [], 0
    for file in files:
        if total >= tokens:
            break
        row = [*text.head(file["path"]), *text.ids(file["text"][: 16 * window])][:window]
        if len(row) > SHORTEST_ROW:
            rows.append(row)
            total += len(row)
    return rows


def windows(text: Text, files: list[dict], window: int, tokens: int) -> list[Window]:
    """The beginnings of files, about `tokens` in all, to score; of plain text not the first token."""
    found, total = [], 0
    for file in files:
        if total >= tokens:
            break
        head = text.head(file["path"])
        body = text.ids(file["text"][: 16 * window])[: window - len(head)]
        if len(body) > SHORTEST_ROW:
            first = max(1, len(head))
            ids = [*head, *body]
            found.append(Window(ids, first, len(text.decode(ids[first:]).encode()), file["language"]))
            total += len(ids)
    return found


@dataclass(frozen=True)
class Place:
    """Where a stream stands: files read so far (of epoch files: tokens), and pieces of them that are not used yet."""

    files: int = 0
    pending: tuple[list[int], ...] = ()


class Stream:
    """Batches of training rows, in an order that depends on the seed alone."""

    def __init__(self, text: Text, files: list[dict], window: int, seed: int = 1):
        self.text, self.files, self.window, self.seed = text, files, window, seed

    def read(self, place: Place, tokens: int) -> tuple[Tensor, Tensor, Place]:
        """(tokens [rows, time], targets [rows, time], the place after): about `tokens` tokens; targets -1: padding."""
        read, pending = place.files, list(place.pending)
        while sum(map(len, pending)) < tokens:
            group = [self.files[i % len(self.files)] for i in range(read, read + FILES_AT_ONCE)]
            rng = random.Random(self.seed * 1_000_003 + read)
            pending += [row for row in self.text.pieces(group, self.window, rng) if len(row) > SHORTEST_ROW]
            read += FILES_AT_ONCE
        count = 1
        while sum(map(len, pending[: count + 1])) <= tokens and count < len(pending):
            count += 1
        rows = pending[:count]
        ids = torch.zeros(count, max(map(len, rows)), dtype=torch.long)
        targets = torch.full_like(ids, -1)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
            targets[i, : len(row) - 1] = ids[i, 1 : len(row)]
        return ids, targets, Place(read, tuple(pending[count:]))


class EpochStream:
    """As `Stream`, from the epoch files of `training.data`, end to end: without padding, documents see each other."""

    def __init__(self, folder: Path, window: int):
        self.tokens, self.window = data.Stream(folder), window

    def read(self, place: Place, tokens: int) -> tuple[Tensor, Tensor, Place]:
        """As `Stream.read`; every row has `window` tokens."""
        count = max(1, tokens // self.window) * self.window
        run = torch.from_numpy(self.tokens.read(place.files, count + 1))
        targets = run[1:].clone()
        targets[targets == SPECIAL.index(FILE_SEPARATOR)] = -1  # a document does not predict that another follows
        return run[:-1].view(-1, self.window), targets.view(-1, self.window), Place(place.files + count)
