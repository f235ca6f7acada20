"""Held-out figures of a checkpoint folder, for every granularity: the measures of `training.metrics` as tables.

Baselines on the same places: an n-gram model of the same corpus, and copying from the context alone. With the copy
mixture of `training.copying` besides, its weights fitted on every second window and measured on the others. The n-grams
are counted in tokens of the checkpoint's tokenizer, without FIM splits:

    python -m training.data --tokenizer models/matlm-46m/tokenizer.json --fim 0 --epochs 1 --out build/tokens-plain

    python -m training.evaluate --model models/matlm-46m
    python -m training.evaluate --fit-copy                       # the copy weights, into config.json
    python -m training.evaluate --places build/places.json       # then: npm run eval -- --places build/places.json
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from training import copying, metrics, ngram
from training.copier import Copier
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


def copy_mixture(model: MatLM, found: list[metrics.Window]) -> dict[str, list[float]]:
    """Fit on every second window, measure on the others; the weights of each granularity."""
    fitted, held = found[::2], found[1::2]
    pairs = [[np.concatenate(x) for x in zip(*map(copying.matches, half), strict=True)] for half in (fitted, held)]
    rows, weights = [], {}
    for name in NAMES:
        widths = model.config.widths(name)
        weights[name] = copying.fit(copying.chances(model, widths, fitted), *pairs[0])
        alone = copying.chances(model, widths, held)
        mixed = copying.mixed(alone, *pairs[1], weights[name])
        gain = copying.bits_per_byte(alone, held), copying.bits_per_byte(mixed, held)
        rows.append([name, f"{gain[0]:.4f}", f"{gain[1]:.4f}", " ".join(f"{w:.2f}" for w in weights[name])])
    print_table(["Submodel", "Bits per byte", "with copying", "weight by length of the match, 1 to 16"], rows)
    return weights


def baselines(encoder: Encoder, found: list[metrics.Window], plain: Path) -> ngram.NGram:
    """Bits per byte of the n-gram model, alone and with copying, and of copying over single-token counts."""
    counts = ngram.train(plain, encoder.tokenizer.get_vocab_size())
    fitted, held = found[::2], found[1::2]
    pairs = [[np.concatenate(x) for x in zip(*map(copying.matches, half), strict=True)] for half in (fitted, held)]

    def grams(half: list[metrics.Window]) -> np.ndarray:
        return np.concatenate([counts.chances(np.array(w.tokens), w.first) for w in half])

    def single(half: list[metrics.Window]) -> np.ndarray:
        return np.concatenate([counts.unigram[w.tokens[w.first :]] for w in half])

    rows = []
    for name, chances in (("5-grams", grams), ("copying, else single tokens", single), ("5-grams and copying", grams)):
        alone = chances(held)
        if "copying" in name:
            alone = copying.mixed(alone, *pairs[1], copying.fit(chances(fitted), *pairs[0]))
        rows.append([name, f"{copying.bits_per_byte(alone, held):.4f}"])
    print_table(["Baseline", "Bits per byte"], rows)
    return counts


def baseline_lines(
    encoder: Encoder, counts: ngram.NGram, cursors: list[metrics.Line]
) -> dict[str, list[metrics.Completion]]:
    """The rest of each line as the n-gram model and as copying alone would have it."""
    stop = metrics.line_ends(encoder)
    found: dict[str, list[metrics.Completion]] = {"5-grams": [], "copying alone": []}
    for line in cursors:
        history = encoder.ids(line.prefix)
        copier = Copier([token for token in line.prompt if token not in encoder.marks])
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
            match = copier.match()
            if match is None or match[1] in stop:
                copy_stopped = match is not None
                break
            copied.append(match[1])
            copier.append(match[1])
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
    parser.add_argument("--fit-copy", action="store_true", help="write the copy weights into config.json")
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
    weights = copy_mixture(model, found)
    if args.fit_copy:
        path = args.model / "config.json"
        raw = json.loads(path.read_text())
        raw["matformer"]["copy"] = weights
        path.write_text(json.dumps(raw, indent=2) + "\n")
        print(f"{path}: copy weights written\n")
    counts = baselines(encoder, found, args.plain) if has_plain else None
    if not args.lines:
        return
    decoded: dict[str, list[metrics.Completion]] = baseline_lines(encoder, counts, cursors) if counts else {}
    for name in NAMES:
        decoded[name] = metrics.complete(model, model.config.widths(name), encoder, cursors)
        decoded[f"{name} and copying"] = metrics.complete(
            model, model.config.widths(name), encoder, cursors, weights[name]
        )
    error = math.sqrt(0.25 * 0.75 / len(cursors))
    print(f"{len(cursors)} cursors, uniform over lines and places in them; one standard error at 25% is {error:.1%}\n")
    rows = []
    for name, completions in decoded.items():
        s = metrics.summary(cursors, completions)
        rows.append([name, f"{s['exact']:.1%}", f"{s['edit_similarity']:.1%}", f"{s['stopped']:.1%}"])
    print_table(["Rest of a line", "Exactly right", "Edit similarity", "Line ended"], rows)
    print_table(
        ["Confidence, XL and copying", "Lines", "Exactly right"], by_confidence(cursors, decoded["XL and copying"])
    )


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
