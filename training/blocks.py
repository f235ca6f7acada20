"""Blocks of every type of weights in GGUF files that the engine reads, and what the package gguf makes of them.

The test of test/engine/importRows.test.ts compares. The blocks are random bytes, so that scales that are subnormal,
infinite and NaN occur.

    python -m training.blocks
"""

import base64
import json
from pathlib import Path

import gguf
import numpy as np

TYPES = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K")
OUT = Path("test/engine/fixtures/blocks.json")
VALUES = 1024  # of each type


def blocks_of(name: str, random: np.random.Generator) -> np.ndarray:
    """Random bytes of a whole number of blocks."""
    values, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
    return random.integers(0, 256, VALUES // values * size, dtype=np.uint8)


def dequantised(name: str, blocks: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType[name]).astype(np.float32).reshape(-1)


def main() -> None:
    random = np.random.default_rng(1)
    found = {}
    for name in TYPES:
        blocks = blocks_of(name, random)
        text = {"blocks": blocks, "floats": dequantised(name, blocks)}
        found[name] = {key: base64.b64encode(array.tobytes()).decode() for key, array in text.items()}
    OUT.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
