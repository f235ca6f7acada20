"""A GGUF file as transformers sees it, by the package gguf alone: the reference for what an import makes of it."""

from pathlib import Path

import gguf
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, PretrainedConfig, PreTrainedModel

from training.gguf_file import NEIGHBOURING_PAIRS


def field(reader: gguf.GGUFReader, key: str) -> float:
    return reader.fields[key].contents()


def llama_config(reader: gguf.GGUFReader) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(field(reader, "tokenizer.ggml.tokens")),
        hidden_size=field(reader, "llama.embedding_length"),
        intermediate_size=field(reader, "llama.feed_forward_length"),
        num_hidden_layers=field(reader, "llama.block_count"),
        num_attention_heads=field(reader, "llama.attention.head_count"),
        num_key_value_heads=field(reader, "llama.attention.head_count_kv"),
        rms_norm_eps=field(reader, "llama.attention.layer_norm_rms_epsilon"),
        rope_theta=field(reader, "llama.rope.freq_base"),
        max_position_embeddings=field(reader, "llama.context_length"),
        tie_word_embeddings="output.weight" not in {tensor.name for tensor in reader.tensors},
    )


@torch.no_grad()
def dequantised(file: Path, config: PretrainedConfig | None = None) -> PreTrainedModel:
    """The model with the weights that the file stands for; `config` is needed for another architecture than llama."""
    reader = gguf.GGUFReader(file)
    architecture = field(reader, "general.architecture")
    config = config or llama_config(reader)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager").eval()
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[architecture.upper()], config.num_hidden_layers)
    stored = {tensor.name: tensor for tensor in reader.tensors}
    for name, weight in model.named_parameters():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        tensor = stored[names.get_name(name, try_suffixes=(".weight", ".bias"))]
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape(weight.shape)
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(name.split(".")[-2])
        if heads is not None and architecture in NEIGHBOURING_PAIRS:
            pairs = values.reshape(heads, -1, 2, *values.shape[1:])  # [heads, half a head, 2, ...]
            values = pairs.swapaxes(1, 2).reshape(values.shape)
        weight.copy_(torch.from_numpy(values.copy()))
    return model
