"""Make a dense checkpoint elastic: sort the units of every feed-forward block, the most important first.

Notable:
- Llama-, Qwen2- and Qwen3-family folders as `transformers` saves them, tied or not;
- a unit is as important as the energy it adds to the residual stream on sample text: mean(h^2) * |down column|^2;
- sorting does not change the result of the whole model, and makes every prefix a submodel. Without training the
  smaller ones lose much accuracy; `--minutes` of nested fine-tuning recover part of it;
- the losses printed are on the second half of the text, which neither sorting nor fine-tuning sees.

    python -m training.elastic --model Qwen2.5-Coder-0.5B --text src --minutes 30 --out build/elastic
"""

import argparse
import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from training.evaluate import print_table

FAMILIES = ("llama", "qwen2", "qwen3")
NAMES = ("XS", "S", "M", "L", "XL")
STEP = 32  # widths are multiples of this, as in the engine


def granularities(layers: int, ffn: int) -> dict[str, list[int]]:
    """Widths by layer: an eighth, a quarter, half and all of the units; XS is S with every second layer skipped."""
    widths = {name: max(STEP, round(ffn / share / STEP) * STEP) for name, share in (("S", 8), ("M", 4), ("L", 2))}
    found = {"XS": [widths["S"] if i % 2 == 0 else 0 for i in range(layers)]}
    return found | {name: [width] * layers for name, width in widths.items()} | {"XL": [ffn] * layers}


def nested_forward(mlp: nn.Module, width: int, x: Tensor) -> Tensor:
    """SwiGLU on the first `width` units."""

    def project(layer: nn.Linear, x: Tensor) -> Tensor:
        return F.linear(x, layer.weight[:width], None if layer.bias is None else layer.bias[:width])

    hidden = mlp.act_fn(project(mlp.gate_proj, x)) * project(mlp.up_proj, x)
    return F.linear(hidden, mlp.down_proj.weight[:, :width], mlp.down_proj.bias)


@contextmanager
def submodel(model: PreTrainedModel, widths: list[int]) -> Iterator[None]:
    """While it lasts, the model is the submodel of these widths; 0 skips the layer."""
    layers = model.model.layers
    for layer, width in zip(layers, widths, strict=True):
        if width == 0:
            layer.forward = lambda x, *_, **__: x
        else:
            layer.mlp.forward = partial(nested_forward, layer.mlp, width)
    try:
        yield
    finally:
        for layer in layers:
            layer.__dict__.pop("forward", None)
            layer.mlp.__dict__.pop("forward", None)


@torch.no_grad()
def importance(model: PreTrainedModel, rows: list[Tensor]) -> list[Tensor]:
    """Energy that every unit adds on the text: a [hidden units] tensor for each layer."""
    energies = [torch.zeros(layer.mlp.down_proj.in_features, dtype=torch.float64) for layer in model.model.layers]

    def listen(energy: Tensor, _: nn.Module, inputs: tuple[Tensor]) -> None:
        energy += inputs[0].double().square().sum(dim=(0, 1)).cpu()

    handles = [
        layer.mlp.down_proj.register_forward_pre_hook(partial(listen, energy))
        for layer, energy in zip(model.model.layers, energies, strict=True)
    ]
    for row in rows:
        model(row[None])
    for handle in handles:
        handle.remove()
    return [
        energy * layer.mlp.down_proj.weight.double().square().sum(dim=0).cpu()
        for layer, energy in zip(model.model.layers, energies, strict=True)
    ]


@torch.no_grad()
def sort_units(model: PreTrainedModel, rows: list[Tensor]) -> None:
    """Most important units first, in every layer; the function of the whole model stays the same."""
    for layer, scores in zip(model.model.layers, importance(model, rows), strict=True):
        order = scores.argsort(descending=True, stable=True).to(layer.mlp.down_proj.weight.device)
        for projection in (layer.mlp.gate_proj, layer.mlp.up_proj):
            projection.weight.copy_(projection.weight[order])
            if projection.bias is not None:
                projection.bias.copy_(projection.bias[order])
        layer.mlp.down_proj.weight.copy_(layer.mlp.down_proj.weight[:, order])


def loss(model: PreTrainedModel, row: Tensor) -> Tensor:
    """Mean nats a token. row: [tokens]."""
    logits = model(row[None, :-1]).logits[0].float()
    return F.cross_entropy(logits, row[1:])


@torch.no_grad()
def losses(model: PreTrainedModel, shapes: dict[str, list[int]], rows: list[Tensor]) -> dict[str, float]:
    """Nats a token of each submodel."""
    found = {}
    for name, widths in shapes.items():
        with submodel(model, widths):
            found[name] = sum(loss(model, row).item() for row in rows) / len(rows)
    return found


def fine_tune(
    model: PreTrainedModel,
    shapes: dict[str, list[int]],
    rows: list[Tensor],
    minutes: float,
    rate: float,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Nested training, one submodel drawn for every update; the number of updates. `clock` is in seconds."""
    rng, until, updates = random.Random(0), clock() + 60 * minutes, 0
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.0)
    while (left := until - clock()) > 0:
        with submodel(model, shapes[rng.choice(NAMES)]):
            loss(model, rng.choice(rows)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (updates + 1) / 20, 0.05 + 2 * left / (60 * minutes))
        optimizer.step()
        optimizer.zero_grad()
        updates += 1
    return updates


def read_text(paths: list[Path]) -> str:
    """The text of files, and of all files under folders."""
    files = [f for path in paths for f in (sorted(path.rglob("*")) if path.is_dir() else [path]) if f.is_file()]
    return "\n".join(file.read_text(errors="ignore") for file in files)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder of a dense checkpoint")
    parser.add_argument("--text", type=Path, nargs="+", required=True, help="sample text: files or folders")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=100_000, help="of the text, at most")
    parser.add_argument("--window", type=int, default=512, help="tokens read at once")
    parser.add_argument("--minutes", type=float, default=0, help="of nested fine-tuning")
    parser.add_argument("--rate", type=float, default=1e-4)
    args = parser.parse_args()

    if not (args.model / "config.json").exists():
        raise SystemExit(f"{args.model}: no config.json; expected a checkpoint folder that transformers saved")
    family = AutoConfig.from_pretrained(args.model).model_type
    if family not in FAMILIES:
        raise SystemExit(f"{args.model}: a {family} checkpoint; expected one of {', '.join(FAMILIES)}")
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
    ids = torch.tensor(tokenizer(read_text(args.text))["input_ids"][: args.tokens])
    rows = [row for row in ids.split(args.window) if len(row) > 1]
    if len(rows) < 2:
        raise SystemExit(f"{len(ids)} tokens of text; sorting needs two windows of {args.window} at least")
    seen, held = rows[: len(rows) // 2], rows[len(rows) // 2 :]

    shapes = granularities(model.config.num_hidden_layers, model.config.intermediate_size)
    steps = {"as it was": losses(model, shapes, held)}
    sort_units(model, seen)
    steps["sorted"] = losses(model, shapes, held)
    if args.minutes > 0:
        updates = fine_tune(model, shapes, seen, args.minutes, args.rate)
        steps[f"{updates} updates later"] = losses(model, shapes, held)
    head = ["Nats a token", "FFN width", *steps]
    print_table(
        head,
        [
            [name, str(max(widths)), *(f"{found[name]:.4f}" for found in steps.values())]
            for name, widths in shapes.items()
        ],
    )
    if not all(math.isfinite(value) for found in steps.values() for value in found.values()):
        raise SystemExit(f"{args.model}: a loss is not finite; nothing was written")
    model.config.matformer = {"granularities": shapes, "frontier": []}
    model.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    print(f"{args.out}: written")


if __name__ == "__main__":
    main()
