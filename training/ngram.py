"""The baseline a language model has to beat: interpolated n-grams with absolute discounting, over the same corpus.

Counts are sorted arrays of 64-bit hashes, one pair of arrays an order: no dictionary of Python would hold them.
"""

from pathlib import Path

import numpy as np

DISCOUNT = 0.75
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def _mix(keys: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        mixed = (keys ^ (tokens.astype(np.uint64) + np.uint64(1))) * _MULTIPLIER
        return mixed ^ (mixed >> np.uint64(29))


class NGram:
    """p(token | up to `order` - 1 tokens before)."""

    def __init__(self, tokens: np.ndarray, vocabulary: int, order: int = 5):
        """tokens: [n], the training text; documents may follow one another without a mark."""
        self.order, self.vocabulary = order, vocabulary
        unigrams = np.bincount(tokens, minlength=vocabulary).astype(np.float64) + 0.1
        self.unigram = unigrams / unigrams.sum()
        self.grams: list[tuple[np.ndarray, np.ndarray]] = []  # (hashes of context and token, counts), order 2 up
        self.contexts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []  # (hashes, totals, distinct tokens after)
        for length in range(1, order):
            # The hash of the `length` tokens before each place.
            keys = np.zeros(len(tokens) - length, dtype=np.uint64)
            for back in range(length, 0, -1):
                keys = _mix(keys, tokens[length - back : len(tokens) - back])
            grams = _mix(keys, tokens[length:])
            hashes, first, counts = np.unique(grams, return_index=True, return_counts=True)
            self.grams.append((hashes, counts.astype(np.int32)))
            contexts, totals = np.unique(keys, return_counts=True)
            distinct = np.unique(keys[first], return_counts=True)[1]  # one for each distinct gram of the context
            self.contexts.append((contexts, totals.astype(np.int32), distinct.astype(np.int32)))

    def probabilities(self, before: list[int]) -> np.ndarray:
        """[vocabulary] after the given tokens."""
        result = self.unigram
        everything = np.arange(self.vocabulary)
        for length in range(1, self.order):
            if len(before) < length:
                break
            key = np.zeros(1, dtype=np.uint64)
            for token in before[-length:]:
                key = _mix(key, np.array([token]))
            contexts, totals, distinct = self.contexts[length - 1]
            at = np.searchsorted(contexts, key[0])
            if at == len(contexts) or contexts[at] != key[0]:
                break
            hashes, counts = self.grams[length - 1]
            wanted = _mix(np.repeat(key, self.vocabulary), everything)
            places = np.minimum(np.searchsorted(hashes, wanted), len(hashes) - 1)
            count = np.where(hashes[places] == wanted, counts[places], 0)
            total = totals[at]
            result = np.maximum(count - DISCOUNT, 0) / total + DISCOUNT * distinct[at] / total * result
        return result

    def chances(self, tokens: np.ndarray, first: int) -> np.ndarray:
        """The probability of every token from `first` on, all at once: [len(tokens) - first]."""
        result = self.unigram[tokens[first:]]
        tokens, first = np.pad(tokens, (self.order, 0)), first + self.order  # a context that begins too late ends it
        alive = np.ones(len(result), dtype=bool)
        for length in range(1, self.order):
            keys = np.zeros(len(result), dtype=np.uint64)
            for back in range(length, 0, -1):
                keys = _mix(keys, tokens[first - back : len(tokens) - back])
            contexts, totals, distinct = self.contexts[length - 1]
            at = np.minimum(np.searchsorted(contexts, keys), len(contexts) - 1)
            alive &= contexts[at] == keys
            hashes, counts = self.grams[length - 1]
            wanted = _mix(keys, tokens[first:])
            places = np.minimum(np.searchsorted(hashes, wanted), len(hashes) - 1)
            count = np.where(hashes[places] == wanted, counts[places], 0)
            total = totals[at]
            better = np.maximum(count - DISCOUNT, 0) / total + DISCOUNT * distinct[at] / total * result
            result = np.where(alive, better, result)
        return result


def train(folder: Path, vocabulary: int, tokens: int = 40_000_000, order: int = 5) -> NGram:
    """From the first tokens of the training stream, without FIM splits (python -m training.data --fim 0)."""
    return NGram(np.fromfile(folder / "epoch-0.bin", dtype=np.uint16, count=tokens).astype(np.int64), vocabulary, order)
