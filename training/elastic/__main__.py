"""Make a dense checkpoint elastic: sort, compensate, choose widths, fine-tune, write the folder.

The folder is for `matcoder import`; of a model of ours it needs no import. Without `--tokens` or `--minutes` nothing is
trained. An interrupted command resumes when it is started again; if its model, text or options are others, it is
refused. Figures are of `--heldout`, text that neither calibration nor training sees, and of `--prose`, English of
held-out packages.

    python -m training.corpus --heldout-only --out build/heldout
    python -m training.elastic --model build/models/smollm2-135m-q4_1.gguf --text build/corpus/train.jsonl \\
        --heldout build/heldout/heldout.jsonl --prose build/heldout/tarballs --minutes 60 --out build/elastic
"""

import argparse
import copy
from datetime import UTC, datetime
from pathlib import Path

import torch
from transformers import PreTrainedModel

from training.data import require_tokens_of
from training.elastic import finetune, nested
from training.elastic.budgets import WINDOW, budgets, sensitivities
from training.elastic.calibrate import Calibration, calibrate, ranking, sort_units
from training.elastic.checkpoint import Checkpoint, CheckpointError, load, require_tokenizer, save
from training.elastic.finetune import Settings, Tuner, fine_tune, precision
from training.elastic.inputs import Inputs, at_least, data_input, inputs_of, require_same
from training.elastic.measure import LineEnds, Result, score
from training.elastic.text import (
    SHORTEST_ROW,
    EpochStream,
    Stream,
    TextError,
    knows_our_marks,
    read_sample,
    take_rows,
    windows,
)
from training.evaluate import print_table
from training.model import best_device

SIZES = {"S": 1 / 8, "M": 1 / 4, "L": 1 / 2}  # shares of the hidden units
SENSITIVITY_TOKENS = 2048
PREPARED_WITH = ("seed", "calibration_tokens", "widths")  # the options of `prepare`
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.elastic", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="folder, GGUF file, or run of training.train")
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.json of a run")
    parser.add_argument("--text", type=Path, nargs="+", required=True, help="files, folders, or .jsonl of the corpus")
    parser.add_argument("--heldout", type=Path, nargs="+", required=True, help="the same, for the figures")
    parser.add_argument(
        "--prose", type=Path, nargs="+", help="held-out English, for its figures too: archives with Markdown, or texts"
    )
    parser.add_argument("--data", type=Path, help="folder of training.data to train on in the place of --text")
    parser.add_argument("--out", type=Path, required=True, help="the elastic folder; OUT.run holds what resumes")
    parser.add_argument("--calibration-tokens", type=at_least(1), default=16_000)
    parser.add_argument("--heldout-tokens", type=at_least(1), default=8_000, help="of each kind of text")
    parser.add_argument("--widths", default="budgets", choices=("budgets", "uniform"), help="by layer, or all alike")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--tokens", type=at_least(0.0), default=0, help="of nested fine-tuning")
    budget.add_argument(
        "--minutes", type=at_least(0.0), default=0, help="of nested fine-tuning, without the evaluations"
    )
    parser.add_argument("--mode", default="weights", choices=finetune.MODES, help="what is trained")
    parser.add_argument("--batch", type=at_least(1), default=Settings.batch, help="tokens an update")
    parser.add_argument("--chunk", type=at_least(1), default=Settings.chunk, help="tokens at once")
    parser.add_argument(
        "--window", type=at_least(SHORTEST_ROW + 1), default=Settings.window, help="tokens of a row in training"
    )
    parser.add_argument("--rate", type=float, default=Settings.rate)
    parser.add_argument("--means-rate", type=float, default=Settings.means_rate)
    parser.add_argument("--evaluate-every", type=at_least(0.0), default=Settings.evaluate_every, help="tokens")
    parser.add_argument("--checkpoint-minutes", type=float, default=Settings.checkpoint_minutes)
    parser.add_argument("--compile", action="store_true", help="torch.compile: for a GPU or a CPU with AMX")
    parser.add_argument(
        "--dtype", default="bf16", choices=DTYPES, help="of the matrices written; of a model of ours int8"
    )
    parser.add_argument("--seed", type=int, default=1)
    return parser


def require_usable(args: argparse.Namespace) -> EpochStream | None:
    """End with a message for options that cannot be used: here, because the next steps take minutes. -> `--data`."""
    is_trained = args.tokens or args.minutes
    if not is_trained and (args.data or args.mode != Settings.mode):
        raise SystemExit("--data and --mode are for training: give --tokens or --minutes with them")
    if args.out.exists() and not args.out.is_dir():
        raise SystemExit(f"{args.out}: not a folder; use another --out")
    if args.out.resolve() == args.model.resolve():
        raise SystemExit(f"{args.out}: is the --model, which would be overwritten; use another --out")
    checkpoint = run_folder(args) / "checkpoint.pt"
    if checkpoint.exists() and not is_trained:
        raise SystemExit(
            f"{checkpoint}: holds a training, which {args.out} would lose; give its --tokens or --minutes, or use "
            "another --out"
        )
    require_tokenizer(args.model, args.tokenizer)
    if args.data is None or not args.model.exists():
        return None
    try:
        stream = EpochStream(args.data, args.window)
    except FileNotFoundError as error:
        raise SystemExit(str(error)) from None
    tokenizer = args.tokenizer or args.model / "tokenizer.json"
    if not knows_our_marks(tokenizer):
        raise SystemExit(
            f"{args.model}: --data holds tokens of ours, which it does not know; make a folder that does with "
            f"python -m training.graft --model {args.model} --out FOLDER, and give that as --model"
        )
    require_tokens_of(tokenizer, args.data)
    return stream


def run_folder(args: argparse.Namespace) -> Path:
    """What resumes."""
    return args.out.with_name(args.out.name + ".run")


def prepare(
    checkpoint: Checkpoint, files: list[dict], args: argparse.Namespace, inputs: Inputs
) -> tuple[Calibration, dict[str, list[int]]]:
    """Calibrate, sort, and choose widths; read back if an earlier start did it. -> (statistics as sorted, widths).

    Raises ValueError if it did so with other inputs.
    """
    model, run = checkpoint.model, run_folder(args)
    kept = run / "sorted.pt"
    if kept.exists():
        state = torch.load(kept, weights_only=True)
        require_same(kept, state.get("inputs"), inputs)
        calibration = Calibration(state["mean"], state["square"], state["tokens"])
        sort_units(model, calibration, state["ranks"], compensate=True)
        return calibration, state["shapes"]
    reduced = precision(model.device)
    with reduced():
        rows = take_rows(checkpoint.text, iter(files), checkpoint.window, args.calibration_tokens)
        calibration = calibrate(model, rows)
    state = {"mean": list(calibration.mean), "square": list(calibration.square), "tokens": calibration.tokens}
    ranks = ranking(model, calibration, "energy")
    sort_units(model, calibration, ranks, compensate=True)
    shapes = {name: nested.uniform(model, share) for name, share in SIZES.items()}
    if args.widths == "budgets":
        with reduced():  # on other files than the statistics are of
            rows = take_rows(checkpoint.text, iter(files[::-1]), WINDOW, SENSITIVITY_TOKENS)
            costs = sensitivities(model, rows)
        shapes = {name: budgets(nested.blocks(model)[0].ffn, costs, share) for name, share in SIZES.items()}
    run.mkdir(parents=True, exist_ok=True)
    finetune.save_state(kept, state | {"ranks": ranks, "shapes": shapes, "inputs": inputs})
    return calibration, shapes


def figures(results: dict[str, Result]) -> dict:
    return {
        "bits_per_byte": {name: round(r.bits_per_byte, 4) for name, r in results.items()},
        "agreement": {name: round(r.agreement, 4) for name, r in results.items()},
    }


def frontier_of(results: dict[str, Result], sizes: dict[str, list[int]]) -> list[dict]:
    """The rows of `matformer.frontier`, cheapest first: Auto weighs the sizes by them."""
    rows = [
        {
            "name": name,
            "ffnWidths": sizes[name],
            "bitsPerByte": round(result.bits_per_byte, 4),
            "agreementWithXL": round(result.agreement, 4),
        }
        for name, result in results.items()
    ]
    return sorted(rows, key=lambda row: sum(row["ffnWidths"]))


def print_result(kind: str, before: dict[str, Result], after: dict[str, Result], sizes: dict[str, list[int]]) -> None:
    """The sizes on one kind of held-out text, before and after training."""
    base = before["XL"]

    def bits(result: Result) -> str:
        return f"{result.bits_per_byte:.4f} ({result.bits_per_byte / base.bits_per_byte - 1:+.1%})"

    print(f"{kind}: {base.tokens:,} tokens, {base.text_bytes:,} bytes, {base.cursors:,} cursors of held-out text\n")
    print_table(
        ["Size", "FFN", "Bits per byte, sorted", "Trained", "Agrees with the dense model", "Rest of line exact"],
        [
            [name, f"{sum(widths) / sum(sizes['XL']):.1%}", bits(before[name]), bits(after[name]),
             f"{after[name].agreement:.1%}", f"{after[name].exact_lines:.1%}"]
            for name, widths in sizes.items()
        ],
    )  # fmt: skip


def tuner_of(
    args: argparse.Namespace,
    model: PreTrainedModel,
    calibration: Calibration,
    shapes: dict[str, list[int]],
    inputs: Inputs,
) -> Tuner:
    """The training that the options ask for. Raises ValueError if `OUT.run` holds another."""
    settings = Settings(
        mode=args.mode, tokens=args.tokens, minutes=args.minutes, batch=args.batch, chunk=args.chunk,
        window=args.window, rate=args.rate, means_rate=args.means_rate, evaluate_every=int(args.evaluate_every),
        checkpoint_minutes=args.checkpoint_minutes, seed=args.seed,
    )  # fmt: skip
    teacher = {"weights": copy.deepcopy, "means": lambda model: model, "all": lambda _: None}[args.mode](model)
    tuner = Tuner(model, teacher, calibration, shapes, settings, inputs)
    checkpoint = run_folder(args) / "checkpoint.pt"
    if checkpoint.exists():  # `fine_tune` would refuse it only after the first measurement
        tuner.require_own(torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True), checkpoint)
    return tuner


def main() -> None:
    args = options().parse_args()
    try:
        data = require_usable(args)
        files = read_sample(args.text, args.seed)
        sources = {"Code": args.heldout, "English": args.prose}
        held_out = {kind: read_sample(paths) for kind, paths in sources.items() if paths}
        checkpoint = load(args.model, args.tokenizer)
    except (CheckpointError, TextError) as error:
        raise SystemExit(str(error)) from None
    inputs = inputs_of(args, PREPARED_WITH, checkpoint.model, {"text": files})
    model = checkpoint.model.to(best_device())
    if args.compile:
        nested.compile_activation()
        finetune.compile_loss()
    found = {
        kind: windows(checkpoint.text, texts, checkpoint.window, args.heldout_tokens)
        for kind, texts in held_out.items()
    }
    tuner = None
    try:
        calibration, shapes = prepare(checkpoint, files, args, inputs)
        if args.tokens or args.minutes:
            tuner = tuner_of(args, model, calibration, shapes, inputs | data_input(data, args.data))
    except ValueError as error:
        raise SystemExit(str(error)) from None
    sizes = {"XL": nested.full_widths(model)} | shapes
    line_ends = LineEnds(checkpoint.text, model.config.vocab_size)
    best_of_dense: dict[str, list[torch.Tensor]] = {kind: [] for kind in found}

    def measure() -> dict[str, dict[str, Result]]:
        reduced = precision(model.device)
        return {
            kind: score(model, sizes, text, line_ends, reduced, best_of_dense[kind]) for kind, text in found.items()
        }

    before = after = measure()
    trained = 0
    if tuner:
        stream = data or Stream(checkpoint.text, files, args.window, args.seed)

        def evaluate() -> dict:
            nonlocal after
            after = measure() if tuner.update else before
            return {kind: figures(results) for kind, results in after.items()}

        try:
            fine_tune(tuner, stream, run_folder(args), evaluate)
        except (ValueError, FloatingPointError) as error:
            raise SystemExit(str(error)) from None
        trained = tuner.tokens
    print(f"Calibrated on {calibration.tokens:,} tokens, trained on {trained:,}.\n")
    for kind in found:
        print_result(kind, before[kind], after[kind], sizes)
    base = before["Code"]["XL"]
    record = {
        "calibratedTokens": calibration.tokens,
        "trainedTokens": trained,
        "heldOutTokens": base.tokens,
        "heldOutBytes": base.text_bytes,
        "sample": "user",
        "createdAt": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    try:
        save(checkpoint, shapes, record, args.out, DTYPES[args.dtype], frontier_of(after["Code"], sizes))
    except CheckpointError as error:
        raise SystemExit(f"{args.model}: {error}") from None
    print(f"{args.out}: written")


if __name__ == "__main__":
    main()
