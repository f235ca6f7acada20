"""A dense model of `transformers` whose feed-forward blocks can run at any width."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

STEP = 32  # widths are multiples of this, as in the engine


def activation(gate: Tensor, up: Tensor) -> Tensor:
    """h of each hidden unit, the input of `down`: [..., units]."""
    return F.silu(gate) * up


def compile_activation() -> None:
    """Fuse it, forward and backward, for all widths: for a GPU."""
    globals()["activation"] = torch.compile(activation, dynamic=True)


class NestedMLP(nn.Module):
    """A gated feed-forward block with the tensors of `mlp`, of which the first `width` hidden units are used.

    `mean_active` is the mean activation of each unit, [ffn] float32, or None: a narrow block adds
    sum over the cut units j of mean_active[j] * down[:, j] to its output.
    """

    def __init__(self, mlp: nn.Module):
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = mlp.gate_proj, mlp.up_proj, mlp.down_proj
        self.ffn = self.width = self.down_proj.in_features
        self.register_parameter("mean_active", None)

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., hidden]."""
        width, down = self.width, self.down_proj
        if width == self.ffn:
            return down(activation(self.gate_proj(x), self.up_proj(x)))

        def project(layer: nn.Linear) -> Tensor:
            return F.linear(x, layer.weight[:width], None if layer.bias is None else layer.bias[:width])

        y = F.linear(activation(project(self.gate_proj), project(self.up_proj)), down.weight[:, :width], down.bias)
        if self.mean_active is None:
            return y
        # The columns of the cut units belong to the larger submodels: a smaller one does not train them.
        cut = down.weight[:, width:].detach()
        return y + F.linear(self.mean_active[width:].to(cut.dtype), cut).to(y.dtype)


def make_nested(model: PreTrainedModel) -> PreTrainedModel:
    """Replace the feed-forward blocks by nested ones, in place. Raises ValueError if that is not possible."""
    if model.config.hidden_act not in ("silu", "swish"):
        raise ValueError(f"the activation is {model.config.hidden_act}; expected silu")
    for i, layer in enumerate(model.model.layers):
        if not all(hasattr(layer.mlp, name) for name in ("gate_proj", "up_proj", "down_proj")):
            raise ValueError(f"the feed-forward block of layer {i} is not gated (no gate_proj, up_proj and down_proj)")
        layer.mlp = NestedMLP(layer.mlp)
    ffn = blocks(model)[0].ffn
    if ffn <= STEP:
        raise ValueError(f"{ffn} hidden units a layer; widths are multiples of {STEP}, so there is none below it")
    return model


def blocks(model: PreTrainedModel) -> list[NestedMLP]:
    return [layer.mlp for layer in model.model.layers]


def set_widths(model: PreTrainedModel, widths: list[int]) -> None:
    """Widths by layer, multiples of 32 or the whole. Raises ValueError for others."""
    for i, (mlp, width) in enumerate(zip(blocks(model), widths, strict=True)):
        if width != mlp.ffn and (width % STEP or not 0 < width < mlp.ffn):
            raise ValueError(f"layer {i}: width {width}; expected a multiple of {STEP} up to {mlp.ffn}, or {mlp.ffn}")
        mlp.width = width


def full_widths(model: PreTrainedModel) -> list[int]:
    return [mlp.ffn for mlp in blocks(model)]


@contextmanager
def submodel(model: PreTrainedModel, widths: list[int]) -> Iterator[None]:
    """While it lasts, the model is the submodel of these widths."""
    before = [mlp.width for mlp in blocks(model)]
    set_widths(model, widths)
    try:
        yield
    finally:
        set_widths(model, before)


def uniform(model: PreTrainedModel, share: float) -> list[int]:
    """The same share of the hidden units in every layer, to the next multiple of 32."""
    return [mlp.ffn if share >= 1 else max(STEP, round(share * mlp.ffn / STEP) * STEP) for mlp in blocks(model)]
