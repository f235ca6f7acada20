"""The MatEncoder: the MatLM's nested blocks with an input layer, an attention mask, pooling and a projection.

Notable:
- the blocks are those of `training.model`, so that S, M, L and XL are prefixes of the same feed-forward units and a
  MatLM's weights can be the start of an encoder;
- all submodels share the input layer, the attention and the projection; trained together (`objective`), they embed
  into one metric space: a gallery that XL embedded is searched with queries that S embedded (MatFormer, section 4.2.2);
- the embedding is nested too: each of `prefixes`, normalised by itself, is an embedding (Matryoshka, arXiv 2205.13147);
- a batch is one flat run of positions cut into segments, one an input: linear layers spend nothing on padding, and no
  input sees another. Attention on a CPU pads, because one call for the batch is faster than one for each input.
"""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.varlen import varlen_attn

from training.model import Block, Config, MatLM, Segments, to_device


@dataclass(frozen=True)
class Picture:
    """Square pictures: `size` pixels a side, cut into patches of `patch` pixels a side."""

    size: int = 64
    patch: int = 8
    channels: int = 3

    @property
    def patches(self) -> int:
        return (self.size // self.patch) ** 2

    @property
    def values(self) -> int:
        """Numbers in a patch."""
        return self.patch**2 * self.channels


@dataclass(frozen=True)
class EncoderConfig:
    """`shape` is that of the blocks; its vocabulary counts for tokens only. Without `picture` the input is tokens."""

    shape: Config = field(default_factory=Config)
    attention: str = "bidirectional"  # or "causal"
    pooling: str = "mean"  # or "last"
    embedding: int = 256
    prefixes: tuple[int, ...] = (64, 128, 256)
    max_input: int = 256
    picture: Picture | None = None

    def __post_init__(self):
        if self.attention not in ("bidirectional", "causal"):
            raise ValueError(f"attention is {self.attention!r}; it is bidirectional or causal")
        if self.pooling not in ("mean", "last"):
            raise ValueError(f"pooling is {self.pooling!r}; it is mean or last")
        if not self.prefixes or max(self.prefixes) > self.embedding:
            raise ValueError(f"prefixes {self.prefixes} are not within an embedding of {self.embedding}")
        if self.picture and self.picture.patches > self.max_input:
            raise ValueError(f"a picture has {self.picture.patches} patches; max_input is {self.max_input}")
        if self.max_input > self.shape.context:
            raise ValueError(f"max_input is {self.max_input}; there are {self.shape.context} positions")

    def widths(self, name: str) -> list[int]:
        """The FFN width of each layer for S, M, L or XL."""
        return self.shape.widths(name)


class Layout(Segments):
    """`Segments` that also know where each position stands in a padded batch [inputs * longest]."""

    def __init__(self, boundaries: list[int], device: torch.device, causal: bool):
        super().__init__(boundaries, device)
        self.causal = causal
        self.lengths = self.offsets.diff().long()
        # [positions], the input that each belongs to.
        self.rows = torch.repeat_interleave(torch.arange(len(boundaries) - 1, device=device), self.lengths)
        self.padded = self.rows * self.longest + self.positions
        self.is_full = len(self.rows) == len(self.lengths) * self.longest  # all of one length, as pictures are
        keys = torch.arange(self.longest, device=device)
        mask = (keys < self.lengths[:, None])[:, None, None, :]  # [inputs, 1, 1, longest]
        self.mask = mask & (keys <= keys[:, None]) if causal else mask


def attend(q: Tensor, k: Tensor, v: Tensor, layout: Layout) -> Tensor:
    """Attention inside each input. q: [positions, heads, head_dim]; k, v: [positions, kv_heads, head_dim]."""
    k, v = (t.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for t in (k, v))
    if q.is_cuda and q.dtype != torch.float32:  # one kernel of variable length for all inputs
        ends, longest = layout.offsets, layout.longest
        return varlen_attn(q, k, v, ends, ends, longest, longest, window_size=(-1, 0 if layout.causal else -1))
    inputs, size = len(layout.lengths), layout.longest

    def pad(x: Tensor) -> Tensor:  # [inputs, heads, longest, head_dim]
        flat = x if layout.is_full else x.new_zeros(inputs * size, *x.shape[1:]).index_copy(0, layout.padded, x)
        return flat.view(inputs, size, *x.shape[1:]).transpose(1, 2)

    mask = None if layout.is_full and not layout.causal else layout.mask
    y = F.scaled_dot_product_attention(pad(q), pad(k), pad(v), attn_mask=mask).transpose(1, 2).flatten(0, 1)
    return y if layout.is_full else y[layout.padded]


def patches_of(pixels: Tensor, picture: Picture) -> Tensor:
    """uint8 [pictures, size, size, channels] -> [pictures * patches, patch * patch * channels] in -1..1.

    Patches and the pixels of a patch are row-major, channels last.
    """
    count, side, p = len(pixels), picture.size // picture.patch, picture.patch
    x = pixels.view(count, side, p, side, p, picture.channels).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(count * picture.patches, picture.values).float() / 127.5 - 1


class MatEncoder(nn.Module):
    """The nested encoder. `dtype` is the precision of activations; parameters stay float32."""

    def __init__(self, config: EncoderConfig, dtype: torch.dtype = torch.float32):
        super().__init__()
        shape = config.shape
        self.config, self.dtype = config, dtype
        if config.picture:
            size = config.picture.values
            self.patch_embedding = nn.Parameter(torch.randn(shape.hidden, size) * size**-0.5)
            # As large as a patch, so that the first layer already tells the same patch in two places apart.
            self.position_embedding = nn.Parameter(torch.randn(config.picture.patches, shape.hidden) * 0.5)
        else:
            self.embedding = nn.Parameter(torch.randn(shape.vocabulary, shape.hidden) * 0.02)
        self.blocks = nn.ModuleList([Block(shape) for _ in range(shape.layers)])
        self.norm = nn.Parameter(torch.ones(shape.hidden))
        self.projection = nn.Parameter(torch.randn(config.embedding, shape.hidden) * shape.hidden**-0.5)
        frequencies = shape.rope_theta ** (-torch.arange(0, shape.head_dim, 2) / shape.head_dim)
        angles = torch.arange(shape.context)[:, None, None] * frequencies
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    @property
    def device(self) -> torch.device:
        return self.projection.device

    @torch.no_grad()
    def start_from(self, model: MatLM) -> None:
        """Take the token embedding, the blocks and the norm of a MatLM of the same shape; the projection stays."""
        if model.config != self.config.shape:
            raise ValueError(f"the encoder's shape is {self.config.shape}, that of the MatLM {model.config}")
        self.embedding.copy_(model.embedding)
        self.blocks.load_state_dict(model.blocks.state_dict())
        self.norm.copy_(model.norm)

    def embed(self, x: Tensor, widths: list[int], boundaries: list[int]) -> Tensor:
        """From the input layer's output [positions, hidden] to embeddings [inputs, embedding] of length 1, float32."""
        layout = Layout(boundaries, x.device, self.config.attention == "causal")
        if layout.longest > self.config.max_input:
            raise ValueError(f"an input of {layout.longest} positions; max_input is {self.config.max_input}")
        x = x.to(self.dtype)
        cos, sin = self.cos[layout.positions].to(self.dtype), self.sin[layout.positions].to(self.dtype)
        for block, width in zip(self.blocks, widths, strict=True):
            if width > 0:
                x = block.after(x, attend(*block.before(x, cos, sin), layout), width)
        shape = self.config.shape
        x = F.rms_norm(x, (shape.hidden,), self.norm.to(self.dtype), shape.norm_eps).float()
        if self.config.pooling == "last":
            pooled = x[layout.offsets[1:].long() - 1]
        else:
            sums = x.new_zeros(len(layout.lengths), x.shape[1]).index_add(0, layout.rows, x)
            pooled = sums / layout.lengths[:, None]
        return F.normalize(F.linear(pooled, self.projection), dim=-1)

    def embed_tokens(self, inputs: list[list[int]], widths: list[int]) -> Tensor:
        """Each a list of token ids, none empty, cut at `max_input` -> [inputs, embedding] of length 1, float32."""
        cut = [tokens[: self.config.max_input] for tokens in inputs]
        if not all(cut):
            raise ValueError(f"input {[bool(tokens) for tokens in cut].index(False)} has no tokens")
        boundaries = [0]
        for tokens in cut:
            boundaries.append(boundaries[-1] + len(tokens))
        flat = to_device(torch.tensor([token for tokens in cut for token in tokens]), self.device)
        return self.embed(F.embedding(flat, self.embedding), widths, boundaries)

    def embed_pictures(self, pixels: Tensor, widths: list[int]) -> Tensor:
        """uint8 [pictures, size, size, channels] -> [pictures, embedding] of length 1, float32."""
        patches = patches_of(pixels.to(self.device), self.config.picture)
        count, each = len(pixels), self.config.picture.patches
        x = F.linear(patches.to(self.dtype), self.patch_embedding.to(self.dtype)).view(count, each, -1)
        x = (x + self.position_embedding.to(self.dtype)).flatten(0, 1)
        return self.embed(x, widths, list(range(0, count * each + 1, each)))
