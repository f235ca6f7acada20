"""Train a MatLM: one granularity is drawn for every update, so nested training costs less than training XL alone.

Notable:
- the budget, and with it the schedule, is in tokens, in minutes, or in CPU minutes (all processes together: what
  ablations compare at, whatever else the machine does);
- an update averages `--batch` tokens over the processes and, where a process has more than `--chunk`, over chunks:
  one process or many, the same update;
- data-parallel over processes (gloo on CPUs, NCCL on GPUs); on a CPU start one process a core, one thread each;
- `--init` goes on from an exported checkpoint, under a schedule of its own, where the machine that trained it is gone;
- a checkpoint is written every few minutes and at the end; starting again with the same --out resumes it, with the
  next tokens of the stream and the same draws.

Two CPU cores, one GPU, eight GPUs:

    OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 -m training.train --tokens 150e6 --compile
    python -m training.train --tokens 2e9 --hidden 512 --layers 12 --batch 131072 --chunk 65536 --compile
    torchrun --nproc-per-node 8 -m training.train --tokens 2e9 --hidden 512 --layers 12 --batch 524288 \\
        --chunk 65536 --compile
"""

import argparse
import json
import math
import os
import time
from dataclasses import asdict
from pathlib import Path

import torch
import torch.distributed as dist

from training.data import Stream
from training.export import load_exported
from training.model import Config, MatLM, fast_dtype
from training.objective import OBJECTIVES, batch_of, objective
from training.optim import Muon, average_gradients, split_parameters


def learning_rate(progress: float, decay: float = 0.55) -> float:
    """Share of the peak at `progress` in 0..1: 2% warm-up, constant, linear to 2% over the last `decay`."""
    if progress < 0.02:
        return max(progress / 0.02, 0.02)
    left = (1.0 - progress) / decay
    return min(1.0, 0.02 + 0.98 * max(left, 0.0))


def save(path: Path, state: dict) -> None:
    """Write beside, then rename: a kill in mid-write, or a full disk, leaves the last checkpoint whole."""
    part = path.with_suffix(".tmp")
    try:
        torch.save(state, part)
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        raise SystemExit(
            f"{path}: cannot be written ({error}); the last checkpoint is whole: make room and resume"
        ) from None
    part.rename(path)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("build/tokens"), help="folder of epoch-*.bin")
    parser.add_argument("--out", type=Path, default=Path("build/run"))
    parser.add_argument(
        "--init",
        type=Path,
        help="folder of an exported checkpoint to go on from: its shape and weights, a new schedule",
    )
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--tokens", type=float, help="budget in tokens")
    budget.add_argument("--minutes", type=float, help="budget in minutes")
    budget.add_argument("--cpu-minutes", type=float, help="budget in CPU minutes of all processes")
    parser.add_argument("--batch", type=int, default=4096, help="tokens an update")
    parser.add_argument("--chunk", type=int, default=2048, help="tokens a process takes at once")
    parser.add_argument("--context", type=int, default=Config.context)
    parser.add_argument("--vocabulary", type=int, default=Config.vocabulary)
    parser.add_argument("--hidden", type=int, default=Config.hidden)
    parser.add_argument("--layers", type=int, default=Config.layers)
    parser.add_argument(
        "--heads", type=int, default=0, help="of 64 dimensions; as many as fit the hidden size by default"
    )
    parser.add_argument("--kv-heads", type=int, default=0)
    parser.add_argument("--ffn", type=int, default=0, help="4 times the hidden size by default")
    parser.add_argument("--key-shift", type=int, default=0, choices=(0, 1))
    parser.add_argument("--objective", default="sampled-xs-late", choices=OBJECTIVES)
    parser.add_argument("--optimizer", default="muon", choices=("muon", "muon-whole", "adamw"))
    parser.add_argument("--muon-lr", type=float, default=1.25e-3)
    parser.add_argument("--muon-decay", type=float, default=1e-3)
    parser.add_argument("--adam-lr", type=float, default=3e-3)
    parser.add_argument("--decay", type=float, default=0.55, help="share of the budget over which the rate falls")
    parser.add_argument("--end-weight", type=float, default=1.0, help="weight of the end token's loss")
    parser.add_argument("--no-document-mask", action="store_true", help="documents packed side by side see each other")
    parser.add_argument(
        "--compile", action="store_true", help="torch.compile the layers: minutes at first, then a fifth faster"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checkpoint-minutes", type=float, default=5)
    return parser


def config_of(args: argparse.Namespace) -> Config:
    heads = args.heads or args.hidden // 64
    return Config(
        vocabulary=args.vocabulary, hidden=args.hidden, layers=args.layers, heads=heads,
        kv_heads=args.kv_heads or max(1, heads // 2), ffn=args.ffn or 4 * args.hidden, context=args.context,
        key_shift=args.key_shift,
    )  # fmt: skip


def main() -> None:
    args = options().parse_args()
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if torch.cuda.is_available() else "cpu"
    if args.batch % (args.chunk * world):
        raise SystemExit(f"--batch {args.batch} is not a multiple of --chunk {args.chunk} times {world} processes")
    if world > 1:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    torch.manual_seed(args.seed)
    dtype = fast_dtype(device)
    if args.init and not (args.init / "config.json").exists():
        raise SystemExit(f"{args.init}: no config.json; --init takes a folder that training.export wrote")
    model = load_exported(args.init, dtype) if args.init else MatLM(config_of(args), dtype)
    config = model.config
    model = model.train().to(device)
    if args.compile:
        model.compile_layers()
    matrices, others = split_parameters(model, whole=args.optimizer == "muon-whole")
    parameters = list(model.parameters())
    if args.optimizer == "adamw":
        flat = [p for matrix in matrices for p in matrix]
        muon = Muon([], 0, 0)
        groups = [{"params": others, "weight_decay": 0.0}, {"params": flat, "weight_decay": 0.1}]
    else:
        muon = Muon(matrices, lr=args.muon_lr, weight_decay=args.muon_decay)
        groups = [{"params": others, "weight_decay": 0.0}]
    adam = torch.optim.AdamW(groups, lr=args.adam_lr, betas=(0.9, 0.95), fused=True)
    train_on = objective(args.objective)
    stream = Stream(args.data)

    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint = args.out / "checkpoint.pt"
    update, spent, elapsed_s, tokens_seen = 0, 0.0, 0.0, 0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        if Config(**state["config"]) != config:
            raise SystemExit(f"{checkpoint}: holds {Config(**state['config'])}, not {config}; use another --out")
        model.load_state_dict(state["model"])
        muon.load_state_dict(state["muon"])
        adam.load_state_dict(state["adam"])
        update, spent, elapsed_s, tokens_seen = (state[k] for k in ("update", "spent", "elapsed_s", "tokens_seen"))
    log = open(args.out / "log.jsonl", "a") if rank == 0 else None
    budget = args.tokens or args.minutes or args.cpu_minutes
    losses: dict[str, float] = {}
    started, cpu_started = time.monotonic() - elapsed_s, time.process_time()
    spent_before, last_saved_s = spent, elapsed_s
    clock = torch.zeros(2, device=device, dtype=torch.float64)
    chunks = args.batch // args.chunk // world

    def state_now() -> dict:
        return {
            "config": asdict(config), "model": model.state_dict(), "muon": muon.state_dict(), "adam": adam.state_dict(),
            "update": update, "spent": spent, "elapsed_s": elapsed_s, "tokens_seen": tokens_seen,
        }  # fmt: skip

    while spent < budget:
        progress = spent / budget
        value = 0.0
        for chunk in range(chunks):
            # Another seed reads another part of the stream, so that seeds differ in data as well as in weights.
            start = args.seed * stream.total // 7 + update * args.batch + (rank * chunks + chunk) * args.chunk
            run = stream.read(start, args.chunk + 1)
            batch = batch_of(run, config.context, args.end_weight, not args.no_document_mask, device)
            loss, name = train_on(model, batch, update, progress, 1 / chunks)
            value += loss / chunks
        if world > 1:
            average_gradients(parameters)
        scale = learning_rate(progress, args.decay)
        for group in adam.param_groups:
            group["lr"] = args.adam_lr * scale
        if args.optimizer != "adamw":
            muon.step(scale)
        adam.step()
        model.zero_grad(set_to_none=True)

        losses[name] = value if name not in losses else 0.95 * losses[name] + 0.05 * value
        update += 1
        tokens_seen += args.batch
        # Rank 0's clocks rule, so that all processes draw the same granularity and stop at the same update.
        clock[0], clock[1] = time.monotonic() - started, (time.process_time() - cpu_started) * world / 60
        if world > 1:
            dist.broadcast(clock, 0)
        elapsed_s = clock[0].item()
        spent = tokens_seen if args.tokens else elapsed_s / 60 if args.minutes else spent_before + clock[1].item()
        if rank == 0 and (update % 20 == 0 or spent >= budget):
            line = {"update": update, "minutes": round(elapsed_s / 60, 2), "tokens": tokens_seen,
                    "progress": round(spent / budget, 4), "tokens_per_s": round(tokens_seen / elapsed_s),
                    "lr": round(scale, 3), "nats": {k: round(v, 3) for k, v in sorted(losses.items())}}  # fmt: skip
            print(json.dumps(line), file=log, flush=True)
            if not math.isfinite(value):
                raise SystemExit(f"update {update}: the loss is {value}; lower --muon-lr or --adam-lr")
        if rank == 0 and elapsed_s - last_saved_s > args.checkpoint_minutes * 60:
            save(checkpoint, state_now())
            last_saved_s = elapsed_s
    if rank == 0:
        save(checkpoint, state_now())
        print(f"{checkpoint}: {update} updates, {tokens_seen / 1e6:.1f}M tokens, {elapsed_s / 60:.1f} minutes")
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
