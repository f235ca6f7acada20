"""PyTorch's answers to fixed prompts, for the engine's parity test: last logits and greedy text of every granularity.

It also writes the figures that `matcoder eval` must reproduce on windows of the same prompts, and predictions with a
memory of a few documents, with and without a healing prefix.

The reference is the shipped checkpoint in float32, so that the engine differs only in its arithmetic.

    python -m training.golden --model models/matlm-46m --out test/engine/fixtures/golden.json
    python -m training.golden --model models/matlm-6m --memory --out test/engine/fixtures/memory.json
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
from training.memory import Gate, Index, look_up, mixture, read_gate, weights_of
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


# Of one package.
DOCUMENTS = [
    "import { request } from './http';\n\nexport async function fetchUser(id: string): Promise<User> {\n"
    "  const response = await request(`/users/${id}`, { retries: 3 });\n"
    "  if (!response.ok) throw new ServiceError('fetchUser', response.status);\n"
    "  return (await response.json()) as User;\n}\n",
    "import { request } from './http';\n\nexport async function fetchTeam(id: string): Promise<Team> {\n"
    "  const response = await request(`/teams/${id}`, { retries: 3 });\n"
    "  if (!response.ok) throw new ServiceError('fetchTeam', response.status);\n"
    "  return (await response.json()) as Team;\n}\n",
    "export class ServiceError extends Error {\n  constructor(\n    readonly operation: string,\n"
    "    readonly status: number,\n  ) {\n    super(`${operation} failed with status ${status}`);\n  }\n}\n",
    "import { ServiceError } from './errors';\n\nit('names the operation', () => {\n"
    "  const error = new ServiceError('fetchUser', 404);\n  expect(error.operation).toBe('fetchUser');\n"
    "  expect(error.status).toBe(404);\n});\n",
]
ORDERS = "import { request } from './http';\n\nexport async function fetchOrder(id: string): Promise<Order> {\n"
# (path, text before the cursor, of which the last part is the healing prefix; the healing prefix; text after it)
MEMORY_PROMPTS = [
    ("src/orders.ts", f"{ORDERS}  const response = await ", " ", "\n}\n"),
    ("src/orders.ts", f"{ORDERS}  const response = await req", " req", "\n}\n"),
    ("src/orders.ts", f"{ORDERS}  const response = await request(`/orders/${{id}}`, {{ retries: 3 }});", "", "\n}\n"),
    ("src/orders.ts", f"{ORDERS}  const response = await request(url);\n  if (!resp", "resp", "\n}\n"),
    ("test/status.test.ts", "it('keeps the status', () => {\n  const error = new Serv", " Serv", "\n});\n"),
    ("src/plain.ts", "let count = 0;\nfor (let i = 0; i < ", "", ") {\n  count++;\n}\n"),
]
MEMORY_TOKENS = 12


def spellings(tokenizer: Tokenizer) -> list[bytes]:
    """The bytes of every token; of special ones none. The alphabet is that of GPT-2's byte-level BPE."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    byte_of = {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}
    spelled = [b""] * tokenizer.get_vocab_size()
    special = {i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    for token, i in tokenizer.get_vocab().items():
        if i not in special:
            spelled[i] = bytes(byte_of[character] for character in token)
    return spelled


@torch.inference_mode()
def with_memory(
    model: MatLM, widths: list[int], encoder: Encoder, prompt: list[int], healing: bytes, gate: Gate, index: Index
) -> list[dict]:
    """Greedy tokens of the mixture: each with its probability, the memory's share of that, and the longest match.

    Until the healing prefix is spelled, only tokens that spell more of it, or go beyond it, are allowed.
    """
    spelled, tokens, steps = spellings(encoder.tokenizer), list(prompt), []
    while len(steps) < MEMORY_TOKENS:
        chances = model.logits(torch.tensor([tokens]), widths)[0, -1:].softmax(-1).numpy()
        text = [token for token in tokens if token not in encoder.marks]
        found = look_up(text, [len(text)], [index])
        allowed = np.array([[bool(s) and (s.startswith(healing) or healing.startswith(s)) for s in spelled]])
        mixed = mixture(chances, found, gate, allowed if healing else None)[0]
        free = mixture(chances, found, gate)[0]  # the condition on the healing prefix changes no share
        best = int(mixed.argmax())
        if best == encoder.end:
            break
        share = 1 - float(chances[0, best] * weights_of(chances, found, gate)[0, 0] / free[best])
        steps.append(
            {
                "token": best,
                "probability": round(float(mixed[best]), 5),
                "memoryShare": round(share, 5),
                "matchLength": int(found.lengths.max()),
            }
        )
        tokens.append(best)
        healing = healing[len(spelled[best]) :]
    return steps


def write_memory(model: MatLM, encoder: Encoder, folder: Path, out: Path) -> None:
    """The predictions with memory, for S and XL."""
    gate, cases = read_gate(folder), []
    index = Index([encoder.ids(text) for text in DOCUMENTS])
    for path, prefix, healing, suffix in MEMORY_PROMPTS:
        prompt = encoder.spm(path, FimSplit(prefix[: len(prefix) - len(healing)], "", suffix))
        submodels = {
            name: with_memory(model, model.config.widths(name), encoder, prompt, healing.encode(), gate, index)
            for name in ("S", "XL")
        }
        cases.append({"prompt": prompt, "healingPrefix": healing, "submodels": submodels})
    out.write_text(json.dumps({"checkpoint": digest_of(folder), "documents": DOCUMENTS, "cases": cases}) + "\n")


def digest_of(folder: Path) -> str:
    """SHA-256 of the weights."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--memory", action="store_true", help="the predictions with memory, and nothing else")
    parser.add_argument("--out", type=Path, default=Path("test/engine/fixtures/golden.json"))
    args = parser.parse_args()
    model = load_exported(args.model)
    encoder = Encoder(Tokenizer.from_file(str(args.model / "tokenizer.json")))
    if args.memory:
        write_memory(model, encoder, args.model, args.out)
        raise SystemExit
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
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(
        json.dumps({"checkpoint": digest_of(args.model), "prompts": prompts, "evaluation": evaluation}) + "\n"
    )
    print(f"{args.out}: {len(prompts)} prompts, {args.out.stat().st_size / 1e6:.2f} MB")
