"""One update: the batch, the loss, and the granularity that is drawn.

As in MatFormer, one granularity is drawn for each update and learns from the labels only; here XS is among them.
`training.experiments.objectives` has those that were compared with it.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.data import segments
from training.model import MatLM, to_device
from training.tokenizer import END_OF_TEXT, FILE_SEPARATOR, SPECIAL

# The share of the updates that each granularity gets: the paper's best published setting, with XS added.
WITH_XS = {"XS": 0.20, "S": 0.16, "M": 0.176, "L": 0.192, "XL": 0.272}

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Batch:
    """tokens, targets [tokens]; weights [tokens], the weight of each token's loss; segments as in `model.Segments`."""

    tokens: Tensor
    targets: Tensor
    weights: Tensor
    segments: list[int]


def batch_of(
    run: np.ndarray,
    context: int,
    end_weight: float = 1.0,
    document_mask: bool = True,
    device: torch.device = CPU,
) -> Batch:
    """A stretch of the stream [tokens + 1] as a batch: documents apart, unless `document_mask` is off."""
    end, file_mark = SPECIAL.index(END_OF_TEXT), SPECIAL.index(FILE_SEPARATOR)
    count = len(run) - 1
    cuts = segments(run[:-1], file_mark, context) if document_mask else [*range(0, count, context), count]
    tokens = to_device(torch.from_numpy(run), device)
    targets = tokens[1:].clone()
    if document_mask:
        targets[targets == file_mark] = -1  # a document does not predict that another follows
    weights = torch.ones_like(targets, dtype=torch.float32)
    weights[targets == end] = end_weight
    weights[targets < 0] = 0.0
    return Batch(tokens[:-1], targets, weights, cuts)


def labels(model: MatLM, batch: Batch, name: str) -> Tensor:
    """Weighted cross entropy of one granularity, nats a token."""
    losses = model.token_losses(batch.tokens, batch.targets, model.config.widths(name), batch.segments)
    return (losses * batch.weights).sum() / len(batch.targets)


def draw(shares: dict[str, float], update: int) -> str:
    """The granularity of an update: the same in every process, and again after a resume."""
    return random.Random(update).choices(list(shares), list(shares.values()))[0]


# One update: (model, batch, update, progress 0..1, share of the update) -> (loss, name of the granularity).
# `backward` is done inside, so that the activations of two submodels are never held at once. The loss stays on the
# device, because reading it would wait for the device.
Objective = Callable[[MatLM, Batch, int, float, float], tuple[Tensor, str]]


def sampled(shares: dict[str, float]) -> Objective:
    """One granularity an update, drawn by these shares."""

    def step(model: MatLM, batch: Batch, update: int, progress: float, share: float) -> tuple[Tensor, str]:
        name = draw(shares, update)
        loss = labels(model, batch, name)
        (loss * share).backward()
        return loss.detach(), name

    return step


OBJECTIVES: dict[str, Objective] = {"sampled-xs": sampled(WITH_XS)}
