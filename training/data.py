"""From source files to rows of token ids, with fill-in-the-middle at the character level (arXiv 2207.14255).

A file is cut into pieces that fit the context. Every piece begins with `<|file_sep|>path`, as every prompt does at
inference, and most of them are then rearranged:

    SPM   <|fim_suffix|> S <|fim_prefix|> P <|fim_middle|> M <|endoftext|>   (what the editor asks for)
    PSM   <|fim_prefix|> P <|fim_suffix|> S <|fim_middle|> M <|endoftext|>

P, S and M are tokenised apart, so a cut inside a word is seen as often as the editor's cursor makes one. The middle
is drawn where a programmer leaves gaps: the rest of a line, a few lines, or any span at all.

    python -m training.data --corpus build/corpus --tokenizer build/tokenizer.json --out build/tokens --epochs 2
"""

import argparse
import hashlib
import json
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from training.tokenizer import END_OF_TEXT, FILE_SEPARATOR, FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX

CONTEXT = 1024
SHORTEST_PIECE_CHARS = 600
CHARS_A_TOKEN = 3.32  # the longest pieces fill the context


@dataclass(frozen=True)
class FimSplit:
    """A text with its middle taken out."""

    prefix: str
    middle: str
    suffix: str


def pieces(text: str, rng: random.Random, context: int = CONTEXT) -> Iterator[str]:
    """Cut a file at line ends into stretches of random length, up to about `context` tokens."""
    start, longest = 0, int(CHARS_A_TOKEN * context)
    while start < len(text):
        end = start + rng.randint(min(SHORTEST_PIECE_CHARS, longest), longest)
        if end < len(text):
            newline = text.find("\n", end, end + 400)
            end = end if newline < 0 else newline + 1
        yield text[start:end]
        start = end


def fim_split(text: str, rng: random.Random) -> FimSplit:
    """Take out a middle: 45% the rest of a line, 35% up to a few lines, 20% a span between two random places."""
    kind = rng.random()
    if kind < 0.8:
        start = rng.randrange(len(text))
        if kind < 0.15:  # a new line: the cursor is after the indentation
            line = text.rfind("\n", 0, start) + 1
            start = line + len(text[line:]) - len(text[line:].lstrip(" \t"))
        newlines = 0 if kind < 0.45 else rng.randint(1, 6)
        end = start - 1
        for _ in range(newlines + 1):
            end = text.find("\n", end + 1)
            if end < 0:
                end = len(text)
                break
        if newlines == 0 and end - start > 3 and rng.random() < 0.25:
            end = rng.randint(start + 1, end)  # closing brackets that the editor typed may follow the gap
    else:
        start, end = sorted((rng.randrange(len(text)), rng.randrange(len(text))))
        end = min(end, start + 600)
    suffix = text[end:]
    if rng.random() < 0.15:
        suffix = ""  # the cursor at the end of a file
    return FimSplit(text[:start], text[start:end], suffix)


@dataclass(frozen=True)
class Mix:
    """How pieces are presented: the share that is split, and of those the share with the suffix first."""

    fim: float = 0.6
    spm: float = 0.75


class Encoder:
    """Text pieces to token ids."""

    def __init__(self, tokenizer: Tokenizer, mix: Mix = Mix()):
        self.tokenizer, self.mix = tokenizer, mix
        tokenizer.encode_special_tokens = True  # a mark that is spelled in a source is text, in the engine too
        special = tokenizer.token_to_id
        self.end, self.file = special(END_OF_TEXT), special(FILE_SEPARATOR)
        self.prefix, self.middle, self.suffix = special(FIM_PREFIX), special(FIM_MIDDLE), special(FIM_SUFFIX)
        # Tokens that spell nothing.
        self.marks = frozenset(i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special)

    def ids(self, text: str) -> list[int]:
        return self.tokenizer.encode(text).ids

    def head(self, path: str) -> list[int]:
        return [self.file, *self.ids(path + "\n")]

    def before(self, split: FimSplit) -> list[int]:
        return [self.prefix, *self.ids(split.prefix)]

    def after(self, split: FimSplit) -> list[int]:
        return [self.suffix, *self.ids(split.suffix)]

    def spm(self, path: str, split: FimSplit) -> list[int]:
        """The prompt the editor sends, up to and including `<|fim_middle|>`."""
        return [*self.head(path), *self.after(split), *self.before(split), self.middle]

    def psm(self, path: str, split: FimSplit) -> list[int]:
        return [*self.head(path), *self.before(split), *self.after(split), self.middle]

    def piece(self, path: str, text: str, is_last: bool, rng: random.Random) -> list[int]:
        """One training piece, as it is or split for fill-in-the-middle."""
        if rng.random() >= self.mix.fim or len(text) < 20:
            return [*self.head(path), *self.ids(text), *([self.end] if is_last else [])]
        split = fim_split(text, rng)
        prompt = self.spm(path, split) if rng.random() < self.mix.spm else self.psm(path, split)
        return [*prompt, *self.ids(split.middle), self.end]


def encode_files(job: tuple[list[dict], str, Mix, int, int]) -> list[np.ndarray]:
    """All pieces of some files, in order. A job for one process: (files, tokenizer file, mix, context, seed)."""
    files, tokenizer_file, mix, context, seed = job
    encoder, rng = Encoder(Tokenizer.from_file(tokenizer_file), mix), random.Random(seed)
    encoded = []
    for file in files:
        parts = list(pieces(file["text"], rng, context))
        while parts:
            part = parts.pop(0)
            ids = encoder.piece(file["path"], part, not parts, rng)
            rest = ""
            while len(ids) > context:  # text with more tokens per character than most: the rest becomes the next piece
                end = max(1, int(len(part) * 0.95 * context / len(ids)))
                part, rest = part[:end], part[end:] + rest
                ids = encoder.piece(file["path"], part, False, rng)
            encoded.append(np.array(ids, dtype=np.uint16))
            if rest:
                parts.insert(0, rest)
    return encoded


def write_epoch(files: list[dict], tokenizer_file: str, mix: Mix, context: int, seed: int, out: Path) -> int:
    """One pass over the corpus with fresh splits, pieces shuffled, as one array of uint16; the number of tokens."""
    jobs = [(files[i::64], tokenizer_file, mix, context, seed * 1000 + i) for i in range(64)]
    with ProcessPoolExecutor() as pool:
        encoded = [piece for part in pool.map(encode_files, jobs) for piece in part]
    random.Random(seed).shuffle(encoded)
    tokens = np.concatenate(encoded)
    part = out.with_suffix(".part")
    tokens.tofile(part)
    part.rename(out)
    return len(tokens)


def origin(tokenizer: Path, mix: Mix = Mix()) -> dict:
    """How the tokens of a folder were made, from its `origin.json`."""
    return asdict(mix) | {
        "tokenizer": hashlib.sha256(tokenizer.read_bytes()).hexdigest(),
        "vocabulary": Tokenizer.from_file(str(tokenizer)).get_vocab_size(),
    }


def read_origin(folder: Path) -> dict | None:
    path = folder / "origin.json"
    return json.loads(path.read_text()) if path.exists() else None


def require_tokens_of(tokenizer: Path, folder: Path, mix: Mix | None = None) -> None:
    """End with a message unless the tokens are of that tokenizer, and of that mix if one is given."""
    made, wanted = read_origin(folder) or {}, origin(tokenizer, mix or Mix())
    keys = ("tokenizer", *(asdict(mix) if mix else ()))
    if any(made.get(key) != wanted[key] for key in keys):
        flags = f" --fim {mix.fim} --spm {mix.spm}" if mix else ""
        raise SystemExit(
            f"{folder}: not known to be tokens of {tokenizer}{flags}; make such in a folder that has none with "
            f"python -m training.data --tokenizer {tokenizer}{flags} --out FOLDER"
        )


class Stream:
    """The tokens of the epoch files, end to end; after the last file the first comes again.

    Files may be added while training reads: at the end of a pass the folder is read again, and the next pass
    begins with those that are new. `state` says how far that has come, for whoever goes on later.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.state: dict = {"names": [], "start": 0}  # the files of this pass, and the position at which it begins
        self.open()

    def open(self) -> None:
        """Look for files; new ones stand before those that were there."""
        found = sorted(self.folder.glob("epoch-*.bin"), key=lambda file: int(file.stem.partition("-")[2]))
        if not found:
            raise FileNotFoundError(f"{self.folder}: no epoch-*.bin; make them with python -m training.data")
        known = self.state["names"]
        self.resume({"names": [f.name for f in found if f.name not in known] + known, "start": self.state["start"]})

    def resume(self, state: dict) -> None:
        """Resume from an earlier `state`."""
        self.state = dict(state)
        self.epochs = [np.memmap(self.folder / name, dtype=np.uint16, mode="r") for name in state["names"]]
        self.total = sum(len(epoch) for epoch in self.epochs)

    def read(self, start: int, count: int) -> np.ndarray:
        """[count] int64 from a position on, which no earlier pass holds."""
        parts, start = [], start - self.state["start"]
        if start < 0:
            raise ValueError(f"position {start + self.state['start']} is in a pass that is over")
        while count > 0:
            if start >= self.total:
                start -= self.total
                self.state["start"] += self.total
                self.open()
                continue
            skipped = 0
            for epoch in self.epochs:
                part = epoch[start - skipped : start - skipped + count] if start < skipped + len(epoch) else epoch[:0]
                parts.append(part)
                count -= len(part)
                start += len(part)
                skipped += len(epoch)
        return np.concatenate(parts).astype(np.int64)


def segments(tokens: np.ndarray, file_separator: int, context: int) -> list[int]:
    """Boundaries of the documents in a run of tokens, none longer than the context: 0, ..., len(tokens)."""
    starts = [0, *np.flatnonzero(tokens[1:] == file_separator) + 1, len(tokens)]
    found = [0]
    for start, end in pairwise(starts):
        found += range(start + context, end, context)
        found.append(end)
    return [int(i) for i in found]


def read_files(path: Path) -> list[dict]:
    with open(path) as lines:
        return [json.loads(line) for line in lines]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, nargs="+", default=[Path("build/corpus")], help="one or several")
    parser.add_argument("--tokenizer", type=Path, default=Path("build/tokenizer.json"))
    parser.add_argument("--out", type=Path, default=Path("build/tokens"))
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--first-epoch", type=int, default=0, help="to add epochs to those that are there")
    parser.add_argument("--context", type=int, default=CONTEXT, help="tokens of the longest pieces")
    parser.add_argument("--fim", type=float, default=Mix.fim, help="share of the pieces that are split")
    parser.add_argument("--spm", type=float, default=Mix.spm, help="of those, the share with the suffix first")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if any(args.out.glob("epoch-*.bin")):
        require_tokens_of(args.tokenizer, args.out)
    (args.out / "origin.json").write_text(json.dumps(origin(args.tokenizer, Mix(args.fim, args.spm))) + "\n")
    corpus = [file for folder in args.corpus for file in read_files(folder / "train.jsonl")]
    for epoch in range(args.first_epoch, args.first_epoch + args.epochs):
        out = args.out / f"epoch-{epoch}.bin"
        if out.exists():
            print(f"{out}: kept")
            continue
        count = write_epoch(corpus, str(args.tokenizer), Mix(args.fim, args.spm), args.context, epoch, out)
        print(f"{out}: {count / 1e6:.2f}M tokens", flush=True)


if __name__ == "__main__":
    main()
