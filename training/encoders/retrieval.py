"""Measures of retrieval: recall@k, mean reciprocal rank, k-nearest-neighbour accuracy, bootstrap intervals.

Embeddings are float arrays with rows of length 1; similarity is the dot product.
"""

import numpy as np


def prefix(embeddings: np.ndarray, size: int) -> np.ndarray:
    """The first `size` dimensions, normalised by themselves."""
    part = embeddings[:, :size]
    return part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12)


def ranks_of(scores: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """The rank, from 1, of the best correct entry of each query. Ties count against it.

    scores: [queries, gallery]; correct: [queries], the index of the right entry, or bool [queries, gallery].
    """
    if correct.ndim == 1:
        best = scores[np.arange(len(scores)), correct]
        return (scores >= best[:, None]).sum(axis=1)
    if not correct.any(axis=1).all():
        raise ValueError("a query has no correct entry in the gallery")
    best = np.where(correct, scores, -np.inf).max(axis=1)
    return 1 + ((scores >= best[:, None]) & ~correct).sum(axis=1)


def ranks(queries: np.ndarray, gallery: np.ndarray, correct: np.ndarray, rows: int = 1024) -> np.ndarray:
    """`ranks_of` for embeddings, some queries at a time."""
    parts = [ranks_of(queries[a : a + rows] @ gallery.T, correct[a : a + rows]) for a in range(0, len(queries), rows)]
    return np.concatenate(parts)


def recall(found: np.ndarray, k: int) -> float:
    """The share of queries with a correct entry among the first k."""
    return float((found <= k).mean())


def mean_reciprocal_rank(found: np.ndarray) -> float:
    return float((1 / found).mean())


def summary(found: np.ndarray) -> dict[str, float]:
    return {"recall@1": recall(found, 1), "recall@10": recall(found, 10), "mrr": mean_reciprocal_rank(found)}


def nearest_neighbour_accuracy(
    queries: np.ndarray, labels: np.ndarray, gallery: np.ndarray, gallery_labels: np.ndarray, k: int = 1
) -> float:
    """The share of queries whose k nearest entries hold more of the right label than of any other.

    A tie goes to the label whose best entry is nearest.
    """
    right = 0
    for start in range(0, len(queries), 1024):
        scores = queries[start : start + 1024] @ gallery.T
        top = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        for label, entries in zip(labels[start : start + 1024], top, strict=True):
            found = gallery_labels[entries]
            names, first, counts = np.unique(found, return_index=True, return_counts=True)
            right += names[np.lexsort((first, -counts))[0]] == label
    return right / len(queries)


def bootstrap(
    values: np.ndarray, groups: np.ndarray | None = None, samples: int = 1000, seed: int = 1
) -> tuple[float, float]:
    """The 95 % interval of the mean of `values` by resampling queries, or whole `groups` of them (packages)."""
    rng = np.random.default_rng(seed)
    if groups is None:
        sums, counts = values.astype(float), np.ones(len(values))
    else:
        _, index = np.unique(groups, return_inverse=True)
        sums, counts = np.bincount(index, values), np.bincount(index).astype(float)
    drawn = rng.integers(0, len(sums), (samples, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
