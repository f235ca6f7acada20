"""Train a MatLM: one granularity is drawn for every update, so nested training costs less than training XL alone.

Notable:
- the budget, and with it the schedule, is in tokens, in minutes, or in floating-point operations (for
  ablations, because operations do not depend on the machine or its load);
- an update averages `--batch` tokens over the processes and, if a process has more than `--chunk`, over chunks:
  the number of processes does not change it;
- data-parallel over processes (gloo on CPUs, NCCL on GPUs); on a CPU start one process a core, one thread each;
- `--init` starts from an exported checkpoint, with a schedule of its own;
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

from training.data import Stream, read_origin, require_tokens_of
from training.export import load_exported
from training.model import Config, MatLM, best_device, fast_dtype
from training.objective import OBJECTIVES, Objective, batch_of
from training.optim import Muon, average_gradients, split_parameters

WARM_UP_UPDATES = 50
# Options that may change when a run is resumed: budgets, paths, and those that only change the speed.
FREE = {"out", "data", "init", "tokens", "minutes", "petaflops", "chunk", "compile", "checkpoint_minutes"}


def learning_rate(progress: float, update: int, decay: float = 0.55, warm_up: int = WARM_UP_UPDATES) -> float:
    """Share of the peak at `progress` in 0..1: a short warm-up, constant, linear to 2% over the last `decay`.

    The warm-up is in updates: with a budget in minutes, compiling may take a tenth of it before the second one.
    """
    left = (1.0 - progress) / decay
    return min(1.0, (update + 1) / warm_up, 0.02 + 0.98 * max(left, 0.0))


def save(path: Path, state: dict) -> None:
    """Write to a temporary file, then rename: a kill or a full disk leaves the last checkpoint complete."""
    part = path.with_suffix(".tmp")
    try:
        torch.save(state, part)
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        raise SystemExit(
            f"{path}: cannot be written ({error}); the last checkpoint is complete: free some space and resume"
        ) from None
    part.rename(path)


def options(objectives: dict[str, Objective] = OBJECTIVES) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("build/tokens"), help="folder of epoch-*.bin")
    parser.add_argument("--out", type=Path, default=Path("build/run"))
    parser.add_argument(
        "--init",
        type=Path,
        help="folder of an exported checkpoint to start from: its shape and weights, a new schedule",
    )
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--tokens", type=float, help="budget in tokens")
    budget.add_argument("--minutes", type=float, help="budget in minutes")
    budget.add_argument("--petaflops", type=float, help="budget in 1e15 operations, 6 a token and parameter used")
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
    parser.add_argument("--narrowest", type=int, default=Config.narrowest, help="S has one in so many hidden units")
    parser.add_argument("--nested-depth", action="store_true", help="S and M run every second layer only")
    parser.add_argument("--objective", default="sampled-xs", choices=objectives)
    parser.add_argument("--optimizer", default="muon", choices=("muon", "muon-whole", "adamw"))
    parser.add_argument("--muon-lr", type=float, default=1.25e-3)
    parser.add_argument("--muon-decay", type=float, default=1e-3)
    parser.add_argument("--adam-lr", type=float, default=3e-3)
    parser.add_argument("--decay", type=float, default=0.55, help="share of the budget over which the rate falls")
    parser.add_argument("--end-weight", type=float, default=5.0, help="weight of the end token's loss")
    parser.add_argument("--no-document-mask", action="store_true", help="packed documents see each other")
    parser.add_argument(
        "--compile", action="store_true", help="torch.compile the layers: takes minutes, then trains a fifth faster"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checkpoint-minutes", type=float, default=5)
    return parser


def config_of(args: argparse.Namespace) -> Config:
    heads = args.heads or args.hidden // 64
    return Config(
        vocabulary=args.vocabulary, hidden=args.hidden, layers=args.layers, heads=heads,
        kv_heads=args.kv_heads or max(1, heads // 2), ffn=args.ffn or 4 * args.hidden, context=args.context,
        key_shift=args.key_shift, narrowest=args.narrowest, nested_depth=args.nested_depth,
    )  # fmt: skip


def main(objectives: dict[str, Objective] = OBJECTIVES) -> None:
    args = options(objectives).parse_args()
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    device = best_device()
    if args.batch % (args.chunk * world):
        raise SystemExit(f"--batch {args.batch} is not a multiple of --chunk {args.chunk} times {world} processes")
    if world > 1:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
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
    train_on = objectives[args.objective]
    made = read_origin(args.data) or {}
    if args.init:
        require_tokens_of(args.init / "tokenizer.json", args.data)
    elif made.get("vocabulary", 0) > config.vocabulary:
        raise SystemExit(f"{args.data}: tokens of a vocabulary of {made['vocabulary']}; give it as --vocabulary")
    stream = Stream(args.data)
    # Another seed reads another part of the stream, so that seeds differ in data as well as in weights.
    first = args.seed * len(stream.epochs[0]) // 7
    settings = {name: value for name, value in vars(args).items() if name not in FREE}
    settings["tokens of the tokenizer"] = made.get("tokenizer")

    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint = args.out / "checkpoint.pt"
    update, elapsed_s, tokens_seen = 0, 0.0, 0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        begun = state.get("settings", {})
        for name, value in settings.items():
            if name not in begun:
                raise SystemExit(
                    f"{checkpoint}: an earlier version made it, which did not keep {name}; use another --out"
                )
            if begun[name] != value:
                flag = name if " " in name else "--" + name.replace("_", "-")
                raise SystemExit(f"{checkpoint}: was started with {flag} {begun[name]}, not {value}; use another --out")
        if Config(**state["config"]) != config:
            raise SystemExit(f"{checkpoint}: holds {Config(**state['config'])}, not {config}; use another --out")
        model.load_state_dict(state["model"])
        muon.load_state_dict(state["muon"])
        adam.load_state_dict(state["adam"])
        update, elapsed_s, tokens_seen = (state[k] for k in ("update", "elapsed_s", "tokens_seen"))
        model.training_flops = state["flops"] // world
        stream.resume(state["stream"])
        first = state["first"]
    log = open(args.out / "log.jsonl", "a") if rank == 0 else None
    budget = args.tokens or args.minutes or args.petaflops
    losses: dict[str, torch.Tensor] = {}
    started, last_saved_s = time.monotonic() - elapsed_s, elapsed_s
    clock = torch.zeros(1, device=device, dtype=torch.float64)
    chunks = args.batch // args.chunk // world

    def state_now() -> dict:
        return {
            "config": asdict(config), "settings": settings, "stream": stream.state, "first": first,
            "model": model.state_dict(), "muon": muon.state_dict(), "adam": adam.state_dict(),
            "update": update, "elapsed_s": elapsed_s, "tokens_seen": tokens_seen, "flops": model.training_flops * world,
        }  # fmt: skip

    def progress_now() -> float:
        spent = tokens_seen if args.tokens else elapsed_s / 60 if args.minutes else model.training_flops * world / 1e15
        return spent / budget

    while (progress := progress_now()) < 1:
        value = torch.zeros((), device=device)
        for chunk in range(chunks):
            start = first + tokens_seen + (rank * chunks + chunk) * args.chunk
            run = stream.read(start, args.chunk + 1)
            batch = batch_of(run, config.context, args.end_weight, not args.no_document_mask, device)
            loss, name = train_on(model, batch, update, progress, 1 / chunks)
            value += loss / chunks
        if world > 1:
            average_gradients(parameters)
        scale = learning_rate(progress, update, args.decay)
        for group in adam.param_groups:
            group["lr"] = args.adam_lr * scale
        if args.optimizer != "adamw":
            muon.step(scale)
        adam.step()
        model.zero_grad(set_to_none=True)

        losses[name] = value if name not in losses else 0.95 * losses[name] + 0.05 * value
        update += 1
        tokens_seen += args.batch
        elapsed_s = time.monotonic() - started
        if world > 1:  # rank 0's clock counts, so that all draw the same granularity and stop at the same update
            clock.fill_(elapsed_s)
            dist.broadcast(clock, 0)
            elapsed_s = clock.item()
        is_due = elapsed_s - last_saved_s > args.checkpoint_minutes * 60
        if rank == 0 and (update % 20 == 0 or is_due or progress_now() >= 1):
            line = {"update": update, "minutes": round(elapsed_s / 60, 2), "tokens": tokens_seen,
                    "petaflops": model.training_flops * world / 1e15, "progress": round(progress_now(), 4),
                    "tokens_per_s": round(tokens_seen / elapsed_s), "lr": round(scale, 3),
                    "nats": {k: round(v.item(), 3) for k, v in sorted(losses.items())}}  # fmt: skip
            print(json.dumps(line), file=log, flush=True)
            # The loss is of the weights before the update; the saved weights are those after it.
            if not math.isfinite(value) or not all(p.isfinite().all() for p in parameters):
                raise SystemExit(
                    f"update {update}: the loss is {value.item()}, or some weights are not finite; start again in "
                    "another --out with a lower --muon-lr or --adam-lr"
                )
        if rank == 0 and is_due:
            save(checkpoint, state_now())
            last_saved_s = elapsed_s
    if rank == 0:
        save(checkpoint, state_now())
        print(f"{checkpoint}: {update} updates, {tokens_seen / 1e6:.1f}M tokens, {elapsed_s / 60:.1f} minutes")
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
