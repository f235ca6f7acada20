"""The MatLM: a Qwen3-style decoder whose feed-forward blocks are nested (MatFormer, arXiv 2310.07707).

Notable:
- the first m hidden units of every feed-forward block are a smaller model: a submodel is a list of widths, one a
  layer, and 0 skips the whole layer (attention too);
- the hidden units are stored as nested slices [0, h/8), [h/8, h/4), [h/4, h/2), [h/2, h), each a parameter of its
  own, so that a slice outside the active submodel has no gradient at all and its momentum stays as it is;
- a batch is one flat run of tokens cut into segments, and attention stays inside a segment: documents packed side by
  side do not see each other, and nothing is spent on the pairs that are masked;
- everything else is Qwen3: RMSNorm, RoPE, grouped-query attention with QK-norm, SwiGLU, tied embeddings, no biases.
"""

import os
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.varlen import varlen_attn

GRANULARITIES = ("S", "M", "L", "XL")


def best_device() -> torch.device:
    """The GPU of this process, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


def fast_dtype(device: torch.device | str = "cpu") -> torch.dtype:
    """bfloat16 on a GPU and on a CPU with matrix tiles (AMX); else float32.

    AVX-512's bfloat16 instructions alone do not pay: torch 2.13 multiplies [4096, 256] by [256, 1024] at 0.6 of the
    speed of float32 with them, and at a tenth without them.
    """
    if torch.device(device).type != "cpu":
        return torch.bfloat16
    return torch.bfloat16 if torch.cpu._is_amx_tile_supported() else torch.float32


@dataclass(frozen=True)
class Config:
    """The shape of the model; every field but the last three is the Qwen3 one of the same meaning."""

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
    # For experiments only: how far back a key reads the layer's input (0 or 1: the one departure from Qwen3), what
    # part of the hidden units S has, and whether S and M run every second layer only.
    key_shift: int = 0
    narrowest: int = 8
    nested_depth: bool = False

    @property
    def slices(self) -> list[int]:
        """Widths of the nested slices: their running sums are the widths of S, M, L and XL."""
        return [self.ffn // self.narrowest, self.ffn // 4 - self.ffn // self.narrowest, self.ffn // 4, self.ffn // 2]

    def widths(self, name: str) -> list[int]:
        """The FFN width of each layer for a named granularity; XS is S with every second layer skipped."""
        shares = {"XS": self.narrowest, "S": self.narrowest, "M": 4, "L": 2, "XL": 1}
        skips = name == "XS" or (self.nested_depth and name in ("S", "M"))
        return [0 if skips and layer % 2 else self.ffn // shares[name] for layer in range(self.layers)]

    def parameters(self, widths: list[int]) -> int:
        """Non-embedding parameters of a submodel."""
        attention = 2 * self.hidden * (self.heads + self.kv_heads) * self.head_dim + 2 * self.head_dim
        norms = 2 * self.hidden
        return sum(attention + norms + 3 * self.hidden * m for m in widths if m > 0) + self.hidden


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """RoPE, halves convention (Hugging Face's). x: [tokens, heads, head_dim]; cos, sin: [tokens, 1, head_dim/2]."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def to_device(host: Tensor, device: torch.device) -> Tensor:
    """A copy without waiting: on a GPU the next update is prepared while this one runs."""
    return host.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else host.to(device)


class Segments:
    """The documents of a flat run of tokens. `boundaries`: 0, then the end of every document."""

    def __init__(self, boundaries: list[int], device: torch.device):
        self.boundaries = boundaries
        lengths = [b - a for a, b in pairwise(boundaries)]
        self.longest = max(lengths)
        self.offsets = to_device(torch.tensor(boundaries, dtype=torch.int32), device)
        # [tokens], the place of each token in its document.
        self.positions = to_device(torch.cat([torch.arange(n) for n in lengths]), device)


def attend(q: Tensor, k: Tensor, v: Tensor, segments: Segments) -> Tensor:
    """Causal attention inside each segment. q: [tokens, heads, head_dim]; k, v: [tokens, kv_heads, head_dim]."""
    k, v = (t.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for t in (k, v))
    if q.is_cuda and q.dtype != torch.float32:  # one kernel of variable length for all segments
        ends, longest = segments.offsets, segments.longest
        return varlen_attn(q, k, v, ends, ends, longest, longest, window_size=(-1, 0))
    q, k, v = (t.transpose(0, 1) for t in (q, k, v))
    parts = [
        F.scaled_dot_product_attention(q[None, :, a:b], k[None, :, a:b], v[None, :, a:b], is_causal=True)
        for a, b in pairwise(segments.boundaries)
    ]
    return torch.cat(parts, dim=2)[0].transpose(0, 1)


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
        if config.key_shift:
            self.k_shift = nn.Parameter(torch.full((d,), 0.5))

    def project(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x: [tokens, hidden] -> q [tokens, heads, head_dim], k and v [tokens, kv_heads, head_dim]."""
        c, tokens = self.config, x.shape[0]

        def heads(y: Tensor, weight: Tensor, count: int) -> Tensor:
            return F.linear(y, weight.to(x.dtype)).view(tokens, count, c.head_dim)

        shifted = x
        if c.key_shift:
            shifted = x + self.k_shift.to(x.dtype) * F.pad(x[:-1], (0, 0, 1, 0))
        q = F.rms_norm(heads(x, self.q_proj, c.heads), (c.head_dim,), self.q_norm.to(x.dtype), c.norm_eps)
        k = F.rms_norm(heads(shifted, self.k_proj, c.kv_heads), (c.head_dim,), self.k_norm.to(x.dtype), c.norm_eps)
        return rotate(q, cos, sin), rotate(k, cos, sin), heads(x, self.v_proj, c.kv_heads)


class NestedFFN(nn.Module):
    """SwiGLU whose hidden units are nested. `down` is stored [h, d], so that a prefix of units is contiguous."""

    def __init__(self, config: Config):
        super().__init__()
        d = config.hidden
        self.slice_widths = config.slices
        self.gate = nn.ParameterList([torch.randn(r, d) * d**-0.5 for r in config.slices])
        self.up = nn.ParameterList([torch.randn(r, d) * d**-0.5 for r in config.slices])
        self.down = nn.ParameterList([torch.zeros(r, d) for r in config.slices])

    def prefix(self, slices: nn.ParameterList, width: int) -> Tensor:
        """The first `width` rows of a matrix stored as slices: [width, d]."""
        parts, total = [], 0
        for part in slices:
            if total >= width:
                break
            parts.append(part[: width - total])
            total += part.shape[0]
        return torch.cat(parts)

    def forward(self, x: Tensor, width: int) -> Tensor:
        gate = self.prefix(self.gate, width).to(x.dtype)
        up = self.prefix(self.up, width).to(x.dtype)
        down = self.prefix(self.down, width).to(x.dtype)
        return (F.silu(F.linear(x, gate)) * F.linear(x, up)) @ down


class Block(nn.Module):
    """One layer, in two halves with the attention between: each half compiles once for all layers."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.input_norm = nn.Parameter(torch.ones(config.hidden))
        self.attention = Attention(config)
        self.ffn_norm = nn.Parameter(torch.ones(config.hidden))
        self.ffn = NestedFFN(config)

    def before(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        normalised = F.rms_norm(x, (self.config.hidden,), self.input_norm.to(x.dtype), self.config.norm_eps)
        return self.attention.project(normalised, cos, sin)

    def after(self, x: Tensor, y: Tensor, width: int) -> Tensor:
        x = x + F.linear(y.flatten(1), self.attention.o_proj.to(x.dtype))
        normalised = F.rms_norm(x, (self.config.hidden,), self.ffn_norm.to(x.dtype), self.config.norm_eps)
        return x + self.ffn(normalised, width)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, segments: Segments, width: int) -> Tensor:
        return self.after(x, attend(*self.before(x, cos, sin), segments), width)


def cross_entropy(x: Tensor, embedding: Tensor, targets: Tensor) -> Tensor:
    """States [tokens, hidden] and targets [tokens] -> nats a token, float32 [tokens]; 0 if the target is -1."""
    logits = F.linear(x, embedding.to(x.dtype)).float()
    return F.cross_entropy(logits, targets, ignore_index=-1, reduction="none")


class MatLM(nn.Module):
    """The nested language model. `dtype` is the precision of activations; parameters stay float32."""

    def __init__(self, config: Config, dtype: torch.dtype = torch.bfloat16):
        super().__init__()
        self.config, self.dtype = config, dtype
        # Spent so far, if every pass was trained on: 6 for each token, parameter of the layers used, and of the head.
        self.training_flops = 0
        self.embedding = nn.Parameter(torch.randn(config.vocabulary, config.hidden) * 0.02)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.layers)])
        self.norm = nn.Parameter(torch.ones(config.hidden))
        frequencies = config.rope_theta ** (-torch.arange(0, config.head_dim, 2) / config.head_dim)
        angles = torch.arange(config.context)[:, None, None] * frequencies
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    @property
    def device(self) -> torch.device:
        return self.embedding.device

    def compile_layers(self) -> None:
        """Compile the halves of a layer and the loss: a fifth faster on a CPU, and needed for speed on a GPU."""
        torch._dynamo.config.recompile_limit = 32
        Block.before = torch.compile(Block.before, dynamic=False)
        Block.after = torch.compile(Block.after, dynamic=False)
        globals()["cross_entropy"] = torch.compile(cross_entropy, dynamic=False)

    def states(self, tokens: Tensor, widths: list[int], boundaries: list[int]) -> Tensor:
        """tokens: [tokens], `boundaries` as in `Segments` -> normalised states [tokens, hidden]."""
        segments = Segments(boundaries, tokens.device)
        self.training_flops += 6 * len(tokens) * (self.config.parameters(widths) + self.embedding.numel())
        if segments.longest > self.config.context:
            raise ValueError(f"a segment of {segments.longest} tokens; the context is {self.config.context}")
        cos, sin = self.cos[segments.positions].to(self.dtype), self.sin[segments.positions].to(self.dtype)
        x = F.embedding(tokens, self.embedding).to(self.dtype)
        for block, width in zip(self.blocks, widths, strict=True):
            if width > 0:
                x = block(x, cos, sin, segments, width)
        return F.rms_norm(x, (self.config.hidden,), self.norm.to(self.dtype), self.config.norm_eps)

    def logits(self, tokens: Tensor, widths: list[int]) -> Tensor:
        """tokens: [batch, time] -> float32 logits [batch, time, vocabulary]; every row is a segment."""
        batch, time = tokens.shape
        x = self.states(tokens.flatten(), widths, list(range(0, batch * time + 1, time)))
        return F.linear(x, self.embedding.to(self.dtype)).float().view(batch, time, -1)

    def token_losses(self, tokens: Tensor, targets: Tensor, widths: list[int], boundaries: list[int]) -> Tensor:
        """Nats a token: [tokens], [tokens] -> [tokens]; 0 if the target is -1."""
        return cross_entropy(self.states(tokens, widths, boundaries), self.embedding, targets)
