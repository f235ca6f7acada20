"""Widths by layer: how much each layer suffers from a cut, and the best way to spend a number of hidden units.

Each layer is cut alone to a few widths; the sum of the losses over the layers predicts that of a submodel, and dynamic
programming over the layers finds the widths with the least.
"""

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from training.elastic.nested import STEP, blocks, full_widths, submodel

SHARES = (1 / 8, 1 / 4, 1 / 2, 3 / 4, 0.9)
# No layer is cut below this share of the mean width: the costs of single cuts say little about many deep ones together.
LEAST_OF_MEAN = 0.5
WINDOW = 256  # tokens of a row: many files rather than long ones, because a few long ones mislead


def measured_widths(ffn: int) -> list[int]:
    """The widths that a layer is cut to, rising; without the whole."""
    return sorted({max(STEP, round(share * ffn / STEP) * STEP) for share in SHARES} - {ffn})


def keep(calls: list[tuple[Tensor, dict]], _: nn.Module, args: tuple[Tensor], kwargs: dict) -> None:
    calls.append((args[0], kwargs))


@torch.no_grad()
def sensitivities(model: PreTrainedModel, rows: list[list[int]]) -> np.ndarray:
    """Nats a token that cutting one layer alone costs: [layers, widths of `measured_widths`].

    The layers before the cut one are not computed again.
    """
    layers, widths = model.model.layers, measured_widths(blocks(model)[0].ffn)
    costs = np.zeros((len(layers), len(widths)))
    for row in rows:
        tokens = torch.tensor([row], device=model.device)
        calls: list[tuple[Tensor, dict]] = []
        handles = [layer.register_forward_pre_hook(partial(keep, calls), with_kwargs=True) for layer in layers]
        with submodel(model, full_widths(model)):
            logits = model(tokens, use_cache=False).logits[0, :-1].float()
            whole = F.cross_entropy(logits, tokens[0, 1:], reduction="sum").item()
        for handle in handles:
            handle.remove()
        for i, layer in enumerate(layers):
            for j, width in enumerate(widths):
                x = calls[i][0]
                layer.mlp.width = width
                for later, (_, kwargs) in zip(layers[i:], calls[i:], strict=True):
                    x = later(x, **kwargs)
                layer.mlp.width = layer.mlp.ffn
                logits = model.lm_head(model.model.norm(x))[0, :-1].float()
                costs[i, j] += F.cross_entropy(logits, tokens[0, 1:], reduction="sum").item() - whole
    return costs / sum(len(row) - 1 for row in rows)


def smoothed(costs: np.ndarray) -> np.ndarray:
    """Costs of `sensitivities` with less of their noise, which would otherwise cut some layers to nothing.

    The layers share one curve, each with a factor of its own; the mean of that and of what was measured.
    """
    costs = costs.clip(min=0)
    sizes = costs.mean(axis=1, keepdims=True)
    curve = (costs / np.maximum(sizes, 1e-9)).mean(axis=0)
    factors = costs @ curve / max(curve @ curve, 1e-9)
    return (costs + factors[:, None] * curve) / 2


def cost_curve(ffn: int, widths: list[int], costs: np.ndarray) -> np.ndarray:
    """Costs at 32, 64 ... ffn, from those measured: never negative, never rising with the width, linear between."""
    known = np.maximum.accumulate(np.append(costs.clip(min=0), 0.0)[::-1])[::-1]
    grid = np.arange(STEP, ffn + STEP, STEP).clip(max=ffn)
    at = [*widths, ffn]
    curve = np.interp(grid, at, known)
    slope = (known[0] - known[1]) / (at[1] - at[0])  # below the narrowest one the line goes on
    return np.where(grid < at[0], known[0] + slope * (at[0] - grid), curve)


def budgets(ffn: int, costs: np.ndarray, share: float) -> list[int]:
    """Widths by layer that hold `share` of all hidden units at the least predicted cost. costs: of `sensitivities`."""
    widths, layers = measured_widths(ffn), len(costs)
    curves = [cost_curve(ffn, widths, row) for row in smoothed(costs)]
    steps = len(curves[0])
    total = max(layers, min(round(share * ffn * layers / STEP), layers * steps))
    least = max(1, int(total / layers * LEAST_OF_MEAN))
    best = np.zeros(1)  # [units spent so far, in steps] -> least cost
    chosen = []
    for curve in curves:
        following = np.full(min(len(best) + steps, total + 1), np.inf)
        choice = np.zeros(len(following), dtype=int)
        for k in range(least, steps + 1):
            reach = min(len(best), len(following) - k)
            if reach <= 0:
                break
            trial = best[:reach] + curve[k - 1]
            place = slice(k, k + reach)
            better = trial < following[place]
            following[place][better] = trial[better]
            choice[place][better] = k
        best = following
        chosen.append(choice)
    spent, found = total, []
    for choice in reversed(chosen):
        found.append(min(choice[spent] * STEP, ffn))
        spent -= choice[spent]
    return [int(width) for width in reversed(found)]
