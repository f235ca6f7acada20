"""The cost of one submodel continuing from the KV cache of another: held-out bits per byte of the second
half of every window, for all pairs of granularities.

Attention is not nested, so a submodel can read the cache of any other that ran the same layers. But each layer's
input comes from its own feed-forward blocks, so the keys are not quite the ones it would have written.

    python -m training.experiments.sharing --model models/matlm-46m
"""

import argparse
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from training import metrics
from training.data import Encoder, read_files
from training.evaluate import print_table
from training.export import SHIPPED, load_exported
from training.model import GRANULARITIES, MatLM

NAMES = ("XS", *GRANULARITIES)
Cache = dict[int, tuple[Tensor, Tensor]]


@torch.inference_mode()
def read(model: MatLM, widths: list[int], tokens: Tensor, start: int, cache: Cache) -> Tensor:
    """Run tokens [n] at positions from `start` on with the cache and extend it; states [n, hidden]."""
    config = model.config
    positions = torch.arange(start, start + len(tokens))
    cos, sin = model.cos[positions].to(model.dtype), model.sin[positions].to(model.dtype)
    mask = torch.arange(start + len(tokens))[None, :] <= positions[:, None]
    x = F.embedding(tokens, model.embedding).to(model.dtype)
    for i, (block, width) in enumerate(zip(model.blocks, widths, strict=True)):
        if width == 0:
            continue
        q, k, v = block.before(x, cos, sin)
        if i in cache:
            k, v = torch.cat((cache[i][0], k)), torch.cat((cache[i][1], v))
        cache[i] = k, v
        group = config.heads // config.kv_heads
        y = F.scaled_dot_product_attention(
            q.transpose(0, 1),
            k.repeat_interleave(group, dim=1).transpose(0, 1),
            v.repeat_interleave(group, dim=1).transpose(0, 1),
            attn_mask=mask,
        )
        x = block.after(x, y.transpose(0, 1), width)
    return F.rms_norm(x, (config.hidden,), model.norm.to(model.dtype), config.norm_eps)


@torch.inference_mode()
def shared_loss(model: MatLM, writer: list[int], reader: list[int], found: list[metrics.Window]) -> float:
    """Bits per byte (by the window's mean bytes a token) of second halves read by `reader` after `writer`'s first."""
    nats, size = 0.0, 0.0
    for window in found:
        tokens = torch.tensor(window.tokens)
        half = (window.first + len(tokens)) // 2
        cache: Cache = {}
        read(model, writer, tokens[:half], 0, cache)
        states = read(model, reader, tokens[half:-1], half, cache)
        logits = F.linear(states, model.embedding.to(model.dtype)).float()
        nats += F.cross_entropy(logits, tokens[half + 1 :], reduction="sum").item()
        size += window.text_bytes * (len(tokens) - half - 1) / (len(tokens) - window.first)
    return nats / math.log(2) / size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--corpus", type=Path, default=Path("build/corpus"))
    parser.add_argument("--max-tokens", type=int, default=60_000)
    args = parser.parse_args()
    model = load_exported(args.model)
    encoder = Encoder(Tokenizer.from_file(str(args.model / "tokenizer.json")))
    found = metrics.windows(read_files(args.corpus / "heldout.jsonl"), encoder, model.config.context, args.max_tokens)
    found = [window for window in found if len(window.tokens) - window.first > 100]
    rows = []
    for reader in NAMES:
        layers = {i for i, width in enumerate(model.config.widths(reader)) if width > 0}
        losses = {}
        for writer in NAMES:
            if layers <= {i for i, width in enumerate(model.config.widths(writer)) if width > 0}:
                widths = model.config.widths(writer), model.config.widths(reader)
                losses[writer] = shared_loss(model, *widths, found)
        own = losses[reader]
        cells = [f"{losses[w]:.4f} ({losses[w] / own - 1:+.2%})" if w in losses else "reads again" for w in NAMES]
        rows.append([reader, *cells])
    print_table(["Read by", *(f"written by {name}" for name in NAMES)], rows)


if __name__ == "__main__":
    main()
