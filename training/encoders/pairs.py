"""The functions of a corpus, from which training makes its pairs: `train.jsonl` and `heldout.jsonl`, one a line.

A line has package, path, language, name, code (no documentation in it), documentation, call.

Notable:
- a function that also stands in a held-out package is never trained on; equal code is kept once in a split;
- packages are done one by one and kept under `packages/`: an interrupted run resumes;
- the same corpus gives the same bytes.

    python -m training.encoders.pairs --corpus build/corpus --out build/encoders/code-pairs
"""

import argparse
import hashlib
import itertools
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from training.encoders import syntax

RULES = hashlib.sha256(Path(__file__).read_bytes() + Path(syntax.__file__).read_bytes()).hexdigest()


def packages_of(path: Path) -> Iterator[tuple[str, list[dict]]]:
    """The files of a split of the corpus, package by package."""
    with open(path) as lines:
        rows = map(json.loads, lines)
        for package, files in itertools.groupby(rows, key=lambda row: row["package"]):
            yield package, list(files)


def functions_of(package: str, files: list[dict], most: int, folder: Path) -> list[dict]:
    """The functions of a package, at most so many, of files in an order that the package's name seeds."""
    digest = hashlib.sha256(f"{RULES} {most} {package}".encode())
    for file in files:
        digest.update(file["text"].encode())
    kept = folder / f"{digest.hexdigest()[:24]}.jsonl"
    if kept.exists():
        with open(kept) as lines:
            return [json.loads(line) for line in lines]
    shuffled = sorted(files, key=lambda file: file["path"])
    random.Random(package).shuffle(shuffled)
    rows: list[dict] = []
    for file in shuffled:
        if len(rows) >= most:
            break
        for function in syntax.functions_of(file["text"], file["language"]):
            rows.append(
                {"package": package, "path": file["path"], "language": file["language"]} | asdict(function)
            )  # fmt: skip
    part = kept.with_suffix(".part")
    with open(part, "w") as sink:
        sink.writelines(json.dumps(row) + "\n" for row in rows[:most])
    part.rename(kept)
    return rows[:most]


def same_code(row: dict) -> str:
    """A key that is equal if the code is, but for blanks and the function's own name."""
    return hashlib.sha1("".join(syntax.without_name(row["code"], row["name"]).split()).encode()).hexdigest()


def build(corpus: Path, out: Path, most: int, packages: int | None = None) -> dict[str, Counter]:
    """Write both splits, the held-out one first; how many functions there are, documented ones, called ones.

    `packages`: train on the first so many only.
    """
    (out / "packages").mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    counts: dict[str, Counter] = {}
    for split in ("heldout", "train"):
        source = corpus / f"{split}.jsonl"
        if not source.exists():
            raise SystemExit(f"{source}: no such file; python -m training.corpus --out {corpus} writes it")
        count = counts[split] = Counter()
        part = out / f"{split}.part"
        with open(part, "w") as sink:
            chosen = itertools.islice(packages_of(source), packages if split == "train" else None)
            for package, files in tqdm(chosen, desc=split, file=sys.stderr, mininterval=5):
                for row in functions_of(package, files, most, out / "packages"):
                    key = same_code(row)
                    if key in seen:
                        count["duplicates"] += 1
                        continue
                    seen.add(key)
                    count["functions"] += 1
                    count["documented"] += bool(row["documentation"])
                    count["called"] += bool(row["call"])
                    sink.write(json.dumps(row) + "\n")
        part.rename(out / f"{split}.jsonl")
    return counts


def read(path: Path) -> list[dict]:
    """The functions of a split."""
    if not path.exists():
        raise SystemExit(f"{path}: no such file; python -m training.encoders.pairs writes it")
    with open(path) as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path("build/corpus"))
    parser.add_argument("--out", type=Path, default=Path("build/encoders/code-pairs"))
    parser.add_argument("--most", type=int, default=2000, help="functions of one package")
    parser.add_argument("--packages", type=int, help="train on the first so many packages only")
    args = parser.parse_args()
    for split, count in build(args.corpus, args.out, args.most, args.packages).items():
        print(f"{split}: " + ", ".join(f"{n:,} {kind}" for kind, n in count.items()))
