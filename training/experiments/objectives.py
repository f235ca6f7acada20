"""Objectives that `docs/results/recipe.md` compares with the default, `sampled-xs`.

`sampled` is MatFormer's own, without XS; `sampled-xs-late` gives XL more of the updates towards the end (the models
that ship were trained so, before the comparison); `sampled-late` gives XL most of them, and `sampled-context` lets XL
alone read the whole context (`training.experiments.spread` compares both); `sandwich` is the slimmable networks' rule
with in-place distillation (arXiv 1903.05134); `joint` is the mean over all granularities, as in MatFormer's first
version and DynaBERT; a granularity's name trains that one alone, as its independent twin.
"""

import random
from dataclasses import replace
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor

from training.model import GRANULARITIES, MatLM
from training.objective import OBJECTIVES, WITH_XS, Batch, Objective, draw, labels, sampled

# The share of the updates that each granularity gets: the best setting that the paper publishes.
PAPER = {"S": 0.20, "M": 0.22, "L": 0.24, "XL": 0.34}
# Towards the end the full width must learn what the narrow ones cannot hold.
LATE = {"XS": 0.12, "S": 0.12, "M": 0.13, "L": 0.15, "XL": 0.48}
MOSTLY_XL = {"S": 0.08, "M": 0.08, "L": 0.14, "XL": 0.70}
LATE_FROM = 0.65
# All but XL read this part of the context, where XL alone has the whole.
SHORT = 4
# The part of training without distillation: an untrained teacher teaches nonsense.
DISTIL_FROM = 2 / 3
LABEL_SHARE = 0.5


def late(first: dict[str, float], last: dict[str, float]) -> Objective:
    """One sampled granularity, drawn by other shares in the last third."""

    def step(model: MatLM, batch: Batch, update: int, progress: float, share: float) -> tuple[Tensor, str]:
        return sampled(last if progress > LATE_FROM else first)(model, batch, update, progress, share)

    return step


def shortened(segments: list[int], context: int) -> list[int]:
    """The boundaries of segments cut into pieces of at most `context` tokens."""
    return [0, *(min(at + context, end) for start, end in pairwise(segments) for at in range(start, end, context))]


def long_context_for_xl(model: MatLM, batch: Batch, update: int, progress: float, share: float) -> tuple[Tensor, str]:
    """One sampled granularity; all but XL see a part of the context only."""
    name = draw(PAPER, update)
    if name != "XL":
        batch = replace(batch, segments=shortened(batch.segments, model.config.context // SHORT))
    loss = labels(model, batch, name)
    (loss * share).backward()
    return loss.detach(), name


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


EXPERIMENTAL: dict[str, Objective] = OBJECTIVES | {
    "sampled": sampled(PAPER),
    "sampled-xs-late": late(WITH_XS, LATE),
    "sampled-late": late(PAPER, MOSTLY_XL),
    "sampled-context": long_context_for_xl,
    "sandwich": sandwich,
    "joint": joint,
    **{name: sampled({name: 1.0}) for name in ("XS", *GRANULARITIES)},
}
