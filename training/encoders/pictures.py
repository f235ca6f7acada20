"""Batches of pictures and words: captions, augmentation, and the mask of those that are no negatives.

Notable:
- a row is a caption and two pictures of one name, of two sets if there are two, else one picture drawn twice;
- half of the captions are the name, a third another text of the sets, the rest the name with a synonym of WordNet;
- size, place, colours, background and the weight of lines are drawn again for every picture;
- a batch depends on the seed and its number only, so a resumed run reads the same batches.
"""

import random
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from training.encoders.icons import Icon
from training.encoders.words import WordNet

# What a caption is, and how often.
NAME_SHARE, SYNONYM_SHARE = 0.5, 0.15
# The kinds of other texts, by how often one is taken if a picture has it.
KINDS = {"alias": 3, "tag": 3, "same": 3, "shared": 2}


@dataclass(frozen=True)
class Batch:
    """captions: token ids; two pictures for each, uint8 [n, 64, 64, 3]; same [n, n]: row i's caption, or its picture,
    answers that of row j as well, so the two are no negatives."""

    captions: list[list[int]]
    first: Tensor
    second: Tensor
    same: Tensor


def luminance(colours: Tensor) -> Tensor:
    """[..., 3] in 0..1 -> [...]."""
    return colours @ colours.new_tensor([0.299, 0.587, 0.114])


def over(pixels: Tensor, background: Tensor) -> Tensor:
    """RGBA [n, h, w, 4] in 0..1 over a colour [n, 3] -> RGB [n, h, w, 3]."""
    alpha = pixels[..., 3:]
    return pixels[..., :3] * alpha + background[:, None, None, :] * (1 - alpha)


def on_plain(pixels: np.ndarray) -> np.ndarray:
    """How a picture is embedded in use: over white, or over black if what is visible is nearly white. uint8 in and out.

    pixels: RGBA [n, h, w, 4] -> RGB [n, h, w, 3].
    """
    x = torch.from_numpy(np.array(pixels)).float() / 255
    alpha = x[..., 3]
    lightness = (luminance(x[..., :3]) * alpha).sum((1, 2)) / alpha.sum((1, 2)).clamp_min(1e-6)
    background = (lightness < 0.9).float()[:, None].expand(-1, 3)
    return (over(x, background) * 255).round().to(torch.uint8).numpy()


def is_plain(pixels: Tensor) -> Tensor:
    """Which pictures have one colour, that of the text: those that are black wherever they are visible. [n] bool."""
    return ~((pixels[..., :3] > 5).any(-1) & (pixels[..., 3] > 0)).flatten(1).any(1)


def augment(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Draw size, place, weight of lines, colours and background again. uint8 RGBA [n, h, w, 4] -> uint8 RGB."""
    count = len(pixels)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    scale, shift = 1 / uniform(0.84, 1.06), uniform(-1, 1, 2)
    room = (scale - 1).clamp_min(0)[:, None] * 0.5 + 0.03
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0] = scale * uniform(0.97, 1.03)
    matrix[:, 1, 1] = scale
    matrix[:, :, 2] = shift * room * (uniform(0, 1, 1) < 0.7)
    change = uniform(0, 1)

    white = uniform(0, 1) < 0.8
    background = torch.where(white[:, None], torch.ones(count, 3), uniform(0, 1, 3))
    dark = (~white & (uniform(0, 1) < 0.4))[:, None]
    background = torch.where(dark, background * 0.25, background)
    ink = torch.where((uniform(0, 1) < 0.7)[:, None], torch.zeros(count, 3), uniform(0, 1, 3))
    # If the ink would hardly show, it is black or white, whatever is further from the background.
    light = luminance(background)
    faint = (luminance(ink) - light).abs() < 0.35
    ink = torch.where(faint[:, None], (light < 0.5).float()[:, None].expand(-1, 3), ink)

    def resample(x: Tensor, rows: Tensor) -> Tensor:
        grid = F.affine_grid(matrix[rows], list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, align_corners=False)

    drawn = torch.empty(*pixels.shape[:3], 3, dtype=torch.uint8)
    plain = is_plain(pixels)
    # Most pictures have one colour: only their alpha is resampled, which is a quarter of the work.
    rows = plain.nonzero()[:, 0]
    if len(rows):
        alpha = resample(pixels[rows, None, :, :, 3].float() / 255, rows)
        # Lines a pixel wider or thinner, in one picture of five.
        wider = change[rows] < 0.12
        alpha[wider] = F.max_pool2d(alpha[wider], 3, 1, 1)
        thinner = (change[rows] > 0.9).nonzero()[:, 0]
        thin = -F.max_pool2d(-alpha[thinner], 3, 1, 1)
        stays = thin.sum((1, 2, 3)) > 0.5 * alpha[thinner].sum((1, 2, 3))  # thin strokes would vanish
        alpha[thinner[stays]] = thin[stays]
        low, high = (255 * background[rows])[:, None, None], (255 * ink[rows])[:, None, None]
        drawn[rows] = torch.lerp(low, high, alpha[:, 0, :, :, None]).round_().to(torch.uint8)
    rows = (~plain).nonzero()[:, 0]
    if len(rows):
        x = pixels[rows].float().permute(0, 3, 1, 2) / 255
        # Alpha-weighted colours, so that resampling mixes in no black of what is transparent; on white, mostly.
        x = resample(torch.cat((x[:, :3] * x[:, 3:], x[:, 3:]), dim=1), rows).permute(0, 2, 3, 1)
        behind = torch.where((change[rows] < 0.7)[:, None], torch.ones(len(rows), 3), background[rows])
        colours = x[..., :3] + (1 - x[..., 3:]) * behind[:, None, None]
        drawn[rows] = (colours.clamp_(0, 1) * 255).round_().to(torch.uint8)
    return drawn


class Batches:
    """Batches of `size` rows from the training icons."""

    def __init__(
        self,
        icons: list[Icon],
        pictures: np.ndarray,
        tokenizer: Tokenizer,
        size: int,
        wordnet: WordNet | None = None,
        seed: int = 1,
    ):
        self.rows = [i for i, icon in enumerate(icons) if icon.split == "train"]
        if len(self.rows) < size:
            raise ValueError(f"{len(self.rows)} training pictures; a batch needs {size}")
        self.icons, self.pictures, self.tokenizer = icons, pictures, tokenizer
        self.size, self.wordnet, self.seed = size, wordnet, seed
        self.by_name: dict[str, list[int]] = defaultdict(list)
        for i in self.rows:
            self.by_name[icons[i].name].append(i)

    def __len__(self) -> int:
        return len(self.rows) // self.size

    def caption(self, icon: Icon, rng: random.Random) -> str:
        """A text for the icon; see the module."""
        draw = rng.random()
        if draw < SYNONYM_SHARE and self.wordnet:
            words = icon.name.split()
            place = rng.randrange(len(words))
            synonyms = self.wordnet.synonyms(words[place])[:6]
            if synonyms:
                words[place] = rng.choice(synonyms)
                return " ".join(words)
        kinds = [kind for kind in KINDS if icon.captions.get(kind)]
        if draw < 1 - NAME_SHARE and kinds:
            kind = rng.choices(kinds, [KINDS[kind] for kind in kinds])[0]
            return rng.choice(icon.captions[kind])
        return icon.name

    def same(self, chosen: list[int], captions: list[str]) -> Tensor:
        """[n, n]: two rows with one name or one drawing, or a caption of one that is a text of the other."""
        icons = [self.icons[i] for i in chosen]
        texts = [{icon.name}.union(*icon.captions.values()) for icon in icons]
        answers = np.array([[caption in of for of in texts] for caption in captions])
        names = {text: k for k, text in enumerate({icon.name for icon in icons})}
        name = np.array([names[icon.name] for icon in icons])
        drawing = np.array([icon.same for icon in icons])
        alike = answers | answers.T | (name[:, None] == name) | (drawing[:, None] == drawing)
        return torch.from_numpy(alike)

    def batch(self, number: int) -> Batch:
        """Batch `number`; every icon comes once in `len(self)` batches."""
        epoch, place = divmod(number, len(self))
        order = np.random.default_rng([self.seed, epoch]).permutation(self.rows)
        chosen = order[place * self.size : (place + 1) * self.size].tolist()
        rng = random.Random(f"{self.seed} {number}")
        captions, others = [], []
        for i in chosen:
            icon = self.icons[i]
            captions.append(self.caption(icon, rng))
            of_name = self.by_name[icon.name]
            elsewhere = [k for k in of_name if self.icons[k].set != icon.set]
            others.append(rng.choice(elsewhere or of_name))
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        both = torch.from_numpy(self.pictures[np.array(chosen + others)])
        drawn = augment(both, generator)
        return Batch(
            [encoding.ids for encoding in self.tokenizer.encode_batch(captions)],
            drawn[: self.size],
            drawn[self.size :],
            self.same(chosen, captions),
        )
