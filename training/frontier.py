"""The frontier: which lists of widths are worth using, by held-out loss against the bytes of weights read per token.

Notable:
- it starts from the granularities and from every mix of two neighbouring ones that rises, falls, or is wider in the
  middle or at the ends, then changes one layer (or two against each other) of the best so far, over and over;
- the search uses one half of the held-out windows; kept and printed figures are measured on the other half;
- a submodel is kept if no cheaper one is as good; if there are many, those farthest apart in bytes;
- nothing below XS is searched, because its layers were never trained to follow one another;
- every figure is written to disk at once, so an interrupted search resumes.

    python -m training.frontier --model models/matlm-46m --write
"""

import argparse
import hashlib
import itertools
import json
import math
import random
from pathlib import Path

import matplotlib
import torch
from tokenizers import Tokenizer

from training import metrics
from training.data import Encoder, read_files
from training.evaluate import print_table
from training.export import SHIPPED, load_exported
from training.model import GRANULARITIES, Config, MatLM, best_device, fast_dtype

Widths = tuple[int, ...]

AT_ONCE = 10  # shapes that share a pass of XL, which they are compared with


def bytes_per_token(config: Config, widths: Widths) -> int:
    """Bytes of weights that the engine reads for a token: int8 with a float32 scale a row, float32 norms, the head."""
    d, q = config.hidden, config.heads * config.head_dim
    qkv = q + 2 * config.kv_heads * config.head_dim

    def matrix(rows: int, columns: int) -> int:
        return rows * columns + 4 * rows

    total = matrix(config.vocabulary, d) + 4 * d
    for m in widths:
        if m > 0:
            total += matrix(qkv, d) + matrix(d, q) + matrix(2 * m, d) + matrix(d, m) + 4 * (2 * d + 2 * config.head_dim)
    return total


def ladder(config: Config) -> list[int]:
    """The widths that a layer may have: skipped, the granularities, and the steps half-way between them."""
    steps = [0]
    for shift in (3, 2, 1):
        steps += [config.ffn >> shift, (config.ffn >> shift) * 3 // 2]
    return [width for width in [*steps, config.ffn] if width % 32 == 0]


def rising(config: Config) -> list[Widths]:
    """The paper's rule: widths rise with depth, between two neighbouring granularities."""
    found = []
    for small, large in ((3, 2), (2, 1), (1, 0)):
        for narrow in range(1, config.layers):
            low, high = config.ffn >> small, config.ffn >> large
            found.append((low,) * narrow + (high,) * (config.layers - narrow))
    return found


def seeds(config: Config) -> list[Widths]:
    """Granularities and two-valued shapes: rising, falling, wide in the middle, wide at the ends."""
    found = [tuple(config.widths(name)) for name in ("XS", *GRANULARITIES)]
    for widths in rising(config):
        found += [widths, widths[::-1]]
        low, high = min(widths), max(widths)
        inner = widths.count(high)
        start = (config.layers - inner) // 2
        found.append(tuple(high if start <= i < start + inner else low for i in range(config.layers)))
        found.append(tuple(low if start <= i < start + inner else high for i in range(config.layers)))
    return list(dict.fromkeys(found))


def undominated(rows: list[dict]) -> list[dict]:
    """Those that no cheaper submodel equals, cheapest first."""
    kept: list[dict] = []
    for row in sorted(rows, key=lambda r: (r["bytesPerToken"], r["bitsPerByte"])):
        if not kept or row["bitsPerByte"] < kept[-1]["bitsPerByte"]:
            kept.append(row)
    return kept


def thinned(rows: list[dict], count: int) -> list[dict]:
    """At most `count` of the rows: the granularities, the ends, and those with the widest gaps in bytes around them."""
    kept = list(rows)
    while len(kept) > count:
        gaps = [
            (kept[i + 1]["bytesPerToken"] - kept[i - 1]["bytesPerToken"], i)
            for i in range(1, len(kept) - 1)
            if kept[i]["name"] not in ("XS", *GRANULARITIES)
        ]
        kept.pop(min(gaps)[1])
    return kept


def neighbours(config: Config, widths: Widths, rng: random.Random) -> Widths:
    """One layer a step wider or narrower, or one wider and another narrower."""
    steps, changed = ladder(config), list(widths)
    for direction in rng.choice(((1,), (-1,), (1, -1))):
        layer = rng.randrange(config.layers)
        at = min(range(len(steps)), key=lambda i: abs(steps[i] - changed[layer]))
        changed[layer] = steps[max(0, min(len(steps) - 1, at + direction))]
    return tuple(changed)


class Notebook:
    """Figures of submodels in a file, a line each; emptied if `about` has changed."""

    def __init__(self, path: Path, about: dict):
        self.path = path
        self.figures: dict[Widths, list[float]] = {}
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        if lines and lines[0] == json.dumps(about) + "\n":
            for line in lines[1:]:
                if line.endswith("\n"):  # else the run was stopped while it wrote this one
                    widths, *figures = json.loads(line)
                    self.figures[tuple(widths)] = figures
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(about) + "\n")
        for widths, figures in self.figures.items():
            self.write(widths, figures)

    def write(self, widths: Widths, figures: list[float]) -> None:
        self.figures[widths] = figures
        with open(self.path, "a") as file:
            file.write(json.dumps([widths, *figures]) + "\n")


def search(model: MatLM, found: list[metrics.Window], count: int, notes: Notebook) -> dict[Widths, float]:
    """Bits per byte of `count` submodels, ever closer to the frontier."""
    config, rng = model.config, random.Random(11)
    measured: dict[Widths, float] = {}
    smallest = bytes_per_token(config, tuple(config.widths("XS")))

    def measure(widths: Widths) -> None:
        if widths not in measured and bytes_per_token(config, widths) >= smallest:
            if widths not in notes.figures:
                notes.write(widths, [metrics.bits_per_byte(model, list(widths), found)])
            (measured[widths],) = notes.figures[widths]

    for widths in seeds(config):
        measure(widths)
    while len(measured) < count:
        rows = [
            {"widths": w, "bytesPerToken": bytes_per_token(config, w), "bitsPerByte": b} for w, b in measured.items()
        ]
        best = undominated(rows)
        before = len(measured)
        for row in rng.sample(best, min(8, len(best))):
            measure(neighbours(config, row["widths"], rng))
        if len(measured) % 40 < len(measured) - before:
            print(f"{len(measured)} of {count} measured, {len(best)} undominated", flush=True)
    return measured


def score(model: MatLM, shapes: list[Widths], found: list[metrics.Window], notes: Notebook) -> None:
    """Bits per byte and agreement with XL of each shape, into the notebook."""
    missing = [widths for widths in shapes if widths not in notes.figures]
    while missing:
        some, missing = missing[:AT_ONCE], missing[AT_ONCE:]
        scores = metrics.score(model, {str(widths): list(widths) for widths in some}, found)
        for widths in some:
            notes.write(widths, [scores[str(widths)].bits_per_byte, scores[str(widths)].agreement])


def named(config: Config, widths: Widths) -> str:
    """The granularity's name, or the widths in 32nds of the full one's: `mix 4-8-8-16`."""
    for name in ("XS", *GRANULARITIES):
        if tuple(config.widths(name)) == widths:
            return name
    return "mix " + "-".join(str(width // 32) for width in widths)


def line_between(rows: list[dict], size: int) -> float:
    """Bits per byte on the straight line between the granularities on either side of a size in bytes."""
    corners = sorted((r["bytesPerToken"], r["bitsPerByte"]) for r in rows if r["name"] in GRANULARITIES)
    for (x0, y0), (x1, y1) in itertools.pairwise(corners):
        if x0 <= size <= x1:
            return y0 + (y1 - y0) * (size - x0) / (x1 - x0)
    return float("nan")


def below_line(rows: list[dict], row: dict) -> str:
    """How far a row lies below that line; nothing outside S to XL."""
    gap = line_between(rows, row["bytesPerToken"]) - row["bitsPerByte"]
    return "" if math.isnan(gap) else f"{gap:+.4f}"


def best_within(rows: list[dict], size: int) -> float:
    """The least bits per byte among rows of at most so many bytes a token."""
    return min(row["bitsPerByte"] for row in rows if row["bytesPerToken"] <= size)


def plot(rows: list[dict], kept: set[str], path: Path) -> None:
    """Bits per byte against megabytes read a token: kept and rejected submodels, and the line between granularities."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    corners = sorted((r["bytesPerToken"] / 1e6, r["bitsPerByte"]) for r in rows if r["name"] in GRANULARITIES)
    axes.plot(*zip(*corners, strict=True), color="#8b949e", linewidth=1, label="straight line from S to XL")
    for label, colour, found in (
        ("mixes, not kept", "#c9d1d9", [r for r in rows if r["name"].startswith("mix") and r["name"] not in kept]),
        ("mixes on the frontier", "#1f6feb", [r for r in rows if r["name"].startswith("mix") and r["name"] in kept]),
        ("granularities", "#d29922", [r for r in rows if not r["name"].startswith("mix")]),
    ):
        axes.scatter(
            [r["bytesPerToken"] / 1e6 for r in found],
            [r["bitsPerByte"] for r in found],
            s=22,
            color=colour,
            label=label,
        )
    for row in rows:
        if not row["name"].startswith("mix"):
            axes.annotate(
                row["name"], (row["bytesPerToken"] / 1e6, row["bitsPerByte"]), (5, 5), textcoords="offset points"
            )
    axes.set(xlabel="megabytes of weights read for a token", ylabel="held-out bits per byte")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--corpus", type=Path, default=Path("build/corpus"))
    parser.add_argument("--count", type=int, default=320, help="submodels to measure")
    parser.add_argument("--keep", type=int, default=32, help="submodels to keep at most")
    parser.add_argument("--search-tokens", type=int, default=20_000)
    parser.add_argument("--max-tokens", type=int, default=100_000, help="for the figures that are kept")
    parser.add_argument("--out", type=Path, default=Path("build/frontier.json"))
    parser.add_argument("--plot", type=Path, help="draw the figures of --out into this file, and measure nothing")
    parser.add_argument("--write", action="store_true", help="write the frontier into the checkpoint's config.json")
    args = parser.parse_args()
    if args.plot:
        found = json.loads(args.out.read_text())
        plot(found["rows"], set(found["kept"]), args.plot)
        return

    torch.set_grad_enabled(False)
    device = best_device()
    model = load_exported(args.model, fast_dtype(device)).to(device)
    config = model.config
    encoder = Encoder(Tokenizer.from_file(str(args.model / "tokenizer.json")))
    files = read_files(args.corpus / "heldout.jsonl")
    every = metrics.windows(files, encoder, config.context, 2 * args.max_tokens)
    seen, unseen = every[::2], every[1::2]
    step = max(1, sum(len(w.tokens) for w in seen) // args.search_tokens)
    about = {
        "weights": hashlib.sha256((args.model / "model.safetensors").read_bytes()).hexdigest(),
        "heldOutFiles": len(files), "maxTokens": args.max_tokens,
    }  # fmt: skip
    notes = Notebook(args.out.with_suffix(".search.jsonl"), about | {"windows": len(seen[::step])})
    measured = search(model, seen[::step], args.count, notes)

    candidates = undominated(
        [{"widths": w, "bytesPerToken": bytes_per_token(config, w), "bitsPerByte": b, "name": named(config, w)}
         for w, b in measured.items()]
    )  # fmt: skip
    shapes = {named(config, row["widths"]): row["widths"] for row in thinned(candidates, 2 * args.keep)}
    shapes |= {name: tuple(config.widths(name)) for name in ("XS", *GRANULARITIES)}
    shapes |= {named(config, widths): widths for widths in rising(config)}
    model = load_exported(args.model).to(device)
    notes = Notebook(args.out.with_suffix(".kept.jsonl"), about | {"windows": len(unseen)})
    score(model, list(shapes.values()), unseen, notes)
    rows = [
        {"name": name, "ffnWidths": list(widths), "parameters": config.parameters(list(widths)),
         "bytesPerToken": bytes_per_token(config, widths), "bitsPerByte": round(notes.figures[widths][0], 4),
         "agreementWithXL": round(notes.figures[widths][1], 4)}
        for name, widths in shapes.items()
    ]  # fmt: skip
    frontier = undominated(rows)
    best = thinned(frontier, args.keep)
    by_rule = [row for row in rows if tuple(row["ffnWidths"]) in rising(config)]
    print_table(
        ["Submodel", "FFN widths", "Bytes a token", "Bits per byte", "Agrees with XL", "Below the straight line by"],
        [[r["name"], " ".join(map(str, r["ffnWidths"])), f"{r['bytesPerToken']:,}", f"{r['bitsPerByte']:.4f}",
          f"{r['agreementWithXL']:.1%}", below_line(rows, r)]
         for r in best],
    )  # fmt: skip
    print("The paper's rule, widths that rise with depth:\n")
    print_table(
        ["FFN widths", "Bytes a token", "Bits per byte", "Below the straight line by", "Above the best as cheap by"],
        [[" ".join(map(str, r["ffnWidths"])), f"{r['bytesPerToken']:,}", f"{r['bitsPerByte']:.4f}",
          below_line(rows, r),
          f"{r['bitsPerByte'] - best_within(frontier, r['bytesPerToken']):+.4f}"]
         for r in sorted(by_rule, key=lambda r: r["bytesPerToken"])],
    )  # fmt: skip
    below = sum(r["bitsPerByte"] < line_between(rows, r["bytesPerToken"]) for r in best if r["name"].startswith("mix"))
    print(f"{len(measured)} measured, {len(best)} kept, {below} mixes below the straight line")
    args.out.write_text(
        json.dumps({"measured": [[list(w), bytes_per_token(config, w), b] for w, b in measured.items()], "rows": rows,
                    "kept": [r["name"] for r in best]}) + "\n"
    )  # fmt: skip
    if args.write:
        path = args.model / "config.json"
        raw = json.loads(path.read_text())
        granularities = [row for row in rows if row["name"] in ("XS", *GRANULARITIES)]
        kept = {row["name"]: row for row in [*best, *granularities]}
        raw["matformer"]["frontier"] = sorted(kept.values(), key=lambda r: r["bytesPerToken"])
        path.write_text(json.dumps(raw, indent=2) + "\n")


if __name__ == "__main__":
    main()
