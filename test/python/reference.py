"""What transformers computes, and how far 8 bits for activations may move it."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from checkpoints import GROUP
from torch import Tensor, nn
from transformers import PreTrainedModel


def logits_of(model: PreTrainedModel, tokens: Tensor) -> np.ndarray:
    """[tokens, vocabulary] of tokens [1, tokens]"""
    return model(tokens).logits[0].numpy()


def rounded(values: Tensor, group: int) -> Tensor:
    """Values [..., k] rounded to int8, with one scale for each `group` of them."""
    grouped = values.unflatten(-1, (-1, group))
    scale = grouped.abs().amax(dim=-1, keepdim=True).clamp_min(1e-30) / 127
    return ((grouped / scale).round() * scale).flatten(-2)


@contextmanager
def rounded_activations(model: PreTrainedModel, form: str) -> Iterator[None]:
    """The inputs of every matrix have 8 bits, as in the engine: by vector with the form `rows`, else in groups."""

    def hook(module: nn.Linear, inputs: tuple[Tensor]) -> tuple[Tensor]:
        return (rounded(inputs[0], module.in_features if form == "rows" else GROUP),)

    handles = [m.register_forward_pre_hook(hook) for m in model.modules() if isinstance(m, nn.Linear)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def error(found: np.ndarray, expected: np.ndarray) -> float:
    """Root mean square of the difference, as a share of the expected values' standard deviation."""
    return float(np.sqrt(np.mean((found - expected) ** 2)) / expected.std())


def assert_same_text(found: list[int], model: PreTrainedModel, tokens: Tensor, tolerance: float) -> int:
    """Greedy text is that of the model, until two tokens are within the tolerance of each other: either is right then.

    Returns the number of tokens that are the same.
    """
    text = torch.cat([tokens, torch.tensor([found])], dim=1)
    logits = model(text).logits[0, tokens.shape[1] - 1 : -1]
    for i, (row, token) in enumerate(zip(logits, found, strict=True)):
        best = int(row.argmax())
        if token == best:
            continue
        gap = float((row[best] - row[token]) / row.std())
        assert gap < tolerance, f"token {i} is {token}, not {best}, whose logit is {gap:.3f} deviations higher"
        return i
    return len(found)
