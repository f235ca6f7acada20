"""The measures of submodels on held-out text, all from the same forward passes.

- bits per byte: every scored token of the windows;
- agreement: how often the likeliest token is XL's;
- exact rest of line: from every token on that is not the end of its line, whether greedy decoding would give the
  rest of the line and its end. That is whether every token up to there is the likeliest one after those before it, so
  nothing has to be decoded; a completion that spells the line in other tokens counts as wrong.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedModel

from training.elastic.nested import full_widths, submodel
from training.elastic.text import Text
from training.metrics import Sums, Window


@dataclass
class Result(Sums):
    """With the rests of lines."""

    cursors: int = 0
    exact: int = 0

    @property
    def exact_lines(self) -> float:
        return self.exact / max(1, self.cursors)


class LineEnds:
    """Which tokens hold the end of a line, and which of them are the same up to there."""

    def __init__(self, text: Text, vocabulary: int):
        self.same = torch.arange(vocabulary)  # [vocabulary]: a number that tokens share if they complete a line alike
        self.ends = torch.zeros(vocabulary, dtype=torch.bool)
        self.bare = torch.zeros(vocabulary, dtype=torch.bool)  # nothing stands before the end
        seen: dict[str, int] = {}
        for token in range(vocabulary):
            before, newline, _ = text.decode_one(token).replace("\r\n", "\n").partition("\n")
            if newline:
                self.ends[token], self.bare[token] = True, not before.strip()
                self.same[token] = seen.setdefault(before.rstrip(), token)

    def rest_of_lines(self, targets: Tensor, best: Tensor) -> tuple[int, int]:
        """(cursors, exact ones) of a stretch. targets, best: [tokens]."""
        right = (self.same[targets] == self.same[best]).tolist()
        ends, bare = self.ends[targets].tolist(), self.bare[targets].tolist()
        cursors = exact = 0
        is_known = is_exact = False  # of the line that the scan, from the end, is in
        for i in reversed(range(len(targets))):
            if ends[i]:
                is_known, is_exact = True, right[i]
            else:
                is_exact = is_exact and right[i]
            if is_known and not bare[i]:
                cursors += 1
                exact += is_exact
        return cursors, exact


@torch.no_grad()
def score(
    model: PreTrainedModel,
    shapes: dict[str, list[int]],
    found: list[Window],
    line_ends: LineEnds | None = None,
    precision: Callable[[], AbstractContextManager] = nullcontext,
    best_of_full: list[Tensor] | None = None,
) -> dict[str, Result]:
    """Every shape on the same windows. `best_of_full`: the likeliest tokens of XL by window; it is filled if empty."""
    best_of_full = [] if best_of_full is None else best_of_full
    full = {"XL": full_widths(model)}
    results = {}
    for name, widths in ((full | shapes) if not best_of_full else shapes).items():
        result = results[name] = Result()
        with submodel(model, widths), precision():
            for i, window in enumerate(found):
                tokens = torch.tensor(window.tokens, device=model.device)
                logits = model(tokens[None, :-1], use_cache=False).logits[0, window.first - 1 :].float()
                targets, best = tokens[window.first :], logits.argmax(-1)
                if name == "XL" and len(best_of_full) == i:
                    best_of_full.append(best)
                result.nats += F.cross_entropy(logits, targets, reduction="sum").item()
                result.text_bytes += window.text_bytes
                result.tokens += len(targets)
                result.agree += int((best == best_of_full[i]).sum())
                if line_ends:
                    cursors, exact = line_ends.rest_of_lines(targets.cpu(), best.cpu())
                    result.cursors += cursors
                    result.exact += exact
    return results
