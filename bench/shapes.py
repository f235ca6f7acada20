"""Models that people have, at their exact sizes and with drawn weights, as GGUF files: build/bench/NAME-KIND.gguf.

Speed and memory depend on the shape alone, so no weights are needed. The same name and kind give the same file.

    python -m bench.shapes NAME KIND      # qwen2.5-coder-0.5b q8_0
"""

import json
import sys
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES
from gguf import GGMLQuantizationType as Kind

from training.export import SHIPPED
from training.gguf_file import Planned, head_dim, write_gguf

OUT = Path("build/bench")


def llama_shape(
    hidden: int, layers: int, ffn: int, heads: int, kv_heads: int, head_size: int, vocabulary: int, **others
) -> dict:
    return {
        "hidden_size": hidden, "num_hidden_layers": layers, "intermediate_size": ffn, "num_attention_heads": heads,
        "num_key_value_heads": kv_heads, "head_dim": head_size, "vocab_size": vocabulary, "rms_norm_eps": 1e-6,
        "max_position_embeddings": 8192, "tie_word_embeddings": True, "eos_token_id": 0, **others,
    }  # fmt: skip


QWEN2 = {"model_type": "qwen2", "rope_theta": 1e6}
SHAPES = {
    "qwen2.5-coder-0.5b": (llama_shape(896, 24, 4864, 14, 2, 64, 151_936, **QWEN2), "qwen2"),
    "qwen2.5-coder-1.5b": (llama_shape(1536, 28, 8960, 12, 2, 128, 151_936, **QWEN2), "qwen2"),
    "granite-4.0-350m": (
        llama_shape(
            1024, 28, 2048, 16, 4, 64, 100_352, model_type="granite", rope_theta=1e7, rms_norm_eps=1e-5,
            embedding_multiplier=12.0, attention_multiplier=0.015625, residual_multiplier=0.263, logits_scaling=4.0,
        ),
        "dbrx",
    ),
    "deepseek-coder-1.3b": (
        llama_shape(
            2048, 24, 5504, 16, 16, 128, 32_256, model_type="llama", tie_word_embeddings=False,
            rope_theta=1e5, rope_scaling={"type": "linear", "factor": 4.0},
        ),
        "deepseek-coder",
    ),
    "tiny": (llama_shape(128, 2, 256, 4, 2, 32, 8192, **QWEN2), "qwen2"),
}  # fmt: skip

# Standard deviation of a stored weight, as a multiple of its scale.
SPREAD = {Kind.Q8_0: 73.3, Kind.Q4_0: 4.6}


def parameters(raw: dict) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor, by Hugging Face's name."""
    hidden, ffn, size = raw["hidden_size"], raw["intermediate_size"], head_dim(raw)
    queries, keys = raw["num_attention_heads"] * size, raw["num_key_value_heads"] * size
    found = {"model.embed_tokens.weight": (raw["vocab_size"], hidden), "model.norm.weight": (hidden,)}
    if not raw["tie_word_embeddings"]:
        found["lm_head.weight"] = (raw["vocab_size"], hidden)
    for i in range(raw["num_hidden_layers"]):
        layer = f"model.layers.{i}."
        found |= {f"{layer}{norm}_layernorm.weight": (hidden,) for norm in ("input", "post_attention")}
        for name, rows in (("q_proj", queries), ("k_proj", keys), ("v_proj", keys)):
            found[f"{layer}self_attn.{name}.weight"] = (rows, hidden)
            if raw["model_type"] == "qwen2":
                found[f"{layer}self_attn.{name}.bias"] = (rows,)
        found[f"{layer}self_attn.o_proj.weight"] = (hidden, queries)
        found |= {f"{layer}mlp.{name}_proj.weight": (ffn, hidden) for name in ("gate", "up")}
        found[f"{layer}mlp.down_proj.weight"] = (hidden, ffn)
    return found


def drawn(name: str, shape: tuple[int, ...], kind: Kind, rng: np.random.Generator) -> Planned:
    """Vectors are near 1 (norms) or 0 (biases). The embedding and the head have 8 bits, as in most files of 4 bits."""
    if len(shape) == 1:
        middle = 0 if name.endswith("bias") else 1
        return Planned(name, Kind.F32, shape, lambda: rng.normal(middle, 0.1, shape).astype(np.float32))
    if name in ("model.embed_tokens.weight", "lm_head.weight"):
        kind = Kind.Q8_0
    return Planned(name, kind, shape, lambda: drawn_blocks(shape, kind, rng))


def drawn_blocks(shape: tuple[int, int], kind: Kind, rng: np.random.Generator) -> np.ndarray:
    """Random blocks of a matrix [rows, k] as bytes; its products keep the size of what they are made from."""
    weights, size = GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (shape[0] * shape[1] // weights, size), dtype=np.uint8)
    if kind == Kind.Q8_0:
        blocks[blocks == 128] = 129  # -128, which no quantiser writes
    scale = 1 / SPREAD[kind] / np.sqrt(shape[1])
    scales = rng.uniform(0.7 * scale, 1.3 * scale, len(blocks)).astype("<f2")
    blocks[:, :2] = scales.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(shape[0], -1)


def main(name: str, kind: str) -> None:
    raw, split = SHAPES[name]
    out = OUT / f"{name}-{kind}.gguf"
    if out.exists():
        return
    OUT.mkdir(parents=True, exist_ok=True)
    rng = np.random.Generator(np.random.SFC64(1))
    tensors = [drawn(tensor, shape, Kind[kind.upper()], rng) for tensor, shape in parameters(raw).items()]
    partial = out.with_suffix(".partial")
    write_gguf(raw, tensors, json.loads((SHIPPED / "tokenizer.json").read_text()), split, partial)
    partial.rename(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
