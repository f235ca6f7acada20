"""What makes XL worth more than S: rows of the same compute on the same data.

S has an eighth of the hidden units in every row but `narrow`; `wide` and `deep` make XL larger and leave S as it is. A
row that is done is kept in `--results`. The model is small (d 64, four layers), because one that has seen few tokens
for each of its parameters hardly uses its width.

    python -m training.experiments.spread base deep --workers 1   # run these rows if they are missing
    python -m training.experiments.spread --table
"""

import argparse
import json
import math
from dataclasses import replace
from pathlib import Path

import torch
from tokenizers import Tokenizer

from training import metrics
from training.data import Encoder, read_files
from training.evaluate import print_table
from training.experiments.ablate import Row, hardware, run_all
from training.experiments.objectives import SHORT, shortened
from training.export import load_run
from training.model import GRANULARITIES, MatLM, best_device

RESULTS = Path("docs/results/spread")


def rows(hidden: int, layers: int) -> dict[str, Row]:
    deeper = ("--layers", str(2 * layers), "--nested-depth")
    base, late = ("--objective", "sampled"), ("--objective", "sampled-late")
    table = {
        "base": ("one sampled granularity a step", base),
        "s-alone": ("S alone", ("--objective", "S")),
        "xl-alone": ("XL alone", ("--objective", "XL")),
        "narrow": ("S has 1/16 of the units", (*base, "--narrowest", "16")),
        "wide": ("XL twice as wide", (*base, "--ffn", str(8 * hidden), "--narrowest", "16")),
        "deep": ("XL and L twice as deep", (*base, *deeper)),
        "late": ("XL .70 in the last third", late),
        "context": ("only XL reads more than 256 tokens", ("--objective", "sampled-context")),
        "deep-late": ("XL and L twice as deep, XL .70 in the last third", (*late, *deeper)),
        "deep-xl-alone": ("XL alone, twice as deep", ("--objective", "XL", *deeper)),
    }
    return {key: Row(name, arguments) for key, (name, arguments) in table.items()}


@torch.inference_mode()
def bits_in_short_context(model: MatLM, widths: list[int], found: list[metrics.Window]) -> float:
    """Bits per byte of the same tokens, read in pieces of a part of the context."""
    nats = 0.0
    for batch in metrics.batches(found):
        inputs, targets, segments = metrics.flatten(batch, model.device)
        pieces = shortened(segments, model.config.context // SHORT)
        nats += model.token_losses(inputs, targets, widths, pieces).sum().item()
    return nats / math.log(2) / sum(w.text_bytes for w in found)


def measure(key: str, row: Row, out: Path, results: Path, max_tokens: int) -> None:
    """Held-out figures of a finished row, into its JSON file among the results."""
    torch.set_num_threads(1)
    model = load_run(out / key).to(best_device())
    config, encoder = model.config, Encoder(Tokenizer.from_file(f"build/{row.tokenizer}"))
    found = metrics.windows(read_files(Path("build/corpus/heldout.jsonl")), encoder, config.context, max_tokens)
    scores = metrics.score(model, {name: config.widths(name) for name in GRANULARITIES}, found)
    last = json.loads((out / key / "log.jsonl").read_text().splitlines()[-1])
    result = {
        "name": row.name, "arguments": list(row.arguments), "tokens": last["tokens"], "petaflops": last["petaflops"],
        "parameters": {name: config.parameters(config.widths(name)) for name in GRANULARITIES},
        "bitsPerByte": {name: round(score.bits_per_byte, 4) for name, score in scores.items()},
        "agreement": {name: round(score.agreement, 4) for name, score in scores.items()},
        "shortContext": {n: round(bits_in_short_context(model, config.widths(n), found), 4) for n in ("S", "XL")},
    }  # fmt: skip
    results.mkdir(parents=True, exist_ok=True)
    (results / f"{key}.json").write_text(json.dumps(result, indent=1) + "\n")


def print_rows(known: dict[str, Row], results: Path) -> None:
    """The measured rows as a table, in their order."""
    files = {key: results / f"{key}.json" for key in known}
    found = {key: json.loads(file.read_text()) for key, file in files.items() if file.exists()}
    alone = found.get("s-alone", {}).get("bitsPerByte", {}).get("S")
    head = ["Row", "Tokens (M)", "S (M)", "XL (M)", *GRANULARITIES, "XL below S by", "S above S alone by",
            "S in 256 tokens", "S agrees with XL"]  # fmt: skip
    body = []
    for r in found.values():
        bits, parameters = r["bitsPerByte"], r["parameters"]
        sizes = [f"{parameters[n] / 1e6:.3f}" for n in ("S", "XL")]
        above = f"{bits['S'] / alone - 1:+.1%}" if alone else ""
        spread = [f"{1 - bits['XL'] / bits['S']:.1%}", above]
        body.append([r["name"], f"{r['tokens'] / 1e6:.2f}", *sizes, *(f"{bits[n]:.4f}" for n in GRANULARITIES),
                     *spread, f"{r['shortContext']['S']:.4f}", f"{r['agreement']['S']:.1%}"])  # fmt: skip
    print_table(head, body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help="rows to run; all by default")
    parser.add_argument("--hidden", type=int, default=64, help="a multiple of 64")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--batch", type=int, default=4096, help="tokens an update")
    parser.add_argument("--petaflops", type=float, default=0.0125, help="of each row")
    parser.add_argument("--workers", type=int, default=2, help="rows side by side")
    parser.add_argument("--out", type=Path, default=Path("build/spread"), help="folder of the runs")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the figures")
    parser.add_argument("--max-tokens", type=int, default=60_000, help="held-out tokens that are measured")
    parser.add_argument("--table", action="store_true", help="print the table of the finished rows")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    args = parser.parse_args()
    known = rows(args.hidden, args.layers)
    if unknown := [name for name in args.rows if name not in known]:
        raise SystemExit(f"no row {', '.join(unknown)}; there are {', '.join(known)}")
    args.out.mkdir(parents=True, exist_ok=True)
    if args.measure:
        measure(args.measure, known[args.measure], args.out, args.results, args.max_tokens)
    elif args.table:
        print_rows(known, args.results)
    else:
        shape = ("--hidden", str(args.hidden), "--layers", str(args.layers), "--batch", str(args.batch))
        budget = (*shape, *hardware(), "--petaflops", str(args.petaflops))
        wanted = {key: replace(known[key], arguments=budget + known[key].arguments) for key in args.rows or known}
        measuring = ["--results", str(args.results), "--max-tokens", str(args.max_tokens)]
        run_all("training.experiments.spread", wanted, args.out, args.results, args.workers, measuring)


if __name__ == "__main__":
    main()
