"""The objective: symmetric contrastive loss between queries and a gallery, summed over the prefixes of the embedding.

One update draws the granularity of the queries and that of the gallery apart, so that the loss itself asks for one
metric space: half of the time the gallery is XL's, as it is when the encoder is used.
"""

import random

import torch
import torch.nn.functional as F
from torch import Tensor

from training.model import GRANULARITIES

# The share of the updates that each granularity gets as the query.
QUERY_SHARES = {"S": 0.3, "M": 0.2, "L": 0.2, "XL": 0.3}
XL_GALLERY_SHARE = 0.5
TEMPERATURE = 0.05


def draw(update: int, seed: int = 1, shares: dict[str, float] = QUERY_SHARES) -> tuple[str, str]:
    """(granularity of the queries, granularity of the gallery) of an update: again the same after a resume.

    The gallery is XL's half of the time, and otherwise of the granularity of the queries.
    """
    rng = random.Random(f"{seed} {update}")
    query = rng.choices(list(shares), list(shares.values()))[0]
    return query, GRANULARITIES[-1] if rng.random() < XL_GALLERY_SHARE else query


def info_nce(queries: Tensor, gallery: Tensor, same: Tensor | None = None, temperature: float = TEMPERATURE) -> Tensor:
    """Mean of the two cross entropies (InfoNCE), query to gallery and back, in nats.

    queries: [n, d]; gallery: [n + hard, d], both of length 1. Row i of the gallery answers query i, all other rows
    are negatives (in-batch ones, then hard ones). `same` [n, n + hard]: true if an entry answers the query as well
    as its own does, for example a duplicate; it is then no negative (the diagonal does not matter).
    """
    n = len(queries)
    logits = queries @ gallery.T / temperature
    if same is not None:
        own = torch.eye(n, len(gallery), dtype=torch.bool, device=logits.device)
        logits = logits.masked_fill(same & ~own, -torch.inf)
    labels = torch.arange(n, device=logits.device)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits[:, :n].T, labels)) / 2


def matryoshka(
    queries: Tensor,
    gallery: Tensor,
    prefixes: tuple[int, ...],
    same: Tensor | None = None,
    temperature: float = TEMPERATURE,
) -> Tensor:
    """The mean of `info_nce` over the prefixes, each normalised by itself (Matryoshka representation learning)."""
    losses = [
        info_nce(F.normalize(queries[:, :p], dim=-1), F.normalize(gallery[:, :p], dim=-1), same, temperature)
        for p in prefixes
    ]
    return torch.stack(losses).mean()
