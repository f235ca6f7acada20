"""Nested fine-tuning of a sorted model, taught by the dense one that it was.

Notable:
- one granularity is drawn for each update; its loss is the mean of the labels' and of KL(teacher || submodel), and the
  teacher is the frozen dense model. XL is held to it too, so that the small ones do not cost it its quality;
- `means` trains the mean activations alone: no matrix changes, so XL stays the same model, exactly, and a step costs
  less than half. `weights` trains them and all matrices and norms but the embedding, whose rare rows would only drift;
- `all` learns new text, from the labels alone: it trains the embedding too, and has no teacher;
- the mean activations are trained in units of the standard deviation of each unit;
- a checkpoint is a temporary file that is renamed; a resumed run takes the same updates as one without interruption.
"""

import json
import math
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from training.elastic.calibrate import Calibration
from training.elastic.inputs import Inputs, require_same
from training.elastic.nested import blocks, full_widths, submodel
from training.elastic.text import EpochStream, Place, Stream
from training.model import fast_dtype
from training.train import save as save_state

# The share of the updates. XL has only to stay as it is; half the width is the one that is worth most as an answer.
SHARES = {"S": 0.20, "M": 0.25, "L": 0.35, "XL": 0.20}
# Where XL has to learn as well: the best setting that MatFormer publishes.
LEARNING = {"S": 0.20, "M": 0.22, "L": 0.24, "XL": 0.34}
LABELS = 0.5  # the labels' share of the loss
WARM_UP_UPDATES = 20
MODES = ("weights", "means", "all")


@dataclass(frozen=True)
class Settings:
    mode: str = "weights"
    tokens: float = 0  # budget; 0: `minutes`
    minutes: float = 0
    batch: int = 1024  # tokens an update
    chunk: int = 1024  # tokens at once
    window: int = 512  # tokens of a row
    rate: float = 1e-4
    means_rate: float = 1e-2  # standard deviations
    evaluate_every: int = 100_000  # tokens; 0: never
    checkpoint_minutes: float = 5
    seed: int = 1


# Settings that may change when a run is resumed.
FREE = ("tokens", "minutes", "chunk", "evaluate_every", "checkpoint_minutes")


def precision(device: torch.device) -> Callable[[], AbstractContextManager]:
    """Products in bfloat16 if the processor is fast at it; weights and sums stay float32."""
    dtype = fast_dtype(device)
    if dtype == torch.float32:
        return nullcontext
    return lambda: torch.autocast(device.type, dtype)


def taught(logits: Tensor, teacher: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """(labels, KL(teacher || logits)), sums in nats. logits, teacher: [tokens, vocabulary]; targets: [tokens]."""
    logs = F.log_softmax(logits.float(), dim=-1)
    right = F.log_softmax(teacher.float(), dim=-1)
    return F.nll_loss(logs, targets, reduction="sum"), F.kl_div(logs, right, log_target=True, reduction="sum")


def compile_loss() -> None:
    globals()["taught"] = torch.compile(taught, dynamic=True)


def learning_rate(progress: float, update: int) -> float:
    """Share of the peak: a short warm-up, constant, linear to 5 % over the second half."""
    return min(1.0, (update + 1) / WARM_UP_UPDATES, 0.05 + 1.9 * max(0.0, 1 - progress))


class Tuner:
    """A fine-tuning run: the model, its teacher, and what a checkpoint holds."""

    def __init__(
        self,
        model: PreTrainedModel,
        teacher: PreTrainedModel | None,
        calibration: Calibration,
        shapes: dict[str, list[int]],
        settings: Settings,
        inputs: Inputs | None = None,
    ):
        """teacher: the dense model, sorted or not; in the mode `means` it may be the model itself, in
        `all` there is none. inputs: what a resumed run has to share with this one, besides the settings."""
        if settings.mode not in MODES:
            raise ValueError(f"{settings.mode}: expected one of {', '.join(MODES)}")
        self.model, self.teacher, self.settings = model, teacher, settings
        self.shapes = shapes | {"XL": full_widths(model)}
        kept = {name: (value, str(value)) for name, value in asdict(settings).items() if name not in FREE}
        self.inputs: Inputs = (inputs or {}) | kept
        shares = LEARNING if settings.mode == "all" else SHARES
        drawn = {name: shares[name] for name in self.shapes if settings.mode != "means" or name != "XL"}
        self.names, self.weights = list(drawn), list(drawn.values())
        self.precision = precision(model.device)
        deviations = [
            (square - mean.square()).clamp_min(0).sqrt().float().to(model.device)
            for mean, square in zip(calibration.mean, calibration.square, strict=True)
        ]
        self.deviations = deviations
        self.first_means = [mlp.mean_active.detach().clone() for mlp in blocks(model)]
        for parameter in (*model.parameters(), *(teacher.parameters() if teacher else ())):
            parameter.requires_grad_(False)
        self.shifts = [nn.Parameter(torch.zeros_like(mean)) for mean in self.first_means]
        self.trained = []
        if settings.mode != "means":
            frozen = {id(mlp.mean_active) for mlp in blocks(model)}
            if settings.mode == "weights":
                frozen.add(id(model.model.embed_tokens.weight))
            self.trained = [p.requires_grad_(True) for p in model.parameters() if id(p) not in frozen]
        groups = [{"params": self.shifts, "peak": settings.means_rate}]
        if self.trained:
            groups.append({"params": self.trained, "peak": settings.rate})
        self.optimizer = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.95), weight_decay=0.0)
        self.update = self.tokens = 0
        self.elapsed_s = 0.0
        # 6 for each token and parameter used, 4 without gradients of the weights, 2 for the teacher; the head included.
        self.flops = 0.0

    def place_means(self) -> None:
        """The mean activations as functions of what is trained."""
        for mlp, mean, shift, deviation in zip(
            blocks(self.model), self.first_means, self.shifts, self.deviations, strict=True
        ):
            mlp.__dict__["mean_active"] = mean + deviation * shift

    def keep_means(self) -> None:
        """Back to parameters, with the values of now."""
        with torch.no_grad():
            for mlp, mean, shift, deviation in zip(
                blocks(self.model), self.first_means, self.shifts, self.deviations, strict=True
            ):
                mlp.__dict__.pop("mean_active", None)
                mlp.mean_active.copy_(mean + deviation * shift)

    def progress(self) -> float:
        s = self.settings
        return self.tokens / s.tokens if s.tokens else self.elapsed_s / 60 / s.minutes

    def step(self, tokens: Tensor, targets: Tensor) -> tuple[str, float, float]:
        """One update. tokens, targets: [rows, time], -1 for padding. -> (granularity, labels, KL), nats a token."""
        s, device = self.settings, self.model.device
        name = random.Random(s.seed * 1_000_003 + self.update).choices(self.names, self.weights)[0]
        scored = int((targets >= 0).sum())
        rows = max(1, s.chunk // tokens.shape[1])
        sums = torch.zeros(2, device=device)
        for part, answers in zip(tokens.split(rows), targets.split(rows), strict=True):
            part, answers = part.to(device), answers.to(device)
            kept = answers >= 0
            teacher = None
            if self.teacher:
                with torch.no_grad(), self.precision(), submodel(self.teacher, full_widths(self.teacher)):
                    teacher = self.teacher(part, use_cache=False).logits[kept]
            self.place_means()
            with self.precision(), submodel(self.model, self.shapes[name]):
                logits = self.model(part, use_cache=False).logits[kept]
                if teacher is None:
                    loss = labels = F.cross_entropy(logits.float(), answers[kept], reduction="sum")
                    divergence = torch.zeros_like(labels)
                else:
                    labels, divergence = taught(logits, teacher, answers[kept])
                    loss = LABELS * labels + (1 - LABELS) * divergence
                (loss / scored).backward()
            sums += torch.stack((labels.detach(), divergence.detach()))
        nn.utils.clip_grad_norm_(self.trained, 1.0)
        scale = learning_rate(self.progress(), self.update)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * scale
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.keep_means()
        self.update += 1
        self.tokens += scored
        taught_by = 2 * self.used("XL") if self.teacher else 0
        self.flops += scored * ((4 if s.mode == "means" else 6) * self.used(name) + taught_by)
        labels, divergence = (sums / scored).tolist()
        return name, labels, divergence

    def used(self, name: str) -> int:
        """Parameters in the products of a token."""
        layers, mlps = self.model.model.layers, blocks(self.model)
        whole = sum(p.numel() for p in layers.parameters() if p.ndim == 2) + self.model.lm_head.weight.numel()
        hidden = self.model.config.hidden_size
        cut = sum(mlp.ffn - width for mlp, width in zip(mlps, self.shapes[name], strict=True))
        return whole - 3 * hidden * cut

    def state(self, place: Place) -> dict:
        return {
            "inputs": self.inputs, "shapes": self.shapes, "place": [place.files, list(place.pending)],
            "shifts": [s.detach() for s in self.shifts], "trained": [p.detach() for p in self.trained],
            "optimizer": self.optimizer.state_dict(), "update": self.update, "tokens": self.tokens,
            "elapsed_s": self.elapsed_s, "flops": self.flops,
        }  # fmt: skip

    def require_own(self, state: dict, path: Path) -> None:
        """Raises ValueError if other inputs, settings or shapes began a checkpoint."""
        require_same(path, state.get("inputs"), self.inputs)
        if state["shapes"] != self.shapes:
            raise ValueError(f"{path}: was started with other widths; use another --out")

    @torch.no_grad()
    def resume(self, state: dict, path: Path) -> Place:
        """Continue from a checkpoint. Raises ValueError as `require_own`."""
        self.require_own(state, path)
        for mine, stored in zip([*self.shifts, *self.trained], [*state["shifts"], *state["trained"]], strict=True):
            mine.copy_(stored)
        self.optimizer.load_state_dict(state["optimizer"])
        self.keep_means()
        for name in ("update", "tokens", "elapsed_s", "flops"):
            setattr(self, name, state[name])
        files, pending = state["place"]
        return Place(files, tuple(pending))


def fine_tune(
    tuner: Tuner, stream: Stream | EpochStream, out: Path, evaluate: Callable[[], dict] | None = None
) -> None:
    """Train until the budget is spent. Writes checkpoint.pt and log.jsonl to `out`, and resumes from there.

    evaluate: figures for a line of the log, every `evaluate_every` tokens, at the start and at the end. Its time does
    not count. Raises ValueError for a checkpoint of other inputs, FloatingPointError if the loss is not finite.
    """
    settings, checkpoint, place = tuner.settings, out / "checkpoint.pt", Place()
    out.mkdir(parents=True, exist_ok=True)
    if checkpoint.exists():
        place = tuner.resume(torch.load(checkpoint, map_location="cpu", weights_only=True), checkpoint)
    means: dict[str, list[float]] = {}
    with open(out / "log.jsonl", "a") as log, ThreadPoolExecutor(1) as reader:

        def write(line: dict) -> None:
            head = {"update": tuner.update, "tokens": tuner.tokens, "minutes": round(tuner.elapsed_s / 60, 2),
                    "petaflops": round(tuner.flops / 1e15, 4)}  # fmt: skip
            print(json.dumps(head | line), file=log, flush=True)

        if evaluate and tuner.update == 0:
            write({"evaluation": evaluate()})
        last_saved_s = tuner.elapsed_s
        tuner.model.train()
        following = reader.submit(stream.read, place, settings.batch)  # tokenised while the update before runs
        while tuner.progress() < 1:
            began, tokens_before = time.monotonic(), tuner.tokens
            tokens, targets, place = following.result()
            following = reader.submit(stream.read, place, settings.batch)
            name, labels, divergence = tuner.step(tokens, targets)
            if not math.isfinite(labels + divergence):
                raise FloatingPointError(f"update {tuner.update}: the loss is not finite; use a lower --rate")
            tuner.elapsed_s += time.monotonic() - began
            old = means.get(name, [labels, divergence])
            means[name] = [0.9 * a + 0.1 * b for a, b in zip(old, (labels, divergence), strict=True)]
            if tuner.update % 20 == 0:
                write({"labels_kl": {k: [round(x, 4) for x in v] for k, v in sorted(means.items())}})
            every = settings.evaluate_every
            if evaluate and every and tuner.tokens // every > tokens_before // every and tuner.progress() < 1:
                write({"evaluation": evaluate()})
            if tuner.elapsed_s - last_saved_s > 60 * settings.checkpoint_minutes:
                save_state(checkpoint, tuner.state(place))
                last_saved_s = tuner.elapsed_s
        tuner.model.eval()
        save_state(checkpoint, tuner.state(place))
        if evaluate:
            write({"evaluation": evaluate()})
