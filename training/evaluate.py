"""Held-out figures of a checkpoint folder, for every granularity and for mixes between them.

- bits per byte: files of held-out packages, in windows of the whole context that begin with the file's path; every
  token of the file is scored, so that the mean context is half a window;
- exact line: the rest of a line is taken out of held-out code, from any character on, and all of it must come back
  greedily, up to the end of the line. Under teacher forcing that is the same as every token being the likeliest, so no
  decoding is needed. Text that comes back cut into other tokens counts as wrong: the figure is a lower bound.

    python -m training.evaluate --model models/matlm-6m --corpus build/corpus
    python -m training.evaluate --model models/matlm-6m --corpus build/corpus --mixes --write
"""

import argparse
import json
import math
import random
from pathlib import Path

import torch
from tokenizers import Tokenizer

from training.data import Encoder, Holes, read_files
from training.export import load_exported
from training.model import GRANULARITIES, Config, MatLM


def windows(files: list[dict], encoder: Encoder, context: int, max_tokens: int) -> list[tuple[list[int], int, int]]:
    """(tokens, index of the first scored token, bytes scored) of evenly spread windows; about `max_tokens` in all."""
    found = []
    for file in files:
        head, body = encoder.head(file["path"]), encoder.ids(file["text"])
        room = context - len(head)
        for start in range(0, len(body), room):
            part = body[start : start + room]
            text_bytes = len(encoder.tokenizer.decode(part, skip_special_tokens=False).encode())
            found.append((head + part, len(head), text_bytes))
    every = max(1, sum(len(w[0]) for w in found) // max_tokens)
    return found[every // 2 :: every]


def as_batch(tokens: list[int], first_scored: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets [1, time]; targets before `first_scored` are -1."""
    row = torch.tensor(tokens)
    targets = row[1:].clone()
    targets[: first_scored - 1] = -1
    return row[None, :-1], targets[None]


@torch.inference_mode()
def bits_per_byte(model: MatLM, widths: list[int], scored: list[tuple[list[int], int, int]]) -> float:
    nats = 0.0
    for tokens, first, _ in scored:
        nats += model.loss(*as_batch(tokens, first), widths, reduction="sum").item()
    return nats / math.log(2) / sum(size for _, _, size in scored)


def line_holes(files: list[dict], encoder: Encoder, context: int, count: int) -> list[tuple[list[int], int]]:
    """(prompt and middle, index of the middle's first token): the rest of a random line, with its surroundings."""
    rng = random.Random(7)
    found = []
    while len(found) < count:
        file = rng.choice(files)
        text = file["text"]
        cursor = rng.randrange(len(text))
        end = text.find("\n", cursor)
        middle = text[cursor:end]
        if end < 0 or len(middle.strip()) < 2:
            continue
        holes = Holes(text[max(0, cursor - 1800) : cursor], middle, text[end : end + 500])
        prompt = encoder.spm(file["path"], holes)
        tokens = [*prompt, *encoder.ids(middle), encoder.end]
        if len(tokens) <= context:
            found.append((tokens, len(prompt)))
    return found


@torch.inference_mode()
def exact_line(model: MatLM, widths: list[int], holes: list[tuple[list[int], int]], line_ends: set[int]) -> float:
    """Share of `holes` whose middle is the model's first choice; `line_ends` are the tokens that end a line."""
    right = 0
    for tokens, first in holes:
        row = torch.tensor(tokens)
        best = model.logits(row[None, :-1], widths)[0, first - 1 :].argmax(-1)
        right += bool((best[:-1] == row[first:-1]).all()) and int(best[-1]) in line_ends
    return right / len(holes)


def mixes(config: Config) -> dict[str, list[int]]:
    """Shapes between the granularities: rising, falling, heavy in the middle, heavy at both ends."""
    low, high, layers = config.widths("S")[0], config.ffn, config.layers
    half = layers // 2
    steps = [config.ffn >> shift for shift in (3, 2, 1, 0)]
    ramp = [steps[round(i * 3 / (layers - 1))] for i in range(layers)]
    found = {}
    for small, large, name in ((low, high, "S+XL"), (low, high // 2, "S+L"), (high // 4, high, "M+XL")):
        found[f"{name} rising"] = [small] * half + [large] * (layers - half)
        found[f"{name} falling"] = [large] * (layers - half) + [small] * half
        inner = range(layers // 4 + 1, layers - layers // 4 - 1)
        found[f"{name} middle"] = [large if i in inner else small for i in range(layers)]
        found[f"{name} ends"] = [small if i in inner else large for i in range(layers)]
    found["ramp rising"], found["ramp falling"] = ramp, ramp[::-1]
    return found


def undominated(rows: list[dict]) -> list[dict]:
    """Those that no cheaper submodel equals, cheapest first."""
    kept: list[dict] = []
    for row in sorted(rows, key=lambda r: (r["parameters"], r["bitsPerByte"])):
        if not kept or row["bitsPerByte"] < kept[-1]["bitsPerByte"]:
            kept.append(row)
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/matlm-6m"))
    parser.add_argument("--corpus", type=Path, default=Path("build/corpus"))
    parser.add_argument("--max-tokens", type=int, default=200_000)
    parser.add_argument("--holes", type=int, default=400, help="lines to fill in; 0 leaves that figure out")
    parser.add_argument("--mixes", action="store_true", help="also measure mixes between the granularities")
    parser.add_argument("--write", action="store_true", help="write the frontier into the checkpoint's config.json")
    args = parser.parse_args()

    model = load_exported(args.model)
    config = model.config
    encoder = Encoder(Tokenizer.from_file(str(args.model / "tokenizer.json")))
    files = read_files(args.corpus / "heldout.jsonl")
    scored = windows(files, encoder, config.context, args.max_tokens)
    holes = line_holes(files, encoder, config.context, args.holes)
    vocabulary = encoder.tokenizer.get_vocab()
    line_ends = {encoder.end} | {i for token, i in vocabulary.items() if token.startswith("Ċ")}  # byte-level "\n"
    packages = ", ".join(sorted({file["package"] for file in files}))
    print(f"{sum(len(w[0]) for w in scored)} tokens, {sum(w[2] for w in scored)} bytes of {packages}")
    print(f"{'submodel':14} {'parameters':>10} {'bits/byte':>9} {'exact line':>10}  widths")
    shapes = {name: config.widths(name) for name in ("XS", *GRANULARITIES)} | (mixes(config) if args.mixes else {})
    rows = []
    for name, widths in shapes.items():
        row = {"name": name, "widths": widths, "parameters": config.parameters(widths),
               "bitsPerByte": round(bits_per_byte(model, widths, scored), 4)}  # fmt: skip
        rows.append(row)
        exact = f"{exact_line(model, widths, holes, line_ends):10.1%}" if holes else f"{'-':>10}"
        figures = f"{row['parameters']:10} {row['bitsPerByte']:9.4f} {exact}"
        print(f"{name:14} {figures}  {widths}", flush=True)
    frontier = undominated(rows)
    print("frontier:", ", ".join(row["name"] for row in frontier))
    if args.write:
        path = args.model / "config.json"
        raw = json.loads(path.read_text())
        named = [row for row in rows if row["name"] in GRANULARITIES]
        raw["matformer"]["frontier"] = sorted(
            {row["name"]: row for row in [*frontier, *named]}.values(), key=lambda r: r["parameters"]
        )
        path.write_text(json.dumps(raw, indent=2) + "\n")


if __name__ == "__main__":
    main()
