"""Train the encoders of pictures and of words together, into one metric space.

Notable:
- three contrastive losses: words to pictures, and pictures to other pictures of the same name, twice;
- an update draws a granularity for the words and the first pictures, and one for the second pictures, XL half the time,
  so that small queries find their way in a gallery that XL embedded;
- `--only S` trains twins: the same data and schedule at one granularity alone;
- the tokenizer of the words is made of the captions, so that a common word is one token; the token embedding starts
  from latent semantic analysis of them, so that synonyms are neighbours before the first update;
- the log counts the updates in which each granularity took part, which is what a twin is given.

    OMP_NUM_THREADS=1 python -m training.encoders.train_pictures --minutes 30
    OMP_NUM_THREADS=1 python -m training.encoders.train_pictures --only S --updates 300 --out build/encoders/twin-S

For a night, or a GPU:

    python -m training.encoders.train_pictures --updates 30000 --batch 512 --hidden 192 --layers 6
"""

import argparse
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import torch
from scipy import sparse
from tokenizers import Tokenizer
from torch import Tensor, nn

from training import tokenizer as byte_level
from training.encoders import icons as icon_data
from training.encoders import loop, objective
from training.encoders.icons import Icon
from training.encoders.model import EncoderConfig, MatEncoder, Picture
from training.encoders.pictures import Batch, Batches
from training.encoders.words import WordNet
from training.model import Config, best_device, fast_dtype
from training.optim import Muon, split_parameters
from training.train import WARM_UP_UPDATES

WORDS = 16  # tokens of a caption or query


class Pair(nn.Module):
    """The two towers of one space."""

    def __init__(self, pictures: MatEncoder, words: MatEncoder):
        super().__init__()
        self.pictures, self.words = pictures, words


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--icons", type=Path, default=icon_data.FOLDER)
    parser.add_argument("--out", type=Path, default=Path("build/encoders/pictures"))
    loop.add_options(parser, decay=0.5)
    parser.add_argument("--batch", type=int, default=128, help="captions an update, each with two pictures")
    parser.add_argument("--patch", type=int, default=16, help="pixels a side; 8 costs four times as much")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--word-hidden", type=int, default=128)
    parser.add_argument("--word-layers", type=int, default=2)
    parser.add_argument("--vocabulary", type=int, default=4096)
    parser.add_argument("--no-wordnet", action="store_true", help="captions of the sets only")
    parser.add_argument("--random-words", action="store_true", help="no meanings at the start of the token embedding")
    parser.add_argument("--muon-lr", type=float, default=1.5e-3)
    parser.add_argument("--adam-lr", type=float, default=3e-3)
    parser.add_argument("--words-rate", type=float, default=0.1, help="the words tower's share of the learning rates")
    parser.add_argument(
        "--temperature", type=float, default=objective.TEMPERATURE, help="from the middle of the budget on"
    )
    return parser


def shape_of(hidden: int, layers: int, vocabulary: int, context: int) -> Config:
    heads = max(1, hidden // 64)
    return Config(
        vocabulary=vocabulary, hidden=hidden, layers=layers, heads=heads, kv_heads=max(1, heads // 2),
        head_dim=min(64, hidden), ffn=4 * hidden, context=context,
    )  # fmt: skip


def make_tokenizer(icons: list[Icon], wordnet: WordNet | None, vocabulary: int) -> Tokenizer:
    """Of the captions of the training icons, and of one synonym for each of their words."""
    texts = []
    for icon in icons:
        if icon.split == "train":
            # Twice as often with a blank before it: a word is mostly not the first.
            texts += [icon.name, " " + icon.name, *(" " + text for kind in icon.captions.values() for text in kind)]
    if wordnet:
        texts += [" " + text for word in {w for text in texts for w in text.split()} for text in wordnet.synonyms(word)]
    return byte_level.train(texts, vocabulary)


def meanings(icons: list[Icon], wordnet: WordNet | None, tokenizer: Tokenizer, size: int) -> Tensor:
    """A start for the token embedding [vocabulary, size]: tokens near each other if they describe the same names.

    Latent semantic analysis: a row is all texts of a name, with synonyms at half the weight, and a column a token.
    Because the blocks begin as the identity, the words tower begins as the mean of these vectors, projected.
    """
    texts: dict[str, Counter] = defaultdict(Counter)
    for icon in icons:
        if icon.split == "train":
            for text in {icon.name}.union(*icon.captions.values()):
                texts[icon.name][text] = 2
    for name in texts if wordnet else ():
        for word in name.split():
            for synonym in wordnet.synonyms(word)[:6]:
                texts[name].setdefault(synonym, 1)
    rows, columns, values = [], [], []
    for row, counts in enumerate(texts.values()):
        for encoding, count in zip(tokenizer.encode_batch(list(counts)), counts.values(), strict=True):
            # With and without the blank before it a word is two tokens of one meaning.
            spaced = tokenizer.encode(" " + tokenizer.decode(encoding.ids[:1])).ids
            for token in (*encoding.ids, *(spaced if len(spaced) == 1 else ())):
                rows.append(row)
                columns.append(token)
                values.append(count)
    shape = (len(texts), tokenizer.get_vocab_size())
    matrix = sparse.csr_matrix((np.array(values, dtype=np.float32), (rows, columns)), shape=shape)
    seen = np.asarray((matrix > 0).sum(axis=0)).ravel()
    weighted = sparse.diags(1 / np.sqrt(1 + np.asarray(matrix.sum(axis=1)).ravel())) @ matrix
    weighted = weighted @ sparse.diags(1 / np.sqrt(1 + seen))
    size = min(size, min(weighted.shape) - 1)
    _, strengths, right = sparse.linalg.svds(weighted.astype(np.float64), k=size, random_state=1)
    vectors = torch.from_numpy((right.T * np.sqrt(strengths)).copy()).float()
    # A root mean square of 0.3: AdamW's steps, of some thousandths, then change them slowly.
    return vectors / vectors.norm(dim=1, keepdim=True).clamp_min(1e-6) * 0.3 * size**0.5


def new_pair(args: argparse.Namespace, vocabulary: int, dtype: torch.dtype = torch.float32) -> Pair:
    torch.manual_seed(args.seed)
    picture = Picture(size=icon_data.SIZE, patch=args.patch)
    shape = shape_of(args.hidden, args.layers, 1, picture.patches)
    pictures = EncoderConfig(shape, max_input=picture.patches, picture=picture)
    words = EncoderConfig(shape_of(args.word_hidden, args.word_layers, vocabulary, WORDS), max_input=WORDS)
    return Pair(MatEncoder(pictures, dtype), MatEncoder(words, dtype))


@torch.no_grad()
def align(pair: Pair, batches: Batches, most: int = 2048) -> None:
    """Start the projection of the pictures at the least squares from their states to the embeddings of their captions.

    At a random start all pictures lie on one line, from dark to light, and the loss first folds them into one point.
    """
    tower, hidden = pair.pictures, pair.pictures.config.shape.hidden
    tower.projection.copy_(torch.eye(*tower.projection.shape))
    states, targets = [], []
    for number in range(-(-min(most, len(batches.rows)) // batches.size)):
        batch = batches.batch(number)
        states.append(tower.embed_pictures(batch.first, tower.config.widths("S"))[:, :hidden])
        targets.append(pair.words.embed_tokens(batch.captions, pair.words.config.widths("S")))
    x, y = torch.cat(states), torch.cat(targets)
    moments = x.T @ x
    moments += 0.003 * moments.trace() / hidden * torch.eye(hidden, device=x.device)
    solved = torch.linalg.solve(moments, x.T @ y).T
    tower.projection.copy_(solved / solved.square().mean().sqrt() * hidden**-0.5)


def loss_of(pair: Pair, batch: Batch, query: str, gallery: str, temperature: float, between: float = 1.0) -> Tensor:
    """The three losses; `query` is the granularity of the words and the first pictures.

    between: the weight of the loss between pictures; that of the two between words and pictures is 1.
    """
    same = batch.same.to(pair.words.device)
    prefixes = pair.words.config.prefixes
    words = pair.words.embed_tokens(batch.captions, pair.words.config.widths(query))
    if query == gallery:
        both = pair.pictures.embed_pictures(torch.cat((batch.first, batch.second)), pair.pictures.config.widths(query))
        first, second = both.chunk(2)
    else:
        first = pair.pictures.embed_pictures(batch.first, pair.pictures.config.widths(query))
        second = pair.pictures.embed_pictures(batch.second, pair.pictures.config.widths(gallery))
    rows = ((words, second, 1.0), (words, first, 1.0), (first, second, between))
    losses = [
        weight * objective.matryoshka(asked, answers, prefixes, same, temperature)
        for asked, answers, weight in rows
        if weight
    ]
    return torch.stack(losses).sum() / (2 + between)


def load_run(out: Path) -> tuple[Pair, Tokenizer]:
    """The towers of a run's last checkpoint, in float32, and the tokenizer of the words."""
    path = out / "checkpoint.pt"
    if not path.exists():
        raise SystemExit(f"{path}: not there; train it with python -m training.encoders.train_pictures --out {out}")
    state = torch.load(path, map_location="cpu", weights_only=True)
    args = argparse.Namespace(**state["settings"])
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    pair = new_pair(args, tokenizer.get_vocab_size())
    pair.load_state_dict(state["model"])
    return pair.eval(), tokenizer


def train(args: argparse.Namespace) -> Path:
    """Run or resume a training; the path of its checkpoint."""
    device = best_device()
    icons, pictures, report = icon_data.load(args.icons)
    wordnet = None
    if not args.no_wordnet:
        wordnet = WordNet(icon_data.archive_of(icon_data.manifest()["wordnet"], args.icons))
    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer_file = args.out / "tokenizer.json"
    if not tokenizer_file.exists():
        make_tokenizer(icons, wordnet, args.vocabulary).save(str(tokenizer_file))
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    pair = new_pair(args, tokenizer.get_vocab_size(), fast_dtype(device)).train().to(device)
    batches = Batches(icons, pictures, tokenizer, args.batch, wordnet, args.seed)
    if not args.random_words:
        start = meanings(icons, wordnet, tokenizer, args.word_hidden).to(device)
        with torch.no_grad():
            pair.words.embedding[:, : start.shape[1]] = start
    align(pair, batches)
    parts = [split_parameters(tower) for tower in (pair.pictures, pair.words)]
    # For each tower, the words' at a part of the rate: pictures learn from where the words are.
    muons = [
        Muon(matrices, lr=args.muon_lr * rate, weight_decay=args.muon_lr * rate)
        for (matrices, _), rate in zip(parts, (1, args.words_rate), strict=True)
    ]
    groups = [{"params": others, "rate": rate} for (_, others), rate in zip(parts, (1, args.words_rate), strict=True)]
    adam = torch.optim.AdamW(groups, lr=args.adam_lr, betas=(0.9, 0.95), weight_decay=0.0)
    settings = loop.settings_of(args, "icons") | {"data": report["digest"]}
    training = loop.Training(args, settings, pair, loop.Muons(muons), adam, warm_up=WARM_UP_UPDATES)

    def loss_at(update: int, progress: float) -> tuple[Tensor, str, str]:
        query, gallery = (args.only, args.only) if args.only else objective.draw(update, args.seed)
        # Twice as warm at the start: differences that are still accidental would fold all pictures into one point.
        temperature = args.temperature * max(1.0, 2 - 2 * progress)
        between = min(1.0, 2 * progress)  # pictures look alike only once they have learned from words
        return loss_of(pair, batches.batch(update), query, gallery, temperature, between), query, gallery

    return loop.run(training, loss_at)


if __name__ == "__main__":
    train(options().parse_args())
