"""PyTorch's embeddings of fixed pictures and words by the shipped encoders, for the engine's parity test.

The reference is the shipped int8 weights in float32, so that the engine differs only in its arithmetic. Pixels are
deflated and embeddings float32, both in base64.

    python -m training.encoders.golden_pictures
"""

import argparse
import base64
import json
import zlib
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from training.encoders.export import load_exported
from training.golden import digest_of

TEXTS = ["trash", "delete", "trash can", "arrow left", "magnifying glass", "shopping cart", "zzyzx 42", "user settings"]


def drawings(size: int) -> np.ndarray:
    """uint8 [5, size, size, 3]: a ring, a cross, a gradient in colour, random noise, white."""
    y, x = np.mgrid[:size, :size] / (size - 1) * 2 - 1
    radius = np.hypot(x, y)
    ring = np.where((radius > 0.5) & (radius < 0.75), 0, 255)
    cross = np.where((np.abs(x) < 0.15) | (np.abs(y) < 0.15), 255, 20)
    gradient = np.stack(((x + 1) * 127.5, (y + 1) * 127.5, radius.clip(0, 1) * 255), axis=-1)
    noise = np.random.default_rng(1).integers(0, 256, (size, size, 3))
    grey = [np.repeat(picture[..., None], 3, axis=-1) for picture in (ring, cross, np.full_like(ring, 255))]
    return np.stack((grey[0], grey[1], gradient, noise, grey[2])).astype(np.uint8)


def floats(vectors: torch.Tensor) -> list[str]:
    return [base64.b64encode(row.numpy().astype("<f4").tobytes()).decode() for row in vectors]


@torch.inference_mode()
def pictures(folder: Path) -> dict:
    model = load_exported(folder)
    drawn = drawings(model.config.picture.size)
    sizes = json.loads((folder / "config.json").read_text())["matformer"]["granularities"]
    embedded = {name: floats(model.embed_pictures(torch.from_numpy(drawn), widths)) for name, widths in sizes.items()}
    pixels = [base64.b64encode(zlib.compress(picture.tobytes(), 9)).decode() for picture in drawn]
    return {"checkpoint": digest_of(folder), "pixels": pixels, "submodels": embedded}


@torch.inference_mode()
def words(folder: Path) -> dict:
    model = load_exported(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids = [encoding.ids for encoding in tokenizer.encode_batch(TEXTS)]
    sizes = json.loads((folder / "config.json").read_text())["matformer"]["granularities"]
    embedded = {name: floats(model.embed_tokens(ids, widths)) for name, widths in sizes.items()}
    return {"checkpoint": digest_of(folder), "texts": TEXTS, "tokens": ids, "submodels": embedded}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=Path("models/encoders"), help="folder of `pictures` and `words`")
    parser.add_argument("--out", type=Path, default=Path("test/engine/fixtures"))
    args = parser.parse_args()
    for name, make in (("pictures", pictures), ("words", words)):
        file = args.out / f"encoders-{name}.json"
        file.write_text(json.dumps(make(args.models / name)) + "\n")
        print(f"{file}: {file.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
