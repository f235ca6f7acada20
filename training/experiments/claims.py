"""The paper's claims, on code: one nested model against independently trained twins, at four sizes.

The paper's accounting: each twin trains on some tokens, the nested model on four times as many, of which S, M, L and XL
get .20, .22, .24 and .34. The questions:

- does every granularity reach its twin in held-out bits per byte?
- do the nested granularities agree with their XL more often than the twins with theirs?
- does a fit of loss = a (parameters * tokens)^b + c give the nested models the same slope?

A run that is done is kept in `docs/results/claims/`; the report shows the sizes that are complete. Agreement needs the
checkpoints too.

    python -m training.experiments.claims           # run the missing ones: minutes of a GPU, six hours of two cores
    python -m training.experiments.claims --report  # the tables, and the plots of docs/results/matlm.md
"""

import argparse
import json
from pathlib import Path

import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import curve_fit
from tokenizers import Tokenizer
from torch import Tensor

from training import metrics
from training.data import Encoder, read_files
from training.evaluate import print_table
from training.experiments.ablate import Row, hardware, run_all
from training.export import load_run
from training.model import GRANULARITIES, Config, MatLM, best_device
from training.train import config_of, options

# For each size: the trainer's options, and the tokens of each twin.
SIZES = {
    "d64": (("--hidden", "64", "--layers", "3", "--heads", "1", "--kv-heads", "1"), 4_000_000),
    "d128": (("--hidden", "128", "--layers", "4", "--heads", "2", "--kv-heads", "1"), 6_000_000),
    "d192": (("--hidden", "192", "--layers", "5", "--heads", "3", "--kv-heads", "1"), 8_000_000),
    "d256": (("--hidden", "256", "--layers", "6", "--heads", "4", "--kv-heads", "2"), 10_000_000),
}
RESULTS = Path("docs/results/claims")


def rows(share: float = 1.0) -> dict[str, Row]:
    """`d256-nested`, `d256-S` and so on, each with this share of its tokens."""
    found = {}
    for size, (shape, tokens) in SIZES.items():
        for name in ("nested", *GRANULARITIES):
            objective, budget = ("sampled", 4 * tokens) if name == "nested" else (name, tokens)
            arguments = ("--batch", "8192", "--end-weight", "1", *hardware(), *shape, "--objective", objective)
            arguments += ("--tokens", str(round(budget * share)))
            found[f"{size}-{name}"] = Row(f"{size}, {name}", arguments)
    return found


def held_out(config: Config, max_tokens: int) -> list[metrics.Window]:
    encoder = Encoder(Tokenizer.from_file("build/tokenizer.json"))
    files = read_files(Path("build/corpus/heldout.jsonl"))
    return metrics.windows(files, encoder, config.context, max_tokens)


@torch.inference_mode()
def measure(key: str, out: Path, max_tokens: int) -> None:
    """Bits per byte of the granularities that the run trained."""
    torch.set_num_threads(1)
    model = load_run(out / key).to(best_device())
    trained = GRANULARITIES if key.endswith("-nested") else (key.rpartition("-")[2],)
    found = held_out(model.config, max_tokens)
    result = {name: metrics.bits_per_byte(model, model.config.widths(name), found) for name in trained}
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{key}.json").write_text(json.dumps(result) + "\n")


@torch.inference_mode()
def agreement(
    small: tuple[MatLM, list[int]], large: tuple[MatLM, list[int]], found: list[metrics.Window]
) -> tuple[float, float]:
    """Share of tokens where both choose the same next token, and the mean KL(small || large) in nats."""
    same, divergence, count = 0, 0.0, 0
    for batch in metrics.batches(found):
        inputs, targets, segments = metrics.flatten(batch, small[0].device)

        def logs(of: tuple[MatLM, list[int]]) -> Tensor:
            model, widths = of
            states = model.states(inputs, widths, segments)[targets >= 0]  # noqa: B023
            return F.log_softmax(F.linear(states, model.embedding.to(model.dtype)).float(), dim=-1)

        a, b = logs(small), logs(large)
        same += int((a.argmax(-1) == b.argmax(-1)).sum())
        divergence += (a.exp() * (a - b)).sum().item()
        count += len(a)
    return same / count, divergence / count


def fit(points: list[tuple[float, float]]) -> np.ndarray:
    """a, b, c of loss = a x^b + c for (parameters * tokens in units of 1e12, loss); b < 0 <= c."""
    x, y = np.array(points).T

    def curve(x: np.ndarray, a: float, b: float, c: float) -> np.ndarray:
        return a * x**b + c

    return curve_fit(curve, x, y, p0=(0.5, -0.2, 0.8), bounds=([0, -2, 0], [10, 0, 3]), maxfev=20_000)[0]


def consistency(size: str, out: Path, max_tokens: int) -> list[tuple]:
    """(size, granularity, agreement and KL with XL: nested, then the twin with XL's twin) for S, M and L."""
    models = {name: load_run(out / f"{size}-{name}").to(best_device()) for name in ("nested", *GRANULARITIES)}
    config, found = models["nested"].config, held_out(models["nested"].config, max_tokens)[::2]
    full, rows = config.widths("XL"), []
    for name in ("S", "M", "L"):
        ours = agreement((models["nested"], config.widths(name)), (models["nested"], full), found)
        twins = agreement((models[name], config.widths(name)), (models["XL"], full), found)
        rows.append((size, name, *ours, *twins))
    return rows


def report(out: Path, media: Path, max_tokens: int) -> None:
    table, agreements, points = [], [], {"nested": [], "twins": []}
    for size, (shape, tokens) in SIZES.items():
        files = {name: RESULTS / f"{size}-{name}.json" for name in ("nested", *GRANULARITIES)}
        if missing := [file.name for file in files.values() if not file.exists()]:
            print(f"{size}: left out, because {', '.join(missing)} is missing\n")
            continue
        results = {name: json.loads(file.read_text()) for name, file in files.items()}
        config = config_of(options().parse_args([*shape, "--tokens", "1"]))
        for name in GRANULARITIES:
            parameters = config.parameters(config.widths(name))
            ours, twin = results["nested"][name], results[name][name]
            table.append(
                [size, name, f"{parameters / 1e6:.2f}", f"{tokens / 1e6:g}", f"{twin:.4f}", f"{ours:.4f}",
                 f"{ours / twin - 1:+.1%}"]
            )  # fmt: skip
            points["nested"].append((parameters * tokens / 1e12, ours))
            points["twins"].append((parameters * tokens / 1e12, twin))
        if all((out / f"{size}-{name}" / "checkpoint.pt").exists() for name in files):
            agreements += consistency(size, out, max_tokens)
    print_table(
        ["Size", "Granularity", "Parameters (M)", "Tokens of each (M)", "Twin, bits per byte", "Nested",
         "Nested against twin"], table,
    )  # fmt: skip
    if agreements:
        print_table(
            ["Size", "Granularity", "Nested agrees with XL", "KL, nats", "Twin agrees with XL's twin", "KL, nats"],
            [[size, name, f"{a:.1%}", f"{b:.3f}", f"{c:.1%}", f"{d:.3f}"] for size, name, a, b, c, d in agreements],
        )
    fits = {kind: fit(found) for kind, found in points.items()}
    print_table(["loss = a (N D / 1e12)^b + c", "a", "b", "c"],
                [[kind, *(f"{value:.3f}" for value in found)] for kind, found in fits.items()])  # fmt: skip
    plot(points, fits, agreements, media)


def plot(
    points: dict[str, list[tuple[float, float]]], fits: dict[str, np.ndarray], agreements: list[tuple], media: Path
) -> None:
    """Loss against parameters times tokens, and agreement by granularity."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    media.mkdir(parents=True, exist_ok=True)
    colours = {"nested": "#1f6feb", "twins": "#d29922"}
    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for kind, found in points.items():
        x, y = np.array(found).T
        smooth = np.geomspace(x.min(), x.max(), 100)
        a, b, c = fits[kind]
        axes.plot(smooth, a * smooth**b + c, color=colours[kind], linewidth=1)
        axes.scatter(x, y, color=colours[kind], marker="o" if kind == "nested" else "s", s=30, label=kind)
    axes.set(xscale="log", xlabel="parameters times tokens of a granularity (1e12)", ylabel="held-out bits per byte")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    figure.savefig(media / "scaling.png", dpi=150)

    if not agreements:
        return
    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    labels = [f"{name}\n{size}" for size, name, *_ in agreements]
    places = np.arange(len(labels))
    for shift, kind, column in ((-0.2, "nested", 2), (0.2, "twins", 4)):
        axes.bar(places + shift, [100 * row[column] for row in agreements], 0.38, color=colours[kind], label=kind)
    axes.set_xticks(places, labels)
    axes.set(ylabel="next token the same as XL's (%)", ylim=(0, 100))
    axes.legend(frameon=False)
    axes.grid(alpha=0.3, axis="y")
    figure.savefig(media / "agreement.png", dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help="runs; all by default")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("build/claims"))
    parser.add_argument("--media", type=Path, default=Path("docs/media"), help="folder of the plots")
    parser.add_argument("--max-tokens", type=int, default=150_000, help="held-out tokens that are measured")
    parser.add_argument("--share", type=float, default=1.0, help="share of each run's tokens; below 1 for a trial")
    parser.add_argument("--report", action="store_true", help="print the tables and draw the plots")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    known = rows(args.share)
    if unknown := [name for name in args.rows if name not in known]:
        raise SystemExit(f"no run {', '.join(unknown)}; there are {', '.join(known)}")
    if args.measure:
        measure(args.measure, args.out, args.max_tokens)
    elif args.report:
        report(args.out, args.media, args.max_tokens)
    else:
        wanted = {key: known[key] for key in args.rows or known}
        measuring = ["--max-tokens", str(args.max_tokens)]
        run_all("training.experiments.claims", wanted, args.out, RESULTS, args.workers, measuring)


if __name__ == "__main__":
    main()
