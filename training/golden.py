"""PyTorch's answers to fixed prompts, for the engine's parity test: last logits and greedy text of every granularity.

It also writes the figures that `matcoder eval` must reproduce on windows of the same prompts.

The reference is the shipped checkpoint in float32, so that the engine differs only in its arithmetic.

    python -m training.golden --model models/matlm-46m --out test/engine/fixtures/golden.json
"""

import argparse
import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from training import metrics
from training.data import Encoder, FimSplit
from training.export import SHIPPED, load_exported
from training.model import MatLM

GREEDY_TOKENS = 24

# (path, text before the cursor, text after it)
PROMPTS = [
    (
        "src/stack.ts",
        "export class Stack<T> {\n  private items: T[] = [];\n\n  push(item: T): void {\n    ",
        "\n  }\n}\n",
    ),
    ("src/sum.ts", "export function sum(values: number[]): number {\n  let total = 0;\n  for (const value of ", ""),
    ("src/user.ts", "interface User {\n  id: number;\n}\n\nexport function isUser(value: un", "\n"),
    ("lib/server.js", "const http = require('http');\n\nfunction handle(request, response) {\n  response.", "\n}\n"),
    (
        "src/events.ts",
        "  on(name: string, listener: Listener): this {\n    const list = this.listeners.get(name) ?? [];\n    ",
        "\n    return this;\n  }\n",
    ),
    ("src/matrix.ts", "  multiply(other: Matrix): Matrix {\n    const result = new Matrix(this.rows);\n", "  }\n"),
    ("test/parse.test.ts", "describe('parse', () => {\n  it('reads a list', () => {\n    expect(parse('[]')).", "\n"),
    ("src/index.ts", "export { Stack } from './stack';\nexport { Queue } from './", "\n"),
    ("src/unicode.ts", "const greeting = 'Grüße, 世界';\nconsole.lo", ""),
    ("src/loop.ts", "for (let i = 0; i < rows; i++) {\n  for (let j = 0; j < ", ") {\n    grid[i][j] = 0;\n  }\n}\n"),
]


@torch.inference_mode()
def greedy(model: MatLM, prompt: list[int], widths: list[int], end: int) -> tuple[np.ndarray, list[int]]:
    """(logits after the prompt [vocabulary], greedy tokens up to the end token or `GREEDY_TOKENS`)."""
    tokens, first = list(prompt), None
    while len(tokens) - len(prompt) < GREEDY_TOKENS:
        logits = model.logits(torch.tensor([tokens]), widths)[0, -1]
        first = logits.numpy() if first is None else first
        best = int(logits.argmax())
        if best == end:
            break
        tokens.append(best)
    return first, tokens[len(prompt) :]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--out", type=Path, default=Path("test/engine/fixtures/golden.json"))
    args = parser.parse_args()
    model = load_exported(args.model)
    encoder = Encoder(Tokenizer.from_file(str(args.model / "tokenizer.json")))
    shapes = json.loads((args.model / "config.json").read_text())["matformer"]["granularities"]
    prompts, windows, cursors = [], [], []
    for path, prefix, suffix in PROMPTS:
        tokens = encoder.spm(path, FimSplit(prefix, "", suffix))
        submodels = {}
        for name, widths in shapes.items():
            logits, text = greedy(model, tokens, widths, encoder.end)
            encoded = base64.b64encode(logits.astype("<f4").tobytes()).decode()
            submodels[name] = {"widths": widths, "lastLogits": encoded, "greedy": text}
        prompts.append({"path": path, "prefix": prefix, "suffix": suffix, "tokens": tokens, "submodels": submodels})
        head = encoder.head(path)
        windows.append(metrics.Window(head + encoder.ids(prefix), len(head), len(prefix.encode()), "TypeScript"))
        cursors.append(metrics.Line(tokens, suffix.lstrip().partition("\n")[0], "TypeScript", prefix, suffix))
    # XL's text counts as right, so that the others are sometimes right and sometimes wrong.
    best = metrics.complete(model, shapes["XL"], encoder, cursors)
    cursors = [replace(x, middle=c.text.rstrip()) for x, c in zip(cursors, best, strict=True)]
    evaluation = {"places": metrics.places(windows, cursors, encoder), "submodels": {}}
    for name, score in metrics.score(model, shapes, windows).items():
        lines = metrics.summary(cursors, metrics.complete(model, shapes[name], encoder, cursors))
        evaluation["submodels"][name] = {
            "bitsPerByte": score.bits_per_byte, "accuracy": score.accuracy, "agreementWithXL": score.agreement,
            "exact": lines["exact"], "editSimilarity": lines["edit_similarity"], "stopped": lines["stopped"],
        }  # fmt: skip
    digest = hashlib.sha256((args.model / "model.safetensors").read_bytes()).hexdigest()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({"checkpoint": digest, "prompts": prompts, "evaluation": evaluation}) + "\n")
    print(f"{args.out}: {len(prompts)} prompts, {args.out.stat().st_size / 1e6:.2f} MB")
