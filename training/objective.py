"""What one update asks of which submodels.

`sampled` is MatFormer's own (one granularity an update, labels only); `sandwich` is the slimmable networks' rule with
in-place distillation (arXiv 1903.05134); `joint` is the mean over all granularities, as in MatFormer's first version
and DynaBERT; a granularity's name trains that one alone, as its independent twin.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.data import segments
from training.model import GRANULARITIES, MatLM, to_device
from training.tokenizer import END_OF_TEXT, FILE_SEPARATOR, SPECIAL

# The share of the updates that each granularity gets: the paper's best published setting, and the same with XS.
PAPER = {"S": 0.20, "M": 0.22, "L": 0.24, "XL": 0.34}
WITH_XS = {"XS": 0.20, "S": 0.16, "M": 0.176, "L": 0.192, "XL": 0.272}
# Towards the end the full width must learn what the narrow ones cannot hold.
LATE = {"XS": 0.12, "S": 0.12, "M": 0.13, "L": 0.15, "XL": 0.48}
LATE_FROM = 0.65
# The part of training without distillation: an untrained teacher teaches nonsense.
DISTIL_FROM = 2 / 3
LABEL_SHARE = 0.5

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
        targets[targets == file_mark] = -1  # nothing in a document tells that another follows
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


# One update: (model, batch, update, progress 0..1) -> (loss, name of what was trained); `backward` is done inside, so
# that no two submodels' activations are held at once. The loss stays where it was computed: to read it is to wait.
Objective = Callable[[MatLM, Batch, int, float, float], tuple[Tensor, str]]


def sampled(early: dict[str, float], late: dict[str, float] | None = None) -> Objective:
    def step(model: MatLM, batch: Batch, update: int, progress: float, share: float) -> tuple[Tensor, str]:
        name = draw(late if late and progress > LATE_FROM else early, update)
        loss = labels(model, batch, name)
        (loss * share).backward()
        return loss.detach(), name

    return step


def joint(model: MatLM, batch: Batch, update: int, progress: float, share: float) -> tuple[Tensor, str]:
    for name in GRANULARITIES:
        loss = labels(model, batch, name)
        (loss * share / len(GRANULARITIES)).backward()
    return loss.detach(), "XL"


def sandwich(model: MatLM, batch: Batch, update: int, progress: float, share: float) -> tuple[Tensor, str]:
    """One sampled granularity at first; in the last third the largest, the smallest and one between, taught by it."""
    if progress < DISTIL_FROM:
        return sampled(PAPER)(model, batch, update, progress, share)
    widths = model.config.widths
    logits = F.linear(model.states(batch.tokens, widths("XL"), batch.segments), model.embedding.to(model.dtype)).float()
    losses = F.cross_entropy(logits, batch.targets, ignore_index=-1, reduction="none")
    loss = (losses * batch.weights).sum() / len(batch.targets)
    (loss * share).backward()
    teacher = F.log_softmax(logits.detach(), dim=-1)
    for name in ("S", random.Random(update).choice(("M", "L"))):
        states = model.states(batch.tokens, widths(name), batch.segments)
        student = F.log_softmax(F.linear(states, model.embedding.to(model.dtype)).float(), dim=-1)
        hard = F.nll_loss(student, batch.targets, ignore_index=-1, reduction="none")
        soft = F.kl_div(student, teacher, log_target=True, reduction="none").sum(-1)
        mixed = LABEL_SHARE * hard + (1 - LABEL_SHARE) * soft
        ((mixed * batch.weights).sum() / len(batch.targets) * share).backward()
    return loss.detach(), "XL"


def objective(name: str) -> Objective:
    """`sampled`, `sampled-xs`, `sampled-xs-late`, `sandwich`, `joint`, or the name of one granularity."""
    known: dict[str, Objective] = {
        "sampled": sampled(PAPER), "sampled-xs": sampled(WITH_XS), "sampled-xs-late": sampled(WITH_XS, LATE),
        "sandwich": sandwich, "joint": joint, **{n: sampled({n: 1.0}) for n in ("XS", *GRANULARITIES)},
    }  # fmt: skip
    if name not in known:
        raise ValueError(f"objective {name}: use one of {', '.join(known)}")
    return known[name]


OBJECTIVES = ("sampled", "sampled-xs", "sampled-xs-late", "sandwich", "joint", "XS", *GRANULARITIES)
