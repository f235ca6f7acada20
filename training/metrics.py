"""The measures on held-out code; `training.evaluate` and the experiments print them.

- bits per byte, next-token accuracy: windows of the whole context that begin with the file's path; every token of the
  file is scored, so that the mean context is half a window;
- agreement and KL with XL: the same windows, teacher-forced: how often the likeliest token is the same, and the mean
  KL(submodel || XL) in nats a token;
- lines: the rest of a line is taken out of held-out code and decoded greedily, in the order the editor asks in.
"""

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from rapidfuzz.distance import Indel
from torch import Tensor

from training.data import Encoder, FimSplit
from training.model import MatLM


@dataclass(frozen=True)
class Window:
    """A stretch of a held-out file: `tokens` begin with the path; those from `first` on are scored."""

    tokens: list[int]
    first: int
    text_bytes: int
    language: str


def windows(files: list[dict], encoder: Encoder, context: int, max_tokens: int) -> list[Window]:
    """Evenly spread windows of about `max_tokens` tokens in all."""
    found = []
    for file in files:
        head, body = encoder.head(file["path"]), encoder.ids(file["text"])
        room = context - len(head)
        for start in range(0, len(body), room):
            part = body[start : start + room]
            text_bytes = len(encoder.tokenizer.decode(part, skip_special_tokens=False).encode())
            found.append(Window(head + part, len(head), text_bytes, file["language"]))
    every = max(1, sum(len(w.tokens) for w in found) // max_tokens)
    return found[every // 2 :: every]


def batches(found: list[Window], tokens: int = 4096) -> Iterator[list[Window]]:
    """Windows side by side, about `tokens` at a time."""
    batch: list[Window] = []
    for window in found:
        if batch and sum(len(w.tokens) for w in batch) + len(window.tokens) > tokens:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def flatten(batch: list[Window], device: torch.device) -> tuple[Tensor, Tensor, list[int]]:
    """Inputs [tokens], targets [tokens] (-1 for tokens that are not scored), and the segments."""
    inputs, targets, segments = [], [], [0]
    for window in batch:
        row = torch.tensor(window.tokens)
        inputs.append(row[:-1])
        target = row[1:].clone()
        target[: window.first - 1] = -1
        targets.append(target)
        segments.append(segments[-1] + len(target))
    return torch.cat(inputs).to(device), torch.cat(targets).to(device), segments


@dataclass
class Sums:
    """Sums over scored tokens. agree: how often the likeliest token is XL's."""

    nats: float = 0.0
    text_bytes: int = 0
    tokens: int = 0
    agree: int = 0

    @property
    def bits_per_byte(self) -> float:
        return self.nats / math.log(2) / self.text_bytes

    @property
    def agreement(self) -> float:
        return self.agree / self.tokens


@dataclass
class Score(Sums):
    """With the measures of our own models."""

    right: int = 0
    kl: float = 0.0
    by_language: dict[str, "Score"] = field(default_factory=dict)

    @property
    def accuracy(self) -> float:
        return self.right / self.tokens

    def add(self, nats: float, text_bytes: int, tokens: int, right: int, agree: int, kl: float) -> None:
        self.nats += nats
        self.text_bytes += text_bytes
        self.tokens += tokens
        self.right += right
        self.agree += agree
        self.kl += kl


@torch.inference_mode()
def score(model: MatLM, shapes: dict[str, list[int]], found: list[Window]) -> dict[str, Score]:
    """Every shape on the same windows; agreement and KL are with XL's predictions."""
    scores = {name: Score() for name in shapes}
    embedding = model.embedding.to(model.dtype)
    for batch in batches(found):
        inputs, targets, segments = flatten(batch, model.device)
        scored = targets >= 0

        def predict(widths: list[int]) -> Tensor:
            states = model.states(inputs, widths, segments)[scored]  # noqa: B023
            return F.log_softmax(F.linear(states, embedding).float(), dim=-1)

        right = targets[scored]
        lengths = torch.tensor([b - a for a, b in itertools.pairwise(segments)])
        owners = torch.arange(len(batch)).repeat_interleave(lengths).to(model.device)[scored]
        full = predict(model.config.widths("XL"))
        best_of_full = full.argmax(-1)
        for name, widths in shapes.items():
            logs = full if widths == model.config.widths("XL") else predict(widths)
            best = logs.argmax(-1)
            losses = -logs.gather(1, right[:, None])[:, 0]
            divergence = (logs.exp() * (logs - full)).sum(-1)
            for i, window in enumerate(batch):
                mine = owners == i
                row = (losses[mine].sum().item(), window.text_bytes, int(mine.sum()),
                       int((best[mine] == right[mine]).sum()), int((best[mine] == best_of_full[mine]).sum()),
                       divergence[mine].sum().item())  # fmt: skip
                scores[name].add(*row)
                scores[name].by_language.setdefault(window.language, Score()).add(*row)
    return scores


@torch.inference_mode()
def bits_per_byte(model: MatLM, widths: list[int], found: list[Window]) -> float:
    """One shape, the loss alone."""
    nats = 0.0
    for batch in batches(found):
        inputs, targets, segments = flatten(batch, model.device)
        nats += model.token_losses(inputs, targets, widths, segments).sum().item()
    return nats / math.log(2) / sum(w.text_bytes for w in found)


@dataclass(frozen=True)
class Line:
    """A cursor in held-out code: the prompt that the editor would send, and the rest of the line."""

    prompt: list[int]
    middle: str
    language: str
    prefix: str
    suffix: str


def lines(files: list[dict], encoder: Encoder, context: int, count: int, seed: int = 7) -> list[Line]:
    """Cursors uniform over the lines with something on them, then over the places before a character of the line."""
    rng = random.Random(seed)
    all_lines = [(f, i) for f in range(len(files)) for i in range(files[f]["text"].count("\n") + 1)]
    found = []
    while len(found) < count:
        f, number = rng.choice(all_lines)
        text = files[f]["text"]
        rows = text.split("\n")
        row = rows[number]
        indentation = len(row) - len(row.lstrip())
        body = row.rstrip()
        if indentation >= len(body):
            continue
        at = sum(len(r) + 1 for r in rows[:number]) + rng.randrange(indentation, len(body))
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        middle, before, after = text[at:end].rstrip(), 2600, 800
        while True:
            prefix, suffix = text[max(0, at - before) : at], text[end : end + after]
            prompt = encoder.spm(files[f]["path"], FimSplit(prefix, middle, suffix))
            if len(prompt) + 64 <= context:
                break
            before, after = int(before * 0.8), int(after * 0.8)
        found.append(Line(prompt, middle, files[f]["language"], prefix, suffix))
    return found


def places(found: list[Window], cursors: list[Line], encoder: Encoder) -> dict:
    """Windows and cursors as JSON, so that the engine can be measured at the same places."""
    return {
        "windows": [
            {"tokens": w.tokens, "first": w.first, "bytes": w.text_bytes, "language": w.language} for w in found
        ],
        "lines": [{"prompt": x.prompt, "middle": x.middle} for x in cursors],
        "stopTokens": sorted(line_ends(encoder)),
    }


class Decoder:
    """Greedy decoding with a KV cache, one sequence, in float32: the reference for the engine, not its rival."""

    def __init__(self, model: MatLM):
        self.model = model

    @torch.inference_mode()
    def generate(
        self,
        prompt: list[int],
        widths: list[int],
        stop: set[int],
        max_tokens: int,
    ) -> tuple[list[int], list[float], bool]:
        """(tokens up to but without the stopping one, the probability of each, whether it reached a stopping token)."""
        model, config = self.model, self.model.config
        keys: list[Tensor] = [torch.empty(0, device=model.device)] * config.layers
        values: list[Tensor] = [torch.empty(0, device=model.device)] * config.layers
        embedding = model.embedding.to(model.dtype)
        pending, done, found, probabilities = list(prompt), 0, [], []
        while len(found) < max_tokens and done + len(pending) <= config.context:
            if config.key_shift and found:  # a key reads the token before: what is cached does not hold that
                pending, done = [*prompt, *found], 0
            x = F.embedding(torch.tensor(pending, device=model.device), embedding)
            positions = torch.arange(done, done + len(pending), device=model.device)
            cos, sin = model.cos[positions].to(model.dtype), model.sin[positions].to(model.dtype)
            for i, (block, width) in enumerate(zip(model.blocks, widths, strict=True)):
                if width == 0:
                    continue
                q, k, v = block.before(x, cos, sin)
                keys[i] = torch.cat((keys[i], k)) if done else k
                values[i] = torch.cat((values[i], v)) if done else v
                group = config.heads // config.kv_heads
                y = F.scaled_dot_product_attention(
                    q.transpose(0, 1)[None],
                    keys[i].repeat_interleave(group, dim=1).transpose(0, 1)[None],
                    values[i].repeat_interleave(group, dim=1).transpose(0, 1)[None],
                    is_causal=done == 0,
                )
                x = block.after(x, y[0].transpose(0, 1), width)
            done += len(pending)
            last = F.rms_norm(x[-1], (config.hidden,), model.norm.to(model.dtype), config.norm_eps)
            chances = F.softmax(F.linear(last, embedding).float(), dim=-1)
            best = int(chances.argmax())
            if best in stop:
                return found, probabilities, True
            found.append(best)
            probabilities.append(float(chances[best]))
            pending = [best]
        return found, probabilities, False


@dataclass(frozen=True)
class Completion:
    """The completion of a line, and the model's confidence (the product of the probabilities)."""

    text: str
    stopped: bool
    confidence: float


def complete(
    model: MatLM, widths: list[int], encoder: Encoder, found: list[Line], max_tokens: int = 48
) -> list[Completion]:
    """The rest of each line, decoded greedily up to a line end, the end token, or `max_tokens`."""
    stop, decoder, completions = line_ends(encoder), Decoder(model), []
    for line in found:
        tokens, chances, stopped = decoder.generate(line.prompt, widths, stop, max_tokens)
        text = encoder.tokenizer.decode(tokens, skip_special_tokens=False)
        completions.append(Completion(text, stopped, math.exp(sum(map(math.log, chances)))))
    return completions


def line_ends(encoder: Encoder) -> set[int]:
    """The tokens that end a line: those that begin with a line feed, and the special ones."""
    vocabulary = encoder.tokenizer.get_vocab()
    return {i for token, i in vocabulary.items() if token.startswith(("Ċ", "č"))} | encoder.marks


def exact(line: Line, completion: Completion) -> bool:
    return completion.stopped and completion.text.rstrip() == line.middle


def edit_similarity(line: Line, completion: Completion) -> float:
    """0..1: twice the longest common subsequence over the characters of both, as code benchmarks have it."""
    return Indel.normalized_similarity(completion.text.rstrip(), line.middle)


def summary(found: list[Line], completions: list[Completion]) -> dict[str, float]:
    """Shares of exact lines, of decodes that stopped by themselves, and the mean edit similarity."""
    pairs = list(zip(found, completions, strict=True))
    return {
        "exact": sum(exact(*p) for p in pairs) / len(pairs),
        "edit_similarity": sum(edit_similarity(*p) for p in pairs) / len(pairs),
        "stopped": sum(c.stopped for c in completions) / len(pairs),
    }
