"""The orders of the hidden units compared, without any training, as Markdown.

Every row keeps the same share of all hidden units: by weights alone; by energy; by energy and by fluctuation with the
mean of the cut units added (bias); and by energy with bias and widths by layer (budgets). The others have the same
width in every layer. Measured rows are kept in `--out`, so an interrupted command goes on with the next; if its
model, text or options are others, it is refused.

    python -m training.corpus --heldout-only --out build/heldout
    python -m training.elastic.orders --model build/models/smollm2-135m-q4_1.gguf --text build/corpus/train.jsonl \\
        --code build/heldout/heldout.jsonl --prose build/heldout/tarballs --out build/orders/smollm2
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from training.elastic.budgets import WINDOW, budgets, sensitivities
from training.elastic.calibrate import Calibration, calibrate, ranking, sort_units
from training.elastic.checkpoint import CheckpointError, load
from training.elastic.finetune import precision, save_state
from training.elastic.inputs import at_least, inputs_of, require_same
from training.elastic.measure import LineEnds, Result, score
from training.elastic.nested import blocks, uniform
from training.elastic.text import TextError, read_sample, take_rows, windows
from training.evaluate import print_table
from training.model import best_device

SHARES = (0.9, 0.8, 0.7, 0.5, 0.25, 0.125)
NUMBERS = ("seed", "calibration_tokens", "sensitivity_tokens", "code_tokens", "prose_tokens")
# name -> (order, compensated, widths by layer)
VARIANTS = {
    "weights": ("weights", False, False),
    "energy": ("energy", False, False),
    "energy, bias": ("energy", True, False),
    "fluctuation, bias": ("fluctuation", True, False),
    "energy, bias, budgets": ("energy", True, True),
}
MEASURES = {
    "Bits per byte": lambda r, dense: f"{r.bits_per_byte:.3f} ({r.bits_per_byte / dense.bits_per_byte - 1:+.1%})",
    "Same greedy token as the dense model": lambda r, _: f"{r.agreement:.1%}",
    "Rest of line exact": lambda r, _: f"{r.exact_lines:.1%}",
}


def print_tables(found: dict[tuple[str, str, float], Result]) -> None:
    """found: (sample, variant, share) -> result; the variant of the dense model is "dense"."""
    for sample in dict.fromkeys(key[0] for key in found):
        dense = found[sample, "dense", 1.0]
        print(
            f"### {sample}\n\n{dense.tokens:,} tokens, {dense.text_bytes:,} bytes, {dense.cursors:,} cursors. Dense: "
            f"{dense.bits_per_byte:.4f} bits per byte, rest of line exact {dense.exact_lines:.1%}.\n"
        )
        for title, cell in MEASURES.items():
            print_table(
                [title, *(f"{share:.1%}".replace(".0%", "%") for share in SHARES)],
                [[name, *(cell(found[sample, name, share], dense) for share in SHARES)] for name in VARIANTS],
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.elastic.orders",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", type=Path, required=True, help="folder, GGUF file, or run of training.train")
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.json of a run")
    parser.add_argument("--text", type=Path, nargs="+", required=True, help="for calibration and budgets")
    parser.add_argument("--code", type=Path, nargs="+", required=True, help="held-out code to score")
    parser.add_argument("--prose", type=Path, nargs="+", help="held-out English: archives with Markdown, or texts")
    parser.add_argument("--out", type=Path, required=True, help="folder of what is measured so far")
    parser.add_argument("--calibration-tokens", type=at_least(1), default=16_000)
    parser.add_argument("--sensitivity-tokens", type=at_least(1), default=2048)
    parser.add_argument("--code-tokens", type=at_least(1), default=8_000)
    parser.add_argument("--prose-tokens", type=at_least(1), default=4_000)
    parser.add_argument("--seed", type=int, default=1, help="of the choice of files")
    args = parser.parse_args()
    try:
        files = read_sample(args.text, args.seed)
        sources = {"Code": (args.code, args.code_tokens), "English": (args.prose, args.prose_tokens)}
        samples = {k: (read_sample(v, args.seed), tokens) for k, (v, tokens) in sources.items() if v}
        checkpoint = load(args.model, args.tokenizer)
    except (CheckpointError, TextError) as error:
        raise SystemExit(str(error)) from None
    texts = {"text": files, "code": samples["Code"][0]}
    if args.prose:
        texts["prose"] = samples["English"][0]
    inputs = inputs_of(args, NUMBERS, checkpoint.model, texts)
    statistics = args.out / "statistics.pt"
    state = torch.load(statistics, weights_only=True) if statistics.exists() else None
    if state:
        try:
            require_same(statistics, state.get("inputs"), inputs)
        except ValueError as error:
            raise SystemExit(str(error)) from None
    model, text = checkpoint.model.to(best_device()), checkpoint.text
    reduced, ffn = precision(model.device), blocks(model)[0].ffn
    args.out.mkdir(parents=True, exist_ok=True)
    line_ends = LineEnds(text, model.config.vocab_size)
    found = {name: windows(text, held, checkpoint.window, tokens) for name, (held, tokens) in samples.items()}

    if state:
        calibration = Calibration(list(state["mean"]), list(state["square"]), state["tokens"])
    else:
        with reduced():
            calibration = calibrate(model, take_rows(text, iter(files), checkpoint.window, args.calibration_tokens))
        state = {"mean": list(calibration.mean), "square": list(calibration.square), "tokens": calibration.tokens,
                 "inputs": inputs}  # fmt: skip
        save_state(statistics, state)

    results: dict[tuple[str, str, float], Result] = {}
    measured = args.out / "measured.jsonl"
    if measured.exists():
        for line in measured.read_text().splitlines():
            row = json.loads(line)
            results[row["sample"], row["variant"], row["share"]] = Result(**row["result"])
    best_of_dense: dict[str, list[torch.Tensor]] = {name: [] for name in found}
    with open(measured, "a") as log:

        def measure(sample: str, variant: str, share: float, widths: dict[str, list[int]]) -> None:
            result = score(model, widths, found[sample], line_ends, reduced, best_of_dense[sample])
            results[sample, variant, share] = next(iter(result.values()))
            row = {"sample": sample, "variant": variant, "share": share, "widths": next(iter(widths.values()), [])}
            print(json.dumps(row | {"result": asdict(results[sample, variant, share])}), file=log, flush=True)

        for sample in found:
            measure(sample, "dense", 1.0, {})
        for variant, (order, is_compensated, has_budgets) in VARIANTS.items():
            missing = [(s, share) for s in found for share in SHARES if (s, variant, share) not in results]
            if not missing:
                continue
            sort_units(model, calibration, ranking(model, calibration, order), is_compensated)
            if has_budgets and "costs" not in state:
                # Other files than the statistics are of.
                rows = take_rows(text, iter(files[::-1]), WINDOW, args.sensitivity_tokens)
                with reduced():
                    state["costs"] = sensitivities(model, rows).tolist()
                save_state(statistics, state)
            for sample, share in missing:
                widths = budgets(ffn, np.array(state["costs"]), share) if has_budgets else uniform(model, share)
                measure(sample, variant, share, {variant: widths})
    print(f"Calibrated on {calibration.tokens:,} tokens of other files.\n")
    print_tables(results)


if __name__ == "__main__":
    main()
