"""The loop of an encoder's training: the budget, the learning rates, the log, and the checkpoint to resume from.

Notable:
- a trainer gives the loss of an update; all else is the same for texts and pictures;
- starting again with the same --out resumes a run, with the same batches and draws;
- the log counts the updates in which each granularity took part, which is what a twin is given.
"""

import argparse
import json
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from training.model import GRANULARITIES
from training.optim import Muon
from training.train import learning_rate, save

# Options that may change when a run is resumed, next to the folder of its data.
FREE = {"out", "keep_every", "checkpoint_minutes"}


def add_options(parser: argparse.ArgumentParser, decay: float) -> None:
    """The options that every training of encoders has. `decay` is the default of its own."""
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--updates", type=int)
    budget.add_argument("--minutes", type=float)
    parser.add_argument("--only", choices=GRANULARITIES, help="train this granularity alone: a twin")
    parser.add_argument("--decay", type=float, default=decay, help="share of the budget over which the rate falls")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checkpoint-minutes", type=float, default=3)
    parser.add_argument("--keep-every", type=int, default=0, help="keep the model after each so many updates too")


def settings_of(args: argparse.Namespace, *free: str) -> dict:
    """What a run has to be resumed with: all options but those in FREE and `free`."""
    kept = {name: value for name, value in vars(args).items() if name not in FREE.union(free)}
    return {name: str(value) if isinstance(value, Path) else value for name, value in kept.items()}


class Muons:
    """A Muon for each tower, as one optimiser."""

    def __init__(self, muons: list[Muon]):
        self.muons = muons

    def step(self, scale: float) -> None:
        for muon in self.muons:
            muon.step(scale)

    def state_dict(self) -> list[list[Tensor]]:
        return [muon.state_dict() for muon in self.muons]

    def load_state_dict(self, states: list[list[Tensor]]) -> None:
        for muon, state in zip(self.muons, states, strict=True):
            muon.load_state_dict(state)


@dataclass
class Training:
    """A model in training, and how far it has come."""

    args: argparse.Namespace
    settings: dict  # of `settings_of`, and what else has to be the same when a run is resumed
    model: nn.Module
    muon: Muon | Muons
    adam: torch.optim.AdamW  # a group may have a `rate`: its share of the learning rate
    about: dict = field(default_factory=dict)  # stored with the checkpoint
    warm_up: int = 10  # updates
    update: int = 0
    elapsed_s: float = 0.0
    part_in: Counter = field(default_factory=Counter)  # updates of each granularity

    @property
    def checkpoint(self) -> Path:
        return self.args.out / "checkpoint.pt"

    @property
    def progress(self) -> float:
        """Share of the budget that is used."""
        args = self.args
        return self.update / args.updates if args.updates else self.elapsed_s / 60 / args.minutes

    def parts(self) -> dict[str, nn.Module | Muon | Muons | torch.optim.AdamW]:
        """What changes in training, by its name in a checkpoint."""
        of_muon = "muons" if isinstance(self.muon, Muons) else "muon"
        return {"model": self.model, of_muon: self.muon, "adam": self.adam}

    def state(self) -> dict:
        states = {name: part.state_dict() for name, part in self.parts().items()}
        progress = {"update": self.update, "elapsed_s": self.elapsed_s, "part_in": dict(self.part_in)}
        return self.about | {"settings": self.settings} | states | progress

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one."""
        if not self.checkpoint.exists():
            return
        device = next(self.model.parameters()).device
        state = torch.load(self.checkpoint, map_location=device, weights_only=True)
        for name, value in self.settings.items():
            begun = state["settings"].get(name)
            if begun != value:
                option = f"--{name.replace('_', '-')}" if name in vars(self.args) else name
                fault = f"{self.checkpoint}: was started with {option} {begun}, not {value}"
                raise SystemExit(f"{fault}; use another --out")
        for name, part in self.parts().items():
            part.load_state_dict(state[name])
        self.update, self.elapsed_s, self.part_in = state["update"], state["elapsed_s"], Counter(state["part_in"])

    def descend(self, loss: Tensor) -> tuple[float, float]:
        """One step of all optimisers; the loss, and the share of the peak of the learning rates."""
        loss.backward()
        scale = learning_rate(self.progress, self.update, self.args.decay, self.warm_up)
        for group in self.adam.param_groups:
            group["lr"] = self.args.adam_lr * scale * group.get("rate", 1)
        self.muon.step(scale)
        self.adam.step()
        self.model.zero_grad(set_to_none=True)
        value = loss.item()
        if not math.isfinite(value):
            fault = f"update {self.update}: the loss is {value}"
            raise SystemExit(f"{fault}; start again with lower rates in another --out")
        return value, scale


def run(training: Training, loss_of: Callable[[int, float], tuple[Tensor, str, str]]) -> Path:
    """Run or resume a training; the path of its checkpoint.

    loss_of: (update, progress) -> (loss, granularity of the queries, granularity of the gallery)
    """
    args, checkpoint = training.args, training.checkpoint
    args.out.mkdir(parents=True, exist_ok=True)
    training.resume()
    started, saved_s = time.monotonic() - training.elapsed_s, training.elapsed_s
    losses: dict[str, float] = {}  # nats, smoothed
    with open(args.out / "log.jsonl", "a") as log:
        while training.progress < 1:
            loss, query, gallery = loss_of(training.update, training.progress)
            value, scale = training.descend(loss)
            names = f"{query}-{gallery}"
            losses[names] = 0.9 * losses.get(names, value) + 0.1 * value
            training.update += 1
            training.part_in.update({query, gallery})
            training.elapsed_s = time.monotonic() - started
            if training.update % 10 == 0 or training.progress >= 1:
                print(json.dumps(_line(training, scale, losses)), file=log, flush=True)
            if training.elapsed_s - saved_s > args.checkpoint_minutes * 60:
                save(checkpoint, training.state())
                saved_s = training.elapsed_s
            if args.keep_every and training.update % args.keep_every == 0:
                save(args.out / f"update-{training.update}.pt", training.state())
    save(checkpoint, training.state())
    took_part = dict(sorted(training.part_in.items()))
    print(f"{checkpoint}: {training.update} updates, {training.elapsed_s / 60:.1f} minutes, took part: {took_part}")
    return checkpoint


def _line(training: Training, scale: float, losses: dict[str, float]) -> dict:
    return {
        "update": training.update, "minutes": round(training.elapsed_s / 60, 2),
        "progress": round(training.progress, 4), "lr": round(scale, 3),
        "nats": {names: round(value, 3) for names, value in sorted(losses.items())},
        "part_in": dict(sorted(training.part_in.items())),
    }  # fmt: skip
