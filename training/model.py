"""The MatLM: a Qwen3-style decoder whose feed-forward blocks are nested (MatFormer, arXiv 2310.07707).

Notable:
- the first m hidden units of every feed-forward block are a smaller model: a submodel is a list of widths, one a
  layer, and 0 skips the whole layer (attention too);
- the hidden units are stored as rings [0, h/8), [h/8, h/4), [h/4, h/2), [h/2, h), each a parameter of its own, so
  that a ring outside the active submodel has no gradient at all and its momentum rests;
- everything else is Qwen3: RMSNorm, RoPE, grouped-query attention with QK-norm, SwiGLU, tied embeddings, no biases.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GRANULARITIES = ("S", "M", "L", "XL")


@dataclass(frozen=True)
class Config:
    """The shape of the model; every field is the Qwen3 one of the same meaning."""

    vocabulary: int = 4096
    hidden: int = 256
    layers: int = 6
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 64
    ffn: int = 1024
    context: int = 1024
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-6

    @property
    def rings(self) -> list[int]:
        """Widths of the rings: their running sums are the widths of S, M, L and XL."""
        return [self.ffn // 8, self.ffn // 8, self.ffn // 4, self.ffn // 2]

    def widths(self, name: str) -> list[int]:
        """The FFN width of each layer for a named granularity; XS is S with every second layer skipped."""
        if name == "XS":
            return [self.ffn // 8 if layer % 2 == 0 else 0 for layer in range(self.layers)]
        return [self.ffn >> (3 - GRANULARITIES.index(name))] * self.layers

    def parameters(self, widths: list[int]) -> int:
        """Non-embedding parameters of a submodel."""
        attention = 2 * self.hidden * (self.heads + self.kv_heads) * self.head_dim + 2 * self.head_dim
        norms = 2 * self.hidden
        return sum(attention + norms + 3 * self.hidden * m for m in widths if m > 0) + self.hidden


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """RoPE, halves convention (Hugging Face's). x: [batch, heads, time, head_dim]; cos, sin: [time, head_dim/2]."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


class Attention(nn.Module):
    """Grouped-query attention with QK-norm; not nested: every submodel shares it, and so the KV cache."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        d, h = config.hidden, config.head_dim
        self.q_proj = nn.Parameter(torch.randn(config.heads * h, d) * d**-0.5)
        self.k_proj = nn.Parameter(torch.randn(config.kv_heads * h, d) * d**-0.5)
        self.v_proj = nn.Parameter(torch.randn(config.kv_heads * h, d) * d**-0.5)
        self.o_proj = nn.Parameter(torch.zeros(d, config.heads * h))
        self.q_norm = nn.Parameter(torch.ones(h))
        self.k_norm = nn.Parameter(torch.ones(h))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        batch, time, _ = x.shape
        c = self.config

        def project(weight: Tensor, heads: int) -> Tensor:  # [batch, heads, time, head_dim]
            return F.linear(x, weight.to(x.dtype)).view(batch, time, heads, c.head_dim).transpose(1, 2)

        q = F.rms_norm(project(self.q_proj, c.heads), (c.head_dim,), self.q_norm.to(x.dtype), c.norm_eps)
        k = F.rms_norm(project(self.k_proj, c.kv_heads), (c.head_dim,), self.k_norm.to(x.dtype), c.norm_eps)
        v = project(self.v_proj, c.kv_heads)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        group = c.heads // c.kv_heads
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return F.linear(y.transpose(1, 2).reshape(batch, time, -1), self.o_proj.to(x.dtype))


class NestedFFN(nn.Module):
    """SwiGLU whose hidden units are nested. `down` is stored [h, d], so that a prefix of units is contiguous."""

    def __init__(self, config: Config):
        super().__init__()
        d = config.hidden
        self.ring_widths = config.rings
        self.gate = nn.ParameterList([torch.randn(r, d) * d**-0.5 for r in config.rings])
        self.up = nn.ParameterList([torch.randn(r, d) * d**-0.5 for r in config.rings])
        self.down = nn.ParameterList([torch.zeros(r, d) for r in config.rings])

    def prefix(self, rings: nn.ParameterList, width: int) -> Tensor:
        """The first `width` rows of a matrix stored as rings: [width, d]."""
        parts, total = [], 0
        for ring in rings:
            if total >= width:
                break
            parts.append(ring[: width - total])
            total += ring.shape[0]
        return torch.cat(parts)

    def forward(self, x: Tensor, width: int) -> Tensor:
        gate = self.prefix(self.gate, width).to(x.dtype)
        up = self.prefix(self.up, width).to(x.dtype)
        down = self.prefix(self.down, width).to(x.dtype)
        return (F.silu(F.linear(x, gate)) * F.linear(x, up)) @ down


class Block(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.input_norm = nn.Parameter(torch.ones(config.hidden))
        self.attention = Attention(config)
        self.ffn_norm = nn.Parameter(torch.ones(config.hidden))
        self.ffn = NestedFFN(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, width: int) -> Tensor:
        d, eps = self.config.hidden, self.config.norm_eps
        x = x + self.attention(F.rms_norm(x, (d,), self.input_norm.to(x.dtype), eps), cos, sin)
        return x + self.ffn(F.rms_norm(x, (d,), self.ffn_norm.to(x.dtype), eps), width)


class MatLM(nn.Module):
    """The nested language model. `dtype` is the precision of activations; parameters stay float32."""

    def __init__(self, config: Config, dtype: torch.dtype = torch.bfloat16):
        super().__init__()
        self.config, self.dtype = config, dtype
        self.embedding = nn.Parameter(torch.randn(config.vocabulary, config.hidden) * 0.02)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.layers)])
        self.norm = nn.Parameter(torch.ones(config.hidden))
        frequencies = config.rope_theta ** (-torch.arange(0, config.head_dim, 2) / config.head_dim)
        angles = torch.arange(config.context)[:, None] * frequencies[None, :]
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def hidden_states(self, tokens: Tensor, widths: list[int]) -> Tensor:
        """tokens: [batch, time] -> normalised states [batch, time, hidden]."""
        time = tokens.shape[1]
        cos, sin = self.cos[:time].to(self.dtype), self.sin[:time].to(self.dtype)
        x = F.embedding(tokens, self.embedding).to(self.dtype)
        for block, width in zip(self.blocks, widths, strict=True):
            if width > 0:
                x = block(x, cos, sin, width)
        return F.rms_norm(x, (self.config.hidden,), self.norm.to(self.dtype), self.config.norm_eps)

    def logits(self, tokens: Tensor, widths: list[int]) -> Tensor:
        """tokens: [batch, time] -> float32 logits [batch, time, vocabulary]."""
        return F.linear(self.hidden_states(tokens, widths), self.embedding.to(self.dtype)).float()

    def loss(self, tokens: Tensor, targets: Tensor, widths: list[int], reduction: str = "mean") -> Tensor:
        """Cross entropy in nats; `targets` of -1 are not counted."""
        logits = self.logits(tokens, widths).flatten(0, 1)
        return F.cross_entropy(logits, targets.flatten(), ignore_index=-1, reduction=reduction)
