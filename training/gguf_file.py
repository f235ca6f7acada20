"""Models of Llama's family as GGUF files: the headers and names that llama.cpp expects for a Hugging Face config.json.

Notable:
- tensors are written one at a time as they come, so a file may be larger than the memory;
- rows of queries and keys are reordered for the architectures that rotate neighbouring pairs (llama, granite);
- llama3's scaling of the rotation becomes a tensor of factors, YaRN's and the linear one become keys.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind

ARCHITECTURES = {"llama": "llama", "mistral": "llama", "granite": "granite", "qwen2": "qwen2", "qwen3": "qwen3"}
# They turn the pair (2i, 2i + 1) of a head where Hugging Face turns (i, i + half).
NEIGHBOURING_PAIRS = ("llama", "granite")


@dataclass(frozen=True)
class Planned:
    """A tensor to come: its values are made when their turn is."""

    name: str  # Hugging Face's
    kind: Kind
    shape: tuple[int, ...]
    make: Callable[[], np.ndarray]  # floats, or bytes [rows, bytes] of a quantised kind


def planned(name: str, values: np.ndarray, kind: Kind) -> Planned:
    """Floats of which a matrix is quantised to a kind; vectors stay float32."""
    if values.ndim == 1 or kind == Kind.F32:
        return Planned(name, Kind.F32, values.shape, lambda: values.astype(np.float32))
    return Planned(name, kind, values.shape, lambda: gguf.quants.quantize(values.astype(np.float32), kind))


def head_dim(raw: dict) -> int:
    return raw.get("head_dim") or raw["hidden_size"] // raw["num_attention_heads"]


def reordered(raw: dict, name: str, values: np.ndarray) -> np.ndarray:
    """Rows of a query's or key's weight or bias, of numbers or of bytes, in the file's order; others as they are."""
    heads = {"q_proj": raw["num_attention_heads"], "k_proj": raw["num_key_value_heads"]}.get(name.split(".")[-2])
    if heads is None or ARCHITECTURES[raw["model_type"]] not in NEIGHBOURING_PAIRS:
        return values
    halves = values.reshape(heads, 2, head_dim(raw) // 2, *values.shape[1:])
    return halves.swapaxes(1, 2).reshape(values.shape)


def rope_of(raw: dict) -> dict:
    """`rope_type`, `rope_theta` and the numbers of the scaling, from either spelling of config.json."""
    parameters = raw.get("rope_parameters") or raw.get("rope_scaling") or {}
    kind = parameters.get("rope_type", parameters.get("type", "default"))
    return {"rope_theta": raw.get("rope_theta"), **parameters, "rope_type": kind}


def llama3_factors(raw: dict, rope: dict) -> np.ndarray:
    """[head size / 2] by which each frequency is divided."""
    frequencies = rope["rope_theta"] ** (-np.arange(0, head_dim(raw), 2) / head_dim(raw))
    turns = rope["original_max_position_embeddings"] * frequencies / (2 * math.pi)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    share = ((turns - low) / (high - low)).clip(0, 1)
    return (1 / ((1 - share) / rope["factor"] + share)).astype(np.float32)


def add_shape(writer: gguf.GGUFWriter, raw: dict) -> None:
    writer.add_context_length(raw["max_position_embeddings"])
    writer.add_embedding_length(raw["hidden_size"])
    writer.add_block_count(raw["num_hidden_layers"])
    writer.add_feed_forward_length(raw["intermediate_size"])
    writer.add_head_count(raw["num_attention_heads"])
    writer.add_head_count_kv(raw["num_key_value_heads"])
    writer.add_key_length(head_dim(raw))
    writer.add_value_length(head_dim(raw))
    writer.add_layer_norm_rms_eps(raw["rms_norm_eps"])
    writer.add_vocab_size(raw["vocab_size"])
    rope = rope_of(raw)
    writer.add_rope_dimension_count(head_dim(raw))
    writer.add_rope_freq_base(rope["rope_theta"])
    if rope["rope_type"] in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(rope["rope_type"]))
        writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "yarn":
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        if "attention_factor" in rope:  # the file's is a factor of YaRN's own
            writer.add_rope_scaling_attn_factors(rope["attention_factor"] / (1 + 0.1 * math.log(rope["factor"])))
    if raw["model_type"] == "granite":
        writer.add_embedding_scale(raw["embedding_multiplier"])
        writer.add_attention_scale(raw["attention_multiplier"])
        writer.add_residual_scale(raw["residual_multiplier"])
        writer.add_logit_scale(raw["logits_scaling"])


def add_tokenizer(writer: gguf.GGUFWriter, parsed: dict, size: int, split: str) -> None:
    """A tokenizer.json of the byte-level kind, filled up to `size` tokens with unused ones.

    `split` is llama.cpp's name of the pre-tokenizer.
    """
    special = {token["content"] for token in parsed["added_tokens"]}
    by_id = {id: token for token, id in parsed["model"]["vocab"].items()}
    by_id |= {token["id"]: token["content"] for token in parsed["added_tokens"]}
    tokens = [by_id.get(i, f"[PAD{i}]") for i in range(size)]
    kinds = [
        gguf.TokenType.UNUSED if i not in by_id
        else gguf.TokenType.CONTROL if token in special
        else gguf.TokenType.NORMAL
        for i, token in enumerate(tokens)
    ]  # fmt: skip
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(split)
    writer.add_token_list(tokens)
    writer.add_token_types([int(kind) for kind in kinds])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in parsed["model"]["merges"]])
    writer.add_add_bos_token(False)


def write_gguf(raw: dict, tensors: list[Planned], tokenizer: dict, split: str, out: Path) -> None:
    """Write a file for a config.json and a tokenizer.json; see `add_tokenizer` for `split`."""
    architecture = ARCHITECTURES[raw["model_type"]]
    writer = gguf.GGUFWriter(out, architecture)
    writer.add_name(out.stem)
    add_shape(writer, raw)
    add_tokenizer(writer, tokenizer, raw["vocab_size"], split)
    for key, add in (("bos_token_id", writer.add_bos_token_id), ("eos_token_id", writer.add_eos_token_id)):
        if raw.get(key) is not None:
            add(raw[key])
    rope = rope_of(raw)
    factors = llama3_factors(raw, rope) if rope["rope_type"] == "llama3" else None
    if factors is not None:
        writer.add_tensor_info("rope_freqs.weight", factors.shape, factors.dtype, factors.nbytes)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[architecture.upper()], raw["num_hidden_layers"])
    for tensor in tensors:
        target = names.get_name(tensor.name, try_suffixes=(".weight", ".bias"))
        if target is None:
            raise ValueError(f"{architecture} has no name for {tensor.name}")
        if tensor.kind == Kind.F32:
            writer.add_tensor_info(target, tensor.shape, np.dtype(np.float32), 4 * math.prod(tensor.shape))
        else:
            stored = gguf.quant_shape_to_byte_shape(tensor.shape, tensor.kind)
            writer.add_tensor_info(target, stored, np.dtype(np.uint8), math.prod(stored), raw_dtype=tensor.kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    if factors is not None:
        writer.write_tensor_data(factors)
    for tensor in tensors:
        writer.write_tensor_data(np.ascontiguousarray(reordered(raw, tensor.name, tensor.make())))
    writer.close()
