"""Train a MatLM: one granularity is drawn for every update, so nested training costs less than training XL alone.

Notable:
- the schedule follows the clock, not a step count: `--minutes` of training fit any machine;
- data-parallel over processes (gloo on CPUs, NCCL on GPUs); on a CPU start one process a core, one thread each;
- a checkpoint is written every few minutes and at the end; starting again with the same --out resumes it.

On a two-core CPU:

    OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 -m training.train --minutes 80 --out build/run
"""

import argparse
import json
import math
import os
import random
import time
from dataclasses import asdict
from pathlib import Path

import torch
import torch.distributed as dist

from training.data import Rows
from training.model import Config, MatLM
from training.optim import Muon, average_gradients, split_parameters

# How often each granularity is drawn; XL at .34 of the nested four is the paper's setting.
EARLY = {"XS": 0.20, "S": 0.16, "M": 0.176, "L": 0.192, "XL": 0.272}
# Towards the end the full width must learn what the narrow ones cannot hold.
LATE = {"XS": 0.12, "S": 0.12, "M": 0.13, "L": 0.15, "XL": 0.48}
LATE_FROM = 0.65
# Short rows first: attention over the whole context costs a quarter more and teaches little at the start.
LONG_ROWS_FROM = 0.55


def learning_rate(progress: float) -> float:
    """Share of the peak at `progress` in 0..1: 2% warm-up, constant to 45%, linear to 2%."""
    if progress < 0.02:
        return max(progress / 0.02, 0.02)
    return min(1.0, 1.0 - 0.98 * (progress - 0.45) / 0.55) if progress > 0.45 else 1.0


def draw(update: int, progress: float) -> str:
    """The granularity of an update: the same in every process, and again after a resume."""
    shares = LATE if progress > LATE_FROM else EARLY
    return random.Random(update).choices(list(shares), list(shares.values()))[0]


def save(path: Path, state: dict) -> None:
    """Write beside, then rename: a kill in mid-write leaves the last checkpoint whole."""
    torch.save(state, path.with_suffix(".tmp"))
    path.with_suffix(".tmp").rename(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=Path, default=Path("build/tokens"))
    parser.add_argument("--out", type=Path, default=Path("build/run"))
    parser.add_argument("--minutes", type=float, default=80)
    parser.add_argument("--rows", type=int, default=2, help="rows of context a process and update")
    parser.add_argument("--context", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--muon-lr", type=float, default=1.25e-3)
    parser.add_argument("--muon-decay", type=float, default=1e-3)
    parser.add_argument("--adam-lr", type=float, default=3e-3)
    parser.add_argument("--checkpoint-minutes", type=float, default=5)
    args = parser.parse_args()

    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if torch.cuda.is_available() else "cpu"
    if world > 1:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    torch.manual_seed(1)
    config = Config(layers=args.layers, context=args.context)
    model = MatLM(config).to(device)
    matrices, others = split_parameters(model)
    muon = Muon(matrices, lr=args.muon_lr, weight_decay=args.muon_decay)
    adam = torch.optim.AdamW(others, lr=args.adam_lr, betas=(0.9, 0.95), weight_decay=0.0)
    long_rows, short_rows = Rows(args.tokens, args.context), Rows(args.tokens, args.context // 2)

    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint = args.out / "checkpoint.pt"
    update, trained_s, tokens_seen = 0, 0.0, 0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        muon.load_state_dict(state["muon"])
        adam.load_state_dict(state["adam"])
        update, trained_s, tokens_seen = state["update"], state["trained_s"], state["tokens_seen"]
    log = open(args.out / "log.jsonl", "a") if rank == 0 else None
    budget_s = args.minutes * 60
    losses: dict[str, float] = {}
    last_saved_s, started = trained_s, time.monotonic() - trained_s
    clock = torch.zeros(1)

    def state_now() -> dict:
        return {
            "config": asdict(config), "model": model.state_dict(), "muon": muon.state_dict(),
            "adam": adam.state_dict(), "update": update, "trained_s": trained_s, "tokens_seen": tokens_seen,
        }  # fmt: skip

    while trained_s < budget_s:
        progress = trained_s / budget_s
        name = draw(update, progress)
        # The same tokens either way: an update takes as many, in twice as many rows of half the length.
        rows, count = (long_rows, args.rows) if progress > LONG_ROWS_FROM else (short_rows, 2 * args.rows)
        first = (update * world + rank) * count
        batch = torch.stack([torch.from_numpy(rows.row(first + i)) for i in range(count)]).to(device)
        loss = model.loss(batch[:, :-1], batch[:, 1:], config.widths(name))
        loss.backward()
        if world > 1:
            average_gradients(matrices + others)
        scale = learning_rate(progress)
        for group in adam.param_groups:
            group["lr"] = args.adam_lr * scale
        muon.step(scale)
        adam.step()
        model.zero_grad(set_to_none=True)

        value = loss.item()
        losses[name] = value if name not in losses else 0.95 * losses[name] + 0.05 * value
        update += 1
        tokens_seen += world * args.rows * args.context
        # Rank 0's clock rules, so that all processes draw the same granularity and stop at the same update.
        clock.fill_(time.monotonic() - started)
        if world > 1:
            dist.broadcast(clock, 0)
        trained_s = clock.item()
        if rank == 0 and (update % 20 == 0 or trained_s >= budget_s):
            line = {"update": update, "minutes": round(trained_s / 60, 2), "tokens": tokens_seen,
                    "tokens_per_s": round(tokens_seen / trained_s), "lr": round(scale, 3),
                    "nats": {k: round(v, 3) for k, v in sorted(losses.items())}}  # fmt: skip
            print(json.dumps(line), file=log, flush=True)
            if not math.isfinite(value):
                raise SystemExit(f"update {update}: the loss is {value}; lower --muon-lr or --adam-lr")
        if rank == 0 and trained_s - last_saved_s > args.checkpoint_minutes * 60:
            save(checkpoint, state_now())
            last_saved_s = trained_s
    if rank == 0:
        save(checkpoint, state_now())
        print(f"{checkpoint}: {update} updates, {tokens_seen / 1e6:.1f}M tokens, {trained_s / 60:.1f} minutes")
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
