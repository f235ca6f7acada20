"""The memory of the workspace, as a reference for the engine: look-up, gate and mixture, in numpy.

The last tokens of a context are looked up in two sources: the *workspace* (documents, see `Index`) and the *window*
(the context itself). An occurrence is a place whose tokens before it, within its document, are the last tokens of the
context; the token at that place is its continuation. Of each source two match lengths are used: the longest, and the
deepest that has at least 8 occurrences. Both give a histogram of continuations, and a small network weighs the model
and these four components:

    p(token) = w_0 * model(token) + sum over components k of w_k * histogram_k(token)

A context holds no special tokens. All places of a window are looked up at once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

LONGEST = 32  # tokens of the longest match
SUPPORT = 8  # occurrences that the second component of a source needs
SAMPLED = 256  # occurrences of a histogram at most
SOURCES = ("workspace", "window")
COMPONENTS = 2 * len(SOURCES)  # of each source the longest match, then the one with support
INPUTS = 7 * COMPONENTS + 1
SEPARATOR = -1  # between documents: in no context
NONE = -2  # no token: before the beginning of a context


class Index:
    """The places of some documents, sorted by the tokens before them, the nearest first (a suffix array, reversed)."""

    def __init__(self, documents: Sequence[Sequence[int]]):
        parts = [np.array([SEPARATOR, *document], dtype=np.int64) for document in documents]
        self.text = np.concatenate([np.array([SEPARATOR]), *parts])
        # The rank of a place by the `width` tokens before it, the width doubled each time (Manber and Myers).
        rank, width = np.concatenate([[0], self.text[:-1] + 2]), 1
        while width < LONGEST:
            earlier = np.concatenate([np.zeros(width, dtype=np.int64), rank[:-width]])[: len(rank)]
            rank = np.unique(rank * (rank.max() + 1) + earlier, return_inverse=True)[1]
            width *= 2
        order = np.argsort(rank, kind="stable")
        self.places = order[self.text[order] != SEPARATOR]

    def matches(self, contexts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """contexts: [n, LONGEST], the latest token first -> for each length the first of `places` that matches, and
        the number of those that do: [n, LONGEST + 1] each."""
        firsts = np.zeros((len(contexts), LONGEST + 1), dtype=np.int64)
        counts = np.zeros_like(firsts)
        counts[:, 0] = len(self.places)
        for length in range(1, LONGEST + 1):
            rows = np.flatnonzero(counts[:, length - 1])
            wanted = contexts[rows, length - 1]
            start = firsts[rows, length - 1]
            end = start + counts[rows, length - 1]
            firsts[rows, length] = self._search(start, end, length, wanted)
            counts[rows, length] = self._search(start, end, length, wanted + 1) - firsts[rows, length]
        return firsts, counts

    def _search(self, low: np.ndarray, high: np.ndarray, back: int, token: np.ndarray) -> np.ndarray:
        """The first place within [low, high) whose token `back` places before is at least `token`, else `high`."""
        while (low < high).any():
            middle = (low + high) // 2
            place = self.places[np.minimum(middle, len(self.places) - 1)]
            less = (self.text[np.maximum(place - back, 0)] < token) & (low < high)
            low, high = np.where(less, middle + 1, low), np.where(less, high, np.minimum(middle, high))
        return low


@dataclass
class Components:
    """What the sources say at n places. Tokens that fill up are -1, with share 0; a component without any is absent."""

    lengths: np.ndarray  # [n, COMPONENTS] tokens of the match, 0 if the component is absent
    counts: np.ndarray  # [n, COMPONENTS] occurrences, also those that were not sampled
    tokens: np.ndarray  # [n, COMPONENTS, widest] the continuations, the most frequent first, of equals the lowest
    shares: np.ndarray  # [n, COMPONENTS, widest] of the sampled occurrences

    def features(self, chances: np.ndarray, best: np.ndarray, best_chance: np.ndarray) -> np.ndarray:
        """What the gate sees: [n, INPUTS].

        chances: [n, COMPONENTS] the model's probability of each component's top continuation
        best, best_chance: [n] the model's most likely token, and its probability
        """
        present = self.lengths > 0
        of_components = [
            self.lengths / 8,
            np.log1p(self.counts) / 3,
            np.log1p((self.tokens >= 0).sum(-1)) / 2,
            self.shares[..., 0],
            present,
            np.where(present, np.log(chances + 1e-4) / 4, 0),
            present & (self.tokens[..., 0] == best[:, None]),
        ]  # each [n, COMPONENTS]
        inputs = np.stack(of_components, axis=2).reshape(len(best), -1)
        return np.concatenate([inputs, np.log(best_chance + 1e-6)[:, None]], axis=1).astype(np.float32)


def look_up(tokens: Sequence[int], places: Sequence[int], indices: Sequence[Index]) -> Components:
    """What follows tokens[:i] for every i of `places`, which rise; several indices are one source."""
    row, places = np.array([*[NONE] * LONGEST, *tokens], dtype=np.int64), np.asarray(places)
    contexts = row[LONGEST + places[:, None] - 1 - np.arange(LONGEST)]
    workspace = _workspace(contexts, indices)
    window = _window(row[LONGEST:], places)
    lengths, counts, samples = (np.concatenate(pair, axis=1) for pair in zip(workspace, window, strict=True))
    found, shares = histograms(samples.reshape(-1, SAMPLED))
    shape = (len(places), COMPONENTS, -1)
    return Components(lengths, counts, found.reshape(shape), shares.reshape(shape))


def _workspace(contexts: np.ndarray, indices: Sequence[Index]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lengths [n, 2], counts [n, 2] and sampled continuations [n, 2, SAMPLED]."""
    found = [index.matches(contexts) for index in indices]
    totals = sum((counts for _, counts in found), np.zeros((len(contexts), LONGEST + 1), dtype=np.int64))
    lengths = np.stack([_deepest(totals[:, 1:] >= least) for least in (1, SUPPORT)], axis=1)
    rows = np.arange(len(contexts))[:, None]
    counts = np.where(lengths > 0, totals[rows, lengths], 0)
    wanted = _sampled(counts)
    samples = np.full(wanted.shape, NONE)
    for index, (firsts, sizes) in zip(indices, found, strict=True):
        size, start = sizes[rows, lengths][..., None], firsts[rows, lengths][..., None]
        mine = (wanted >= 0) & (wanted < size)
        samples[mine] = index.text[index.places[(start + wanted)[mine]]]
        wanted = np.where(wanted >= size, wanted - size, -1)
    return lengths, counts, samples


def _window(tokens: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `_workspace`, of the tokens before each place."""
    row_of = {int(place): row for row, place in enumerate(places)}
    lengths, counts = np.zeros((len(places), 2), dtype=np.int64), np.zeros((len(places), 2), dtype=np.int64)
    samples = np.full((len(places), 2, SAMPLED), NONE)
    common = np.zeros(len(tokens) + 1, dtype=np.int64)  # [j]: tokens in common before j and before the current place
    for place in range(1, int(places.max(initial=0)) + 1):
        common[1:place] = np.where(tokens[: place - 1] == tokens[place - 1], common[: place - 1] + 1, 0)
        row = row_of.get(place)
        if row is None:
            continue
        matched = np.minimum(common[:place], LONGEST)
        at_least = np.cumsum(np.bincount(matched, minlength=LONGEST + 1)[::-1])[::-1]  # [length]
        for k, least in enumerate((1, SUPPORT)):
            length = int(_deepest((at_least[1:] >= least)[None])[0])
            if length == 0:
                continue
            lengths[row, k], counts[row, k] = length, at_least[length]
            wanted = _sampled(counts[row, k])
            samples[row, k, wanted >= 0] = tokens[np.flatnonzero(matched >= length)[wanted[wanted >= 0]]]
    return lengths, counts, samples


def _deepest(enough: np.ndarray) -> np.ndarray:
    """[n, LONGEST], by length from 1 -> [n] the greatest length that is enough, 0 if none is."""
    return np.where(enough.any(1), LONGEST - np.argmax(enough[:, ::-1], axis=1), 0)


def _sampled(counts: np.ndarray) -> np.ndarray:
    """Up to SAMPLED numbers below each count, evenly spread, then -1: [..., SAMPLED]."""
    counts = np.asarray(counts)[..., None]
    wanted = np.arange(SAMPLED) * counts // np.clip(counts, 1, SAMPLED)
    return np.where(np.arange(SAMPLED) < counts, wanted, -1)


def histograms(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[m, SAMPLED], negative for none -> distinct tokens and their shares, [m, widest] each, the greatest first."""
    rows, columns = np.nonzero(samples >= 0)
    keys, counts = np.unique(rows * 2**32 + samples[rows, columns], return_counts=True)
    rows, tokens = keys >> 32, keys & (2**32 - 1)
    order = np.lexsort((tokens, -counts, rows))
    rows, tokens, counts = rows[order], tokens[order], counts[order]
    starts = np.searchsorted(rows, np.arange(len(samples)))
    rank = np.arange(len(rows)) - starts[rows]
    widest = int(rank.max(initial=0)) + 1
    found, shares = np.full((len(samples), widest), -1), np.zeros((len(samples), widest), dtype=np.float32)
    found[rows, rank] = tokens
    shares[rows, rank] = counts / np.maximum((samples >= 0).sum(1), 1)[rows]
    return found, shares


@dataclass
class Gate:
    """Weights of the model and of the components that are present: one hidden layer, ReLU, softmax."""

    hidden: np.ndarray  # [H, INPUTS + 1], the bias last
    output: np.ndarray  # [COMPONENTS + 1, H + 1]

    def weights(self, inputs: np.ndarray, present: np.ndarray) -> np.ndarray:
        """[n, INPUTS] and [n, COMPONENTS] -> [n, COMPONENTS + 1], the model's first; rows sum to 1."""
        ones = np.ones((len(inputs), 1), dtype=np.float32)
        hidden = np.maximum(np.concatenate([inputs, ones], axis=1) @ self.hidden.T, 0)
        scores = np.concatenate([hidden, ones], axis=1) @ self.output.T
        scores[:, 1:][~present] = -np.inf
        exps = np.exp(scores - scores.max(1, keepdims=True))
        return exps / exps.sum(1, keepdims=True)

    def to_json(self) -> dict:
        """The `memory` of config.json."""
        return {name: np.round(getattr(self, name).astype(float), 5).tolist() for name in ("hidden", "output")}

    @staticmethod
    def from_json(memory: dict) -> Gate:
        return Gate(*(np.array(memory[name], dtype=np.float32) for name in ("hidden", "output")))


def read_gate(folder: Path) -> Gate | None:
    """The gate of a checkpoint folder; None if it has none."""
    memory = json.loads((folder / "config.json").read_text())["matformer"].get("memory")
    return Gate.from_json(memory) if memory else None


def weights_of(chances: np.ndarray, found: Components, gate: Gate) -> np.ndarray:
    """chances: [n, vocabulary], the model's probabilities of all tokens -> [n, COMPONENTS + 1], the model's first."""
    rows, best = np.arange(len(chances)), chances.argmax(1)
    tops = chances[rows[:, None], found.tokens[..., 0]]  # absent components are not looked at
    return gate.weights(found.features(tops, best, chances[rows, best]), found.lengths > 0)


def mixture(chances: np.ndarray, found: Components, gate: Gate, allowed: np.ndarray | None = None) -> np.ndarray:
    """The prediction with memory: [n, vocabulary].

    chances: [n, vocabulary], the model's probabilities of all tokens
    allowed: [n, vocabulary], the tokens that match the healing prefix. The mixture is conditioned on them (Bayes); the
        gate sees the model and the components as they are without
    """
    weights = weights_of(chances, found, gate)
    mixed = chances * weights[:, :1]
    for k in range(COMPONENTS):
        where, column = np.nonzero(found.tokens[:, k] >= 0)  # the tokens of a histogram are distinct
        mixed[where, found.tokens[where, k, column]] += weights[where, k + 1] * found.shares[where, k, column]
    if allowed is not None:
        mixed = np.where(allowed, mixed, 0)
        mixed /= mixed.sum(1, keepdims=True)
    return mixed
