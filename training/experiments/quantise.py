"""The cost of fewer bits: held-out loss of every granularity in bf16 (float32 where bf16 is not fast), int8 and
4 bits, and with a 4-bit finish.

Notable:
- int8 is the form that ships: symmetric, one scale a row;
- 4 bits are symmetric with one scale for 32 inputs (4.5 bits a weight with a float16 scale), chosen among a few for
  the least squared error; 32 hidden units are a group of `down`, so every width keeps whole groups;
- the embedding, which is the head too, stays int8 throughout;
- the finish trains on with weights rounded in the forward pass and gradients passed straight through (Bengio et al.,
  arXiv 1308.3432).

    python -m training.experiments.quantise --run build/run --finish-updates 300 --out build/run-int4
    python -m training.experiments.quantise --model models/matlm-46m --data build/tokens-46m --finish-updates 60

A shipped checkpoint has only its int8 weights, so int8 costs nothing there. The cost of its rounding is estimated by
moving every weight again, at random within half a step of int8.
"""

import argparse
import itertools
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from training import metrics
from training.data import Encoder, Stream, read_files, require_tokens_of
from training.evaluate import NAMES, print_table
from training.export import load_exported, load_run, quantise
from training.model import MatLM, fast_dtype
from training.objective import OBJECTIVES, batch_of

GROUP = 32
SCALES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75)  # shares of the scale that loses no weight to clipping


def round_int8(weight: Tensor) -> Tensor:
    """[out, in] as the engine's int8 makes it."""
    values, scale = quantise(weight)
    return values * scale


def round_int4(weight: Tensor) -> Tensor:
    """[out, in] in 4 bits: -7..7 times a float16 scale for every 32 inputs."""
    groups = weight.reshape(-1, GROUP)
    largest = groups.abs().amax(dim=1, keepdim=True).clamp_min(1e-6)
    best, least = torch.zeros_like(groups), torch.full_like(largest, math.inf)
    for share in SCALES:
        scale = (largest * (share / 7)).half().float()
        rounded = (groups / scale).round().clamp(-7, 7) * scale
        error = (groups - rounded).square().sum(dim=1, keepdim=True)
        best, least = torch.where(error < least, rounded, best), torch.minimum(error, least)
    return best.reshape(weight.shape)


def moved(weight: Tensor) -> Tensor:
    """[out, in] moved as far as rounding to int8 moves it: at random within half a step."""
    values, scale = quantise(weight)
    return (values + torch.rand(values.shape, generator=torch.Generator().manual_seed(0)) - 0.5) * scale


@contextmanager
def rounded(model: MatLM, how: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """While it lasts, the matrices of the layers are rounded by `how`, and the embedding to int8."""
    kept = [(parameter, parameter.data) for parameter in model.parameters()]
    with torch.no_grad():
        model.embedding.data = round_int8(model.embedding.data)
        for block in model.blocks:
            for weight in (getattr(block.attention, n) for n in ("q_proj", "k_proj", "v_proj", "o_proj")):
                weight.data = how(weight.data)
            for weight in (*block.ffn.gate, *block.ffn.up):
                weight.data = how(weight.data)
            down = how(torch.cat([weight.data for weight in block.ffn.down]).T.contiguous()).T
            for weight, part in zip(block.ffn.down, down.split(block.ffn.slice_widths), strict=True):
                weight.data = part.contiguous()
    try:
        yield
    finally:
        for parameter, data in kept:
            parameter.data = data


def finish(model: MatLM, stream: Stream, updates: int, rate: float, batch: int = 4096) -> None:
    """Train on in 4 bits, one granularity an update, at a rate that falls to nothing."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    train_on = OBJECTIVES["sampled-xs"]
    for update in range(updates):
        read = batch_of(stream.read(stream.total // 2 + update * batch, batch + 1), model.config.context)
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - update / updates)
        with rounded(model, round_int4):
            train_on(model, read, update, 0.5, 1.0)
        optimizer.step()
        optimizer.zero_grad()


@torch.no_grad()
def losses(model: MatLM, found: list[metrics.Window]) -> dict[str, dict[str, float]]:
    """Bits per byte of each granularity, by the rounding of the weights."""

    def now() -> dict[str, float]:
        return {name: metrics.bits_per_byte(model, model.config.widths(name), found) for name in NAMES}

    columns = {"bf16" if model.dtype == torch.bfloat16 else "float32": now()}
    for name, how in (("int8", round_int8), ("moved by half a step", moved), ("4 bits", round_int4)):
        with rounded(model, how):
            columns[name] = now()
    return columns


def print_losses(columns: dict[str, dict[str, float]]) -> None:
    plain, *rest = columns
    cells = [
        [name, f"{columns[plain][name]:.4f}", *itertools.chain.from_iterable(
            (f"{columns[c][name]:.4f}", f"{columns[c][name] / columns[plain][name] - 1:.2%}") for c in rest)]
        for name in NAMES
    ]  # fmt: skip
    print_table(["Bits per byte", plain, *itertools.chain.from_iterable((name, "more by") for name in rest)], cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--run", type=Path, default=Path("build/run"), help="folder of a training run")
    source.add_argument("--model", type=Path, help="or of an exported checkpoint")
    parser.add_argument("--tokenizer", type=Path, help="the checkpoint's own, else build/tokenizer.json")
    parser.add_argument("--corpus", type=Path, default=Path("build/corpus"))
    parser.add_argument("--data", type=Path, default=Path("build/tokens"), help="folder of epoch-*.bin for the finish")
    parser.add_argument("--max-tokens", type=int, default=100_000)
    parser.add_argument("--finish-updates", type=int, default=0, help="of 4096 tokens, in 4 bits")
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--out", type=Path, help="folder for the tables as JSON")
    args = parser.parse_args()

    model = load_exported(args.model, fast_dtype()) if args.model else load_run(args.run, fast_dtype())
    tokenizer = args.tokenizer or (args.model / "tokenizer.json" if args.model else Path("build/tokenizer.json"))
    if args.finish_updates:
        require_tokens_of(tokenizer, args.data)
    encoder = Encoder(Tokenizer.from_file(str(tokenizer)))
    found = metrics.windows(read_files(args.corpus / "heldout.jsonl"), encoder, model.config.context, args.max_tokens)
    tables = {"as it is": losses(model, found)}
    print_losses(tables["as it is"])
    if args.finish_updates:
        finish(model, Stream(args.data), args.finish_updates, args.rate)
        tables["finished in 4 bits"] = losses(model, found)
        print(f"After {args.finish_updates} updates in 4 bits:\n")
        print_losses(tables["finished in 4 bits"])
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "quantise.json").write_text(json.dumps(tables, indent=1) + "\n")


if __name__ == "__main__":
    main()
