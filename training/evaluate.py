"""Held-out figures of a checkpoint folder, for every granularity: the measures of `training.metrics` as tables.

Baselines on the same places: an n-gram model of the same corpus, and copying from the prompt alone. The figures with
the memory of a workspace are those of `training.gate`. The n-grams are counted in tokens of the checkpoint's tokenizer,
without FIM splits:

    python -m training.data --tokenizer models/matlm-46m/tokenizer.json --fim 0 --epochs 1 --out build/tokens-plain

    python -m training.evaluate --model models/matlm-46m
    python -m training.evaluate --places build/places.json       # then: npm run eval -- --places build/places.json
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from training import memory, metrics, ngram
from training.data import Encoder, read_files, require_tokens_of
from training.export import SHIPPED, load_exported
from training.model import GRANULARITIES, MatLM, best_device

NAMES = ("XS", *GRANULARITIES)


def print_table(head: list[str], rows: list[list[str]]) -> None:
    """Print a Markdown table."""
    print("| " + " | ".join(head) + " |")
    print("| --- |" + " ---: |" * (len(head) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def per_granularity(model: MatLM, found: list[metrics.Window]) -> None:
    """Bits per byte, accuracy, agreement and KL of each; then bits per byte and accuracy by language."""
    scores = metrics.score(model, {name: model.config.widths(name) for name in NAMES}, found)
    print_table(
        ["Submodel", "Parameters", "Bits per byte", "Next token right", "Agrees with XL", "KL with XL, nats"],
        [[name, f"{model.config.parameters(model.config.widths(name)):,}", f"{s.bits_per_byte:.4f}",
          f"{s.accuracy:.1%}", f"{s.agreement:.1%}", f"{s.kl / s.tokens:.4f}"] for name, s in scores.items()],
    )  # fmt: skip
    languages = sorted(scores["XL"].by_language)
    print_table(
        ["Submodel", *languages],
        [[name, *(f"{s.by_language[x].bits_per_byte:.3f}, {s.by_language[x].accuracy:.1%}" for x in languages)]
         for name, s in scores.items()],
    )  # fmt: skip


def baseline_lines(
    encoder: Encoder, counts: ngram.NGram, cursors: list[metrics.Line]
) -> dict[str, list[metrics.Completion]]:
    """The rest of each line by the n-gram model, and by copying what follows the longest match in the prompt."""
    stop = metrics.line_ends(encoder)
    found: dict[str, list[metrics.Completion]] = {"5-grams": [], "copying alone": []}
    for line in cursors:
        history = encoder.ids(line.prefix)
        text = [token for token in line.prompt if token not in encoder.marks]
        grams, copied, stopped, confidence, copy_stopped = [], [], False, 1.0, False
        for _ in range(48):
            chances = counts.probabilities([*history, *grams])
            best = int(chances.argmax())
            if best in stop:
                stopped = True
                break
            confidence *= float(chances[best])
            grams.append(best)
        for _ in range(48):
            match = memory.look_up([*text, *copied], [len(text) + len(copied)], [])
            best = int(match.tokens[0, memory.SOURCES.index("window") * 2, 0])
            if best < 0 or best in stop:
                copy_stopped = best >= 0
                break
            copied.append(best)
        decode = encoder.tokenizer.decode
        found["5-grams"].append(metrics.Completion(decode(grams, skip_special_tokens=False), stopped, confidence))
        found["copying alone"].append(metrics.Completion(decode(copied, skip_special_tokens=False), copy_stopped, 0.5))
    return found


def by_confidence(cursors: list[metrics.Line], completions: list[metrics.Completion]) -> list[list[str]]:
    """How often a line is right, by the product of its tokens' probabilities, if it has any tokens."""
    rows = []
    for low, high in ((0.0, 0.1), (0.1, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 0.9), (0.9, 1.01)):
        pairs = zip(cursors, completions, strict=True)
        here = [(x, c) for x, c in pairs if c.text.strip() and low <= c.confidence < high]
        right = sum(metrics.exact(x, c) for x, c in here)
        rows.append([f"{low:.2f} to {min(high, 1):.2f}", str(len(here)), f"{right / len(here):.1%}" if here else "-"])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--corpus", type=Path, default=Path("build/corpus"))
    parser.add_argument(
        "--plain", type=Path, default=Path("build/tokens-plain"), help="training tokens for the n-grams"
    )
    parser.add_argument("--max-tokens", type=int, default=200_000)
    parser.add_argument("--lines", type=int, default=400, help="lines to complete; 0 leaves that out")
    parser.add_argument("--places", type=Path, help="write the windows and the cursors here too, for `matcoder eval`")
    args = parser.parse_args()

    has_plain = (args.plain / "epoch-0.bin").exists()
    if has_plain:
        require_tokens_of(args.model / "tokenizer.json", args.plain)
    model = load_exported(args.model).to(best_device())
    encoder = Encoder(Tokenizer.from_file(str(args.model / "tokenizer.json")))
    files = read_files(args.corpus / "heldout.jsonl")
    found = metrics.windows(files, encoder, model.config.context, args.max_tokens)
    packages = sorted({file["package"] for file in files})
    tokens, size = sum(len(w.tokens) - w.first for w in found), sum(w.text_bytes for w in found)
    print(f"{tokens:,} tokens, {size:,} bytes of {len(packages)} held-out packages: {', '.join(packages)}\n")
    cursors = metrics.lines(files, encoder, model.config.context, args.lines)
    if args.places:
        args.places.write_text(json.dumps(metrics.places(found, cursors, encoder)) + "\n")
        print(f"{args.places}: {len(found)} windows and {len(cursors)} cursors written\n")
    per_granularity(model, found)
    counts = None
    if has_plain:
        counts = ngram.train(args.plain, encoder.tokenizer.get_vocab_size())
        chances = np.concatenate([counts.chances(np.array(w.tokens), w.first) for w in found])
        print(f"5-grams: {-np.log2(chances).sum() / size:.4f} bits per byte\n")
    if not args.lines:
        return
    decoded: dict[str, list[metrics.Completion]] = baseline_lines(encoder, counts, cursors) if counts else {}
    for name in NAMES:
        decoded[name] = metrics.complete(model, model.config.widths(name), encoder, cursors)
    error = math.sqrt(0.25 * 0.75 / len(cursors))
    print(f"{len(cursors)} cursors, uniform over lines and places in them; one standard error at 25% is {error:.1%}\n")
    rows = []
    for name, completions in decoded.items():
        s = metrics.summary(cursors, completions)
        rows.append([name, f"{s['exact']:.1%}", f"{s['edit_similarity']:.1%}", f"{s['stopped']:.1%}"])
    print_table(["Rest of a line", "Exactly right", "Edit similarity", "Line ended"], rows)
    print_table(["Confidence, XL", "Lines", "Exactly right"], by_confidence(cursors, decoded["XL"]))


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
