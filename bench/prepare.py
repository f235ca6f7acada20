"""The checkpoints of the bench, each in the form of every engine: build/bench/NAME/{model,SIZE.gguf,SIZE.onnx}.

`shipped` is the checkpoint that ships. The others have drawn weights: `random` has 34 million parameters, which no
cache holds; `60m`, `150m` and `500m` have that many without their embedding and are for GPUs; `tiny` is for
tests of the bench itself.

    python -m bench.prepare [NAME...]
"""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import torch

from bench.onnx_model import write_onnx
from training.export import SHIPPED, export, load_exported
from training.model import Config, MatLM
from training.submodel import dense, write_gguf

OUT = Path("build/bench")
DRAWN = {
    "random": Config(vocabulary=16_384, hidden=512, layers=8, heads=8, kv_heads=4, head_dim=64, ffn=2048, context=4096),
    "60m": Config(vocabulary=16_384, hidden=640, layers=10, heads=10, kv_heads=5, head_dim=64, ffn=2560, context=2048),
    "150m": Config(vocabulary=16_384, hidden=896, layers=14, heads=14, kv_heads=7, head_dim=64, ffn=3072, context=2048),
    "500m": Config(16_384, hidden=1536, layers=14, heads=24, kv_heads=8, head_dim=64, ffn=6144, context=2048),
    "tiny": Config(vocabulary=16_384, hidden=64, layers=2, heads=2, kv_heads=1, head_dim=64, ffn=256, context=1024),
}


def draw_model(config: Config) -> MatLM:
    """A model whose every matrix is drawn: those that training starts at zero would be skipped by no engine, but say
    nothing."""
    torch.manual_seed(0)
    model = MatLM(config, torch.float32)
    for block in model.blocks:
        for weight in (block.attention.o_proj, *block.ffn.down):
            weight.normal_(std=0.02)
    return model


def padded_tokenizer(size: int, out: Path) -> Path:
    """The shipped tokenizer with unused tokens added until it has `size`: the drawn models have a larger vocabulary."""
    tokenizer = json.loads((SHIPPED / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary |= {f"unused{number}": number for number in range(len(vocabulary), size)}
    out.write_text(json.dumps(tokenizer))
    return out


def main() -> None:
    for name in sys.argv[1:] or ("shipped", "random"):
        folder = OUT / name
        source = hashlib.sha256((SHIPPED / "model.safetensors").read_bytes()).hexdigest() if name == "shipped" else name
        done = folder / "done"
        if done.exists() and done.read_text() == source:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        if name == "shipped":
            shutil.copytree(SHIPPED, folder / "model", dirs_exist_ok=True)
        else:
            tokenizer = padded_tokenizer(DRAWN[name].vocabulary, folder / "tokenizer.json")
            export(draw_model(DRAWN[name]), tokenizer, folder / "model")
        model = load_exported(folder / "model")
        for size in ("S", "XL"):
            raw, tensors = dense(model, model.config.widths(size))
            write_gguf(raw, tensors, folder / "model" / "tokenizer.json", "q8_0", folder / f"{size}.gguf")
            write_onnx(raw, tensors, folder / f"{size}.onnx")
        done.write_text(source)


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
