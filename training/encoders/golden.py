"""PyTorch's embeddings of fixed inputs, for the engine's parity test of the code encoder.

The reference is the shipped encoder in float32, its int8 weights times their scales, so that the engine differs only
in its arithmetic.

    python -m training.encoders.golden --model models/encoders/code --out test/engine/fixtures/encoders-code.json
"""

import argparse
import base64
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer

from training.encoders.evaluate import SHIPPED, mixes
from training.encoders.export import load_exported
from training.golden import digest_of
from training.model import GRANULARITIES

TEXTS = [
    "x",
    "remove the first element of the queue",
    "Grüße, 世界: parse a date",
    "export function sum(values: number[]): number {\n  let total = 0;\n"
    "  for (const value of values) total += value;\n  return total;\n}\n",
    "async function fetchUser(id) {\n  const response = await request(`/users/${id}`, { retries: 3 });\n"
    "  if (!response.ok) throw new ServiceError('fetchUser', response.status);\n  return response.json();\n}\n",
    # Longer than max_input: cut at the end.
    "".join(f"  const value{i} = items[{i}] ?? fallback;\n" for i in range(48)),
]


@torch.inference_mode()
def fixture(folder: Path) -> dict:
    """{checkpoint, inputs: [{text, tokens}], submodels: {name: {widths, embeddings}}}.

    Tokens are not cut. Embeddings: little-endian float32 [inputs, embedding] in base64.
    """
    model, tokenizer = load_exported(folder), Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    tokens = [tokenizer.encode(text).ids for text in TEXTS]
    shapes = {name: model.config.widths(name) for name in GRANULARITIES} | mixes(model)
    shapes["XL, odd layers skipped"] = [0 if i % 2 else width for i, width in enumerate(shapes["XL"])]
    submodels = {}
    for name, widths in shapes.items():
        embeddings = model.embed_tokens(tokens, widths).numpy().astype("<f4")
        submodels[name] = {"widths": widths, "embeddings": base64.b64encode(embeddings.tobytes()).decode()}
    inputs = [{"text": text, "tokens": ids} for text, ids in zip(TEXTS, tokens, strict=True)]
    return {"checkpoint": digest_of(folder), "inputs": inputs, "submodels": submodels}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--out", type=Path, default=Path("test/engine/fixtures/encoders-code.json"))
    args = parser.parse_args()
    args.out.write_text(json.dumps(fixture(args.model)) + "\n")
    print(f"{args.out}: {len(TEXTS)} inputs, {args.out.stat().st_size / 1e3:.0f} kB")
