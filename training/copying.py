"""Copying from the context, as a weight on one token: the one that followed the longest earlier match.

At every place the last n tokens are looked up earlier in the same context, n as large as finds any (at most 16), and
of several matches the latest. The token that followed it gets the weight lambda_n, and the model the rest:

    p(token) = (1 - lambda_n) * model(token) + lambda_n * [token followed the match]

The weights are fitted on some windows by expectation maximisation, one for each n, and hold for others.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

from training.copier import LONGEST, Copier
from training.metrics import Window, batches, flatten
from training.model import MatLM


def matches(window: Window) -> tuple[np.ndarray, np.ndarray]:
    """For every scored token of a window: (length of the match, 0 for none; whether the copied token is right)."""
    copier, lengths, right = Copier(), [], []
    for i, token in enumerate(window.tokens):
        if i >= window.first:
            found = copier.match()
            lengths.append(found[0] if found else 0)
            right.append(bool(found) and found[1] == token)
        copier.append(token)
    return np.array(lengths), np.array(right)


@torch.inference_mode()
def chances(model: MatLM, widths: list[int], found: list[Window]) -> np.ndarray:
    """The model's probability of every scored token, windows in order."""
    parts = []
    for batch in batches(found):
        inputs, targets, segments = flatten(batch, model.device)
        scored = targets >= 0
        states = model.states(inputs, widths, segments)[scored]
        logs = F.log_softmax(F.linear(states, model.embedding.to(model.dtype)).float(), dim=-1)
        parts.append(logs.gather(1, targets[scored][:, None])[:, 0].exp())
    return torch.cat(parts).cpu().numpy().astype(np.float64)


def fit(model_chances: np.ndarray, lengths: np.ndarray, right: np.ndarray, rounds: int = 60) -> list[float]:
    """The weights for n = 1..16, by expectation maximisation; 0 for a length that hardly occurs."""
    weights = []
    for length in range(1, LONGEST + 1):
        here = lengths == length
        if here.sum() < 50:
            weights.append(weights[-1] if weights else 0.0)
            continue
        p, hit, weight = model_chances[here], right[here].astype(float), 0.5
        for _ in range(rounds):
            copied = weight * hit
            weight = float(np.mean(copied / np.maximum(copied + (1 - weight) * p, 1e-12)))
        weights.append(min(round(weight, 4), 0.99))  # 1 would forbid everything else
    return weights


def mixed(model_chances: np.ndarray, lengths: np.ndarray, right: np.ndarray, weights: list[float]) -> np.ndarray:
    """The mixture's probability of every scored token."""
    weight = np.array([0.0, *weights])[lengths]
    return (1 - weight) * model_chances + weight * right


def bits_per_byte(probabilities: np.ndarray, found: list[Window]) -> float:
    return float(-np.log(np.maximum(probabilities, 1e-12)).sum() / math.log(2) / sum(w.text_bytes for w in found))
