"""Train the code encoder: contrastive learning on pairs, with a granularity for the queries and one for the gallery.

Notable:
- it starts from a MatLM's folder (`--init`), or from nothing (`--init none`);
- `--only S` trains a twin: the same model and schedule at one granularity alone, for comparison. With another `--seed`
  its projection and its batches are its own; with the same one its space starts as that of the nested run;
- `--updates` makes a run the same on every machine of one kind, resumed or not; `--minutes` ends it in time;
- the log counts the updates in which each granularity took part, which is what a twin is given.

    OMP_NUM_THREADS=1 python -m training.encoders.train --updates 1000 --out build/encoders/code
    OMP_NUM_THREADS=1 python -m training.encoders.train --only S --updates 300 --seed 2 --out build/encoders/code-twin-S

For a night, or a GPU:

    OMP_NUM_THREADS=2 python -m training.encoders.train --updates 10000 --batch 96 --code-tokens 96
    python -m training.encoders.train --updates 20000 --batch 1024 --code-tokens 192 --temperature 0.03
"""

import argparse
from dataclasses import asdict
from pathlib import Path

import torch
from tokenizers import Tokenizer

from training.encoders import loop, objective, pairs
from training.encoders.batches import Batches
from training.encoders.model import EncoderConfig, MatEncoder
from training.export import load_exported
from training.model import Config, best_device, fast_dtype
from training.optim import Muon, split_parameters


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, default=Path("build/encoders/code-pairs"))
    parser.add_argument("--out", type=Path, default=Path("build/encoders/code"))
    parser.add_argument("--init", default="models/matlm-6m", help="folder of a MatLM, or none")
    parser.add_argument("--tokenizer", type=Path, default=Path("models/matlm-6m/tokenizer.json"))
    loop.add_options(parser, decay=0.4)
    parser.add_argument("--attention", default="bidirectional", choices=("bidirectional", "causal"))
    parser.add_argument("--pooling", default="mean", choices=("mean", "last"))
    parser.add_argument("--batch", type=int, default=64, help="pairs an update")
    parser.add_argument("--code-tokens", type=int, default=64, help="code is cut to so many tokens")
    parser.add_argument("--muon-lr", type=float, default=8e-4)
    parser.add_argument("--adam-lr", type=float, default=1.5e-3)
    parser.add_argument("--temperature", type=float, default=objective.TEMPERATURE)
    return parser


def new_model(args: argparse.Namespace, dtype: torch.dtype) -> MatEncoder:
    """The encoder at its start. The seed gives the projection, and without --init the rest."""
    torch.manual_seed(args.seed)
    if args.init == "none":
        shape = Config(vocabulary=Tokenizer.from_file(str(args.tokenizer)).get_vocab_size())
        return MatEncoder(EncoderConfig(shape, args.attention, args.pooling), dtype)
    start = load_exported(Path(args.init))
    model = MatEncoder(EncoderConfig(start.config, args.attention, args.pooling), dtype)
    model.start_from(start)
    return model


def loss_of(
    model: MatEncoder, batches: Batches, update: int, args: argparse.Namespace
) -> tuple[torch.Tensor, str, str]:
    """(loss, granularity of the queries, granularity of the gallery) of an update."""
    query, gallery = (args.only, args.only) if args.only else objective.draw(update, args.seed)
    batch = batches.batch(update)
    asked = model.embed_tokens(batch.queries, model.config.widths(query))
    answers = model.embed_tokens(batch.gallery, model.config.widths(gallery))
    same = batch.same.to(model.device)
    return objective.matryoshka(asked, answers, model.config.prefixes, same, args.temperature), query, gallery


def train(args: argparse.Namespace) -> Path:
    """Run or resume a training; the path of its checkpoint."""
    device = best_device()
    model = new_model(args, fast_dtype(device)).train().to(device)
    batches = Batches(
        pairs.read(args.pairs / "train.jsonl"),
        Tokenizer.from_file(str(args.tokenizer)),
        args.batch,
        args.code_tokens,
        args.seed,
    )
    matrices, others = split_parameters(model)
    muon = Muon(matrices, lr=args.muon_lr, weight_decay=1e-3 * args.muon_lr / 1.25e-3)
    adam = torch.optim.AdamW(others, lr=args.adam_lr, betas=(0.9, 0.95), weight_decay=0.0)
    encoder = {name: value for name, value in vars(model.config).items() if name not in ("shape", "picture")}
    about = {"shape": asdict(model.config.shape), "encoder": encoder}
    training = loop.Training(args, loop.settings_of(args, "pairs"), model, muon, adam, about)
    return loop.run(training, lambda update, _: loss_of(model, batches, update, args))


if __name__ == "__main__":
    train(options().parse_args())
