"""Which hidden units matter: statistics of their activations, four orders, and the sort.

h = act(gate) * up is the activation of a unit, the input of `down`. A unit is the more important

- by `weights`: the larger |gate row| * |up row| * |down column| is, without any text;
- by `energy`: the larger E[h^2] * |down column|^2 is, the energy that it adds to the residual stream;
- by `fluctuation`: the larger Var[h] * |down column|^2 is, the part of it that a constant cannot replace
  (FLAP, arXiv 2312.11983).
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from training.elastic.nested import NestedMLP, blocks, full_widths, submodel

ORDERS = ("weights", "energy", "fluctuation")


@dataclass
class Calibration:
    """Of each layer, over `tokens` tokens: mean and mean square of each unit's activation, float64 [ffn]."""

    mean: list[Tensor]
    square: list[Tensor]
    tokens: int


@torch.no_grad()
def calibrate(model: PreTrainedModel, rows: list[list[int]]) -> Calibration:
    """Statistics of XL's activations on rows of tokens."""
    sums = [torch.zeros(2, mlp.ffn, dtype=torch.float64) for mlp in blocks(model)]

    def listen(total: Tensor, _: nn.Module, inputs: tuple[Tensor]) -> None:
        h = inputs[0].flatten(0, -2).double()
        total += torch.stack((h.sum(0), h.square().sum(0))).cpu()

    handles = [
        mlp.down_proj.register_forward_pre_hook(partial(listen, total))
        for mlp, total in zip(blocks(model), sums, strict=True)
    ]
    try:
        with submodel(model, full_widths(model)):
            for row in rows:
                model.model(torch.tensor([row], device=model.device), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    tokens = sum(map(len, rows))
    return Calibration([s[0] / tokens for s in sums], [s[1] / tokens for s in sums], tokens)


def importance(mlp: NestedMLP, mean: Tensor, square: Tensor, order: str) -> Tensor:
    """[ffn] float64; mean and square: [ffn]."""
    down = mlp.down_proj.weight.detach().double().cpu().square().sum(dim=0)
    if order == "energy":
        return square * down
    if order == "fluctuation":
        return (square - mean.square()) * down
    if order == "weights":
        gate, up = (p.weight.detach().double().cpu().norm(dim=1) for p in (mlp.gate_proj, mlp.up_proj))
        return gate * up * down.sqrt()
    raise ValueError(f"{order}: expected one of {', '.join(ORDERS)}")


def ranking(model: PreTrainedModel, calibration: Calibration, order: str) -> list[Tensor]:
    """The units of each layer, the most important first: int64 [ffn]."""
    layers = zip(blocks(model), calibration.mean, calibration.square, strict=True)
    return [importance(*layer, order).argsort(descending=True, stable=True) for layer in layers]


@torch.no_grad()
def sort_units(model: PreTrainedModel, calibration: Calibration, ranks: list[Tensor], compensate: bool) -> None:
    """Move the units of every layer into the order of `ranks`, in place; the statistics move along.

    The function of the whole model stays the same. With `compensate` submodels add the mean of what they cut.
    """
    for i, (mlp, rank) in enumerate(zip(blocks(model), ranks, strict=True)):
        calibration.mean[i], calibration.square[i] = calibration.mean[i][rank], calibration.square[i][rank]
        moved = rank.to(model.device)
        for projection in (mlp.gate_proj, mlp.up_proj):
            projection.weight.copy_(projection.weight[moved])
            if projection.bias is not None:
                projection.bias.copy_(projection.bias[moved])
        mlp.down_proj.weight.copy_(mlp.down_proj.weight[:, moved])
        mlp.mean_active = nn.Parameter(calibration.mean[i].float().to(model.device)) if compensate else None
