"""Tiny models with drawn weights, one for each switch of the architecture, made by transformers.

Every weight is drawn so that it matters: activations keep their size from layer to layer, biases are as large as the
values they are added to, and attention is neither flat nor fixed on one token.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    GraniteConfig,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
)

SHAPE = {
    "vocab_size": 387,  # not a multiple of 16
    "hidden_size": 96,
    "intermediate_size": 160,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 24,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10_000.0,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "tie_word_embeddings": True,
}


@dataclass(frozen=True)
class Family:
    """A configuration, and the change to it that takes its switch away (nothing if the switch is a mere shape)."""

    kind: type[PretrainedConfig]
    options: dict[str, Any] = field(default_factory=dict)
    without: dict[str, Any] = field(default_factory=dict)
    tokens: int = 100

    def config(self, **changes: Any) -> PretrainedConfig:
        options = SHAPE | self.options | changes
        if "rope_scaling" in options:  # transformers 5 has both in one object
            rope = {"rope_theta": options["rope_theta"], "rope_type": "default"} | (options.pop("rope_scaling") or {})
            options["rope_parameters"] = rope
            del options["rope_theta"]
        return self.kind(**options)


def heads(count: int, size: int, shared: int = 1) -> dict[str, Any]:
    """`count` heads of a size, `shared` of which use the same keys and values."""
    return {"num_attention_heads": count, "num_key_value_heads": count // shared, "head_dim": size}


LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
GRANITE = {
    "embedding_multiplier": 0.4, "attention_multiplier": 0.1, "residual_multiplier": 1.5, "logits_scaling": 3.0,
}  # fmt: skip

FAMILIES = {
    "llama": Family(LlamaConfig),
    "llama with a head of its own": Family(LlamaConfig, {"tie_word_embeddings": False}, {"tie_word_embeddings": True}),
    "llama with biases in attention": Family(LlamaConfig, {"attention_bias": True}, {"attention_bias": False}),
    "mistral": Family(MistralConfig, {"sliding_window": None}),
    "qwen2, biases of query, key and value": Family(Qwen2Config, heads(4, 24)),
    "qwen3, norms of query and key": Family(Qwen3Config),
    "granite, four scalars": Family(GraniteConfig, {**heads(4, 24), **GRANITE}),
    **{
        f"granite, {name}": Family(
            GraniteConfig, {**heads(4, 24), **GRANITE}, {name: 24**-0.5 if name.startswith("attention") else 1.0}
        )
        for name in GRANITE
    },
    "another base of the rotation": Family(LlamaConfig, {"rope_theta": 1_000_000.0}, {"rope_theta": 10_000.0}),
    "linear scaling": Family(
        LlamaConfig, {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}, {"rope_scaling": None}
    ),
    "llama3's scaling": Family(LlamaConfig, {"rope_scaling": LLAMA3}, {"rope_scaling": None}),
    "YaRN": Family(LlamaConfig, {"rope_scaling": YARN}, {"rope_scaling": None}),
    "YaRN of qwen2": Family(Qwen2Config, {**heads(4, 24), "rope_scaling": YARN}, {"rope_scaling": None}),
    "YaRN with a factor for attention": Family(
        LlamaConfig, {"rope_scaling": {**YARN, "attention_factor": 0.7}}, {"rope_scaling": YARN}
    ),
    "another epsilon": Family(LlamaConfig, {"rms_norm_eps": 0.3}, {"rms_norm_eps": 1e-5}),
    "every head with its own keys": Family(LlamaConfig, heads(4, 24)),
    "one head of keys for all": Family(LlamaConfig, heads(4, 24, 4)),
    "three heads to each head of keys": Family(LlamaConfig, heads(6, 16, 3)),
    "seven heads to each head of keys": Family(LlamaConfig, {**heads(14, 16, 7), "hidden_size": 224}),
    **{f"heads of {size}": Family(LlamaConfig, heads(count, size, 2)) for size, count in (
        (16, 4), (20, 8), (48, 2), (64, 2), (80, 2), (96, 2), (128, 2), (256, 2),
    )},
    "heads wider together than the hidden size": Family(LlamaConfig, heads(8, 32, 2)),
    "one layer": Family(LlamaConfig, {"num_hidden_layers": 1}),
    "a vocabulary of 49,155": Family(GraniteConfig, {**heads(4, 24), **GRANITE, "vocab_size": 49_155}, tokens=40),
    "a vocabulary of 151,936": Family(
        Qwen2Config, {**heads(2, 16), "hidden_size": 32, "vocab_size": 151_936}, tokens=20
    ),
    "a long context": Family(
        LlamaConfig,
        {**heads(2, 16), "hidden_size": 32, "num_hidden_layers": 2, "max_position_embeddings": 4096},
        tokens=2_500,
    ),
}  # fmt: skip


# Without those that differ from an earlier one only in the switch that is taken away.
DISTINCT = [name for name in FAMILIES if not name.startswith("granite, ") or name == "granite, four scalars"]


@torch.no_grad()
def draw(config: PretrainedConfig, seed: int = 1) -> PreTrainedModel:
    """A model in float32; parameters with the same name and shape are the same in every configuration."""
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager").eval()
    for name, weight in model.named_parameters():
        source = torch.Generator().manual_seed(seed + sum(name.encode()) * 7919)
        if weight.ndim == 2:
            is_embedding = "embed_tokens" in name
            weight.normal_(std=1 if is_embedding else 1.2 * weight.shape[1] ** -0.5, generator=source)
        elif name.endswith("bias"):
            weight.normal_(generator=source)
        else:
            weight.uniform_(0.5, 1.5, generator=source)
    return model


def draw_tokens(family: Family, seed: int = 2) -> torch.Tensor:
    """[1, tokens]"""
    source = torch.Generator().manual_seed(seed)
    return torch.randint(1, family.config().vocab_size, (1, family.tokens), generator=source)
