"""Pictures and their words: the permissively licensed sets of the Iconify collection, rendered, split, with captions.

The result in build/icons: `icons.jsonl` (one icon a line), `pictures.u8` ([icons, 64, 64, 4] RGBA, black where the icon
takes the colour of the text) and `report.json` (sets with licences, held-out names, why icons were left out).

Notable:
- which set is used follows from its SPDX licence in the package; share-alike, non-commercial and GPL sets are left out;
- held-out sets are never trained on, nor are icons of other sets whose picture is that of a held-out icon;
- a held-out name is in no training caption, neither as a name nor inside one, an alias or a tag;
- names that sets give to the same picture are synonyms: the same drawing when rendered and cropped;
- the same package gives the same bytes.

    python -m training.encoders.icons            # some 10 minutes of one core
    python -m training.encoders.icons --sets     # the table of the sets
"""

import argparse
import hashlib
import io
import json
import re
import sys
import tarfile
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from training import registries
from training.encoders import words
from training.registries import Package, PackageError

MANIFEST = Path(__file__).with_name("icons.toml")
FOLDER = Path("build/icons")
SIZE = 64

# What may be used, changed and shipped in a model under a name of attribution.
PERMISSIVE = registries.PERMISSIVE | {"CC-BY-3.0", "CC-BY-4.0", "OFL-1.1"}

# Two cropped pictures whose cosine is above this are the same drawing; found by looking at pairs around it.
SAME_PICTURE = 0.965
# A cluster of drawings with more names is a plain shape, such as a disc with something small in it: not one drawing.
MOST_NAMES = 12
# Names that are taken from one training set, so that the largest do not drown the others.
NAMES_OF_A_SET = 700
# One in so many icons with strokes is drawn once more with thinner or wider ones.
RESTROKED = 3


@dataclass
class Icon:
    """One picture. `name`: its words without the style; `captions`: other texts for it, by where they come from.

    alias and tag: of its set; same: names of the same drawing in other sets; shared: texts that other sets give its
    name; elsewhere: of a held-out icon only, the names of the same drawing in training sets, which are left out there.
    """

    set: str
    id: str
    name: str
    split: str  # train, or heldout for an icon of a held-out set
    category: str = ""
    captions: dict[str, list[str]] = field(default_factory=dict)
    same: int = -1  # the cluster of the same drawing
    stroke: float = 1.0  # the width of its strokes, as a multiple of what the set draws


@dataclass(frozen=True)
class Drawing:
    """An icon's source: SVG elements inside a view box."""

    body: str
    left: float
    top: float
    width: float
    height: float

    def svg(self, stroke: float = 1.0) -> str:
        """A whole SVG, black where the icon takes the colour of the text; strokes `stroke` times as wide."""
        body = self.body
        if stroke != 1.0:
            body = re.sub(r'stroke-width="([\d.]+)"', lambda m: f'stroke-width="{float(m[1]) * stroke:.4g}"', body)
        box = f"{self.left:g} {self.top:g} {self.width:g} {self.height:g}"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'width="{SIZE}" height="{SIZE}" viewBox="{box}" color="#000">{body}</svg>'
        )


def render(svg: str) -> np.ndarray | None:
    """[64, 64, 4] uint8 RGBA; None if the renderer refuses it or nothing is visible."""
    import resvg_py
    from PIL import Image

    try:
        png = resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True)
    except ValueError:
        return None
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))
    if pixels.shape != (SIZE, SIZE, 4) or (pixels[..., 3] > 32).sum() < 12:
        return None
    return pixels


def manifest(path: Path = MANIFEST) -> dict:
    return tomllib.loads(path.read_text())


def archive_of(row: dict, folder: Path) -> Path:
    return registries.fetch(Package(row["name"], row["version"], row["licence"]), folder / "tarballs")


def allowed(info: dict, prefix: str, rules: dict) -> str | None:
    """Why a set is left out; None if it may be used. info: the set's description in the package."""
    licence = info["license"].get("spdx") or info["license"].get("title", "unknown")
    if licence not in PERMISSIVE:
        return f"licence {licence}"
    if prefix in rules["left_out"]["sets"]:
        return rules["left_out"]["sets"][prefix]
    if info.get("category") in rules["left_out"]["categories"]:
        return info["category"].lower()
    return None


def sets_of(archive: Path) -> Iterator[dict]:
    """Every set of the collection, one after the other, in the order of their names."""
    with tarfile.open(archive) as opened:
        for member in opened:
            if member.name.startswith("package/json/") and member.isfile():
                yield json.load(opened.extractfile(member))


BOX = {"left": 0, "top": 0, "width": 16, "height": 16}  # the collection's defaults
_BRAND = re.compile(r"^(brand|logo|logos|ibm|flag|flags)-|-(logo|brand|skin-tone)(-|$)|skin-tone")


def digest(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest(), 16)


def drawings(raw: dict, split: str, most: int | None = None) -> tuple[list[tuple[Icon, Drawing]], Counter]:
    """The icons of a set that are used, and why others are not: no brands, nothing hidden, one drawing of a name.

    most: names of the set, a held-out one too; without it all of a held-out set, `NAMES_OF_A_SET` of another.
    """
    prefix, left_out = raw["prefix"], Counter()
    affixes = tuple(key for kind in ("suffixes", "prefixes") for key in raw.get(kind) or {} if key)
    categories = {}
    for category, names in (raw.get("categories") or {}).items():
        for name in names:
            categories.setdefault(name, category)
    aliases = defaultdict(list)
    for alias, row in (raw.get("aliases") or {}).items():
        if set(row) == {"parent"}:  # no turned or mirrored copy
            aliases[row["parent"]].append(words.of_name(alias, affixes))
    by_text = defaultdict(list)
    for name, row in raw["icons"].items():
        text = words.of_name(name, affixes)
        category = categories.get(name, "")
        if row.get("hidden"):
            left_out["hidden"] += 1
        elif _BRAND.search(name) or re.search(r"brand|logo|flags", category, re.IGNORECASE):
            left_out["brand, logo, flag or skin tone"] += 1
        elif not text:
            left_out["name without words, or longer than six"] += 1
        else:
            by_text[text].append(name)
    texts = sorted(by_text)
    if split == "train":
        most = min(most or NAMES_OF_A_SET, NAMES_OF_A_SET)
    if most:
        texts = sorted(sorted(texts, key=lambda text: digest(prefix + text))[:most])
    kept = []
    for text in texts:
        # Held out: the plain drawing, which has the shortest name. For training any style, by a hash.
        plain = min(by_text[text], key=lambda n: (len(n), n))
        name = min(by_text[text], key=digest) if split == "train" else plain
        row = raw["icons"][name]
        box = [row.get(key, raw.get(key, default)) for key, default in BOX.items()]
        captions = {"alias": sorted({a for a in aliases[name] if a and a != text})}
        kept.append((Icon(prefix, name, text, split, categories.get(name, ""), captions), Drawing(row["body"], *box)))
    left_out["more names of a set, or variants of a name"] = sum(map(len, by_text.values())) - len(kept)
    return kept, left_out


def tags_of(row: dict, archive: Path) -> dict[str, list[str]]:
    """Name of an icon -> the words that its set's own package gives it."""
    with tarfile.open(archive) as opened:
        members = {m.name.replace("/./", "/"): m for m in opened if m.isfile()}

        def text(path: str) -> str:
            return opened.extractfile(members[f"package/{path}"]).read().decode()

        match row["name"]:
            case "@mdi/svg":
                found = {icon["name"]: icon["aliases"] for icon in json.loads(text("meta.json"))}
            case "@tabler/icons":
                found = {name: icon.get("tags") or [] for name, icon in json.loads(text("icons.json")).items()}
            case "lucide-static":
                found = json.loads(text("tags.json"))
            case "emojilib":
                lists = json.loads(text("dist/emoji-en-US.json")).values()
                found = {tags[0].replace("_", "-"): tags[1:] for tags in lists if tags}
            case "@phosphor-icons/core":
                rows = re.findall(r'name: "([^"]+)",\s+pascal_name.*?tags: \[([^\]]*)\]', text("dist/index.mjs"), re.S)
                found = {name: re.findall(r'"([^"*]+)"', tags) for name, tags in rows}
            case unknown:
                raise PackageError(f"{MANIFEST.name}: no reader for the words of {unknown}; add one to tags_of")
    return {
        name: list(dict.fromkeys(t for tag in tags if (t := words.of_name(str(tag)))))
        for name, tags in found.items()
    }  # fmt: skip


def held_out_names(icons: Iterable[Icon], held_sets: set[str], one_of: int) -> list[str]:
    """Names to hold out, by a hash: of those that a held-out and two training sets have and that are not common.

    A name of one word is a word unseen as a whole; a name of several is mostly a new combination of words seen.
    """
    sets_with, icons_with = defaultdict(set), Counter()
    for icon in icons:
        sets_with[icon.name].add(icon.set)
        icons_with.update({word for word in words.stems(icon.name)})
    chosen = []
    for name, sets in sorted(sets_with.items()):
        rare = len(name.split()) > 1 or icons_with[words.stem(name)] <= 100
        if sets & held_sets and len(sets - held_sets) >= 2 and rare:
            if digest(name) % one_of == 0:
                chosen.append(name)
    return chosen


class HeldOut:
    """Whether a text has a held-out name in it."""

    def __init__(self, names: Iterable[str]):
        self._by_first = defaultdict(list)
        for name in names:
            self._by_first[words.stems(name)[0]].append(name)

    def find(self, text: str) -> str | None:
        for word in words.stems(text):
            for name in self._by_first.get(word, ()):
                if words.contains(text, name):
                    return name
        return None


def cropped(pixels: np.ndarray, size: int = 24) -> np.ndarray:
    """The drawing cropped to what is visible and fitted into a square, over white and black: [size * size * 4] float32.

    Its mean is 0 and its length 1, so that the product of two is their correlation.
    """
    from PIL import Image

    visible = pixels[..., 3] > 32
    rows, columns = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
    part = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = size / max(part.shape[:2])
    shape = [max(1, round(n * scale)) for n in part.shape[1::-1]]
    small = np.asarray(Image.fromarray(part).resize(shape, Image.Resampling.BOX), dtype=np.float32)
    canvas = np.zeros((size, size, 4), dtype=np.float32)
    top, left = (size - small.shape[0]) // 2, (size - small.shape[1]) // 2
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    alpha = canvas[..., 3:] / 255
    return unit(np.concatenate((alpha, alpha * canvas[..., :3] / 255), axis=-1).ravel())


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows with mean 0 and length 1."""
    centred = vectors - vectors.mean(axis=-1, keepdims=True)
    return centred / np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-6)


def same_drawings(drawn: np.ndarray, threshold: float = SAME_PICTURE, chunk: int = 1024) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of rows of `cropped` whose correlation is above the threshold. drawn: [n, size * size * 4].

    Candidates are found at a third of the size, because the cost is that of all pairs.
    """
    size = round((drawn.shape[1] / 4) ** 0.5)
    blocks = drawn.reshape(len(drawn), size // 3, 3, size // 3, 3, 4)
    coarse = unit(
        np.concatenate(
            [
                b.astype(np.float32).mean(axis=(2, 4)).reshape(len(b), -1)
                for b in np.array_split(blocks, max(1, len(blocks) // 4096))
            ]
        )
    )
    coarse = unit(coarse.reshape(len(coarse), -1, 4)[..., [0, 2]].reshape(len(coarse), -1))  # alpha and green
    pairs = []
    for start in tqdm(range(0, len(drawn), chunk), desc="same drawings", file=sys.stderr):
        rows, columns = np.nonzero(coarse[start : start + chunk] @ coarse[start:].T > threshold - 0.01)
        keep = rows < columns
        rows, columns = start + rows[keep], start + columns[keep]
        for a, b in zip(
            np.array_split(rows, len(rows) // 4096 + 1), np.array_split(columns, len(rows) // 4096 + 1), strict=True
        ):
            exact = np.einsum("nd,nd->n", drawn[a].astype(np.float32), drawn[b].astype(np.float32)) > threshold
            pairs += zip(a[exact].tolist(), b[exact].tolist(), strict=True)
    return pairs


def clusters(count: int, pairs: list[tuple[int, int]]) -> list[int]:
    """For each of `count` items the first item that it is connected with."""
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for a, b in pairs:
        a, b = sorted((root(a), root(b)))
        parent[b] = a
    return [root(i) for i in range(count)]


def describe(icons: list[Icon], held: HeldOut) -> Counter:
    """Join captions of training icons: of the same name and of the same drawing. Held-out texts are dropped."""
    dropped = Counter()
    by_name, by_drawing = defaultdict(Counter), defaultdict(Counter)
    training = [icon for icon in icons if icon.split == "train"]
    for icon in training:
        for kind, texts in icon.captions.items():
            icon.captions[kind] = [text for text in texts if not held.find(text)]
            dropped["captions with a held-out name"] += len(texts) - len(icon.captions[kind])
            by_name[icon.name].update(icon.captions[kind])
        by_drawing[icon.same].update({icon.name})
    for number, icon in enumerate(training):
        own = {icon.name}.union(*icon.captions.values())
        drawing = by_drawing[icon.same]
        if len(drawing) <= MOST_NAMES:
            same = sorted(set(drawing) - own)
        else:
            same, icon.same = [], -2 - number
        # A text that several sets give to the name first.
        shared = [text for text, _ in by_name[icon.name].most_common(16) if text not in own and text not in same]
        icon.captions |= {"same": same, "shared": shared[:8]}
    return dropped


def build(folder: Path = FOLDER, rules: dict | None = None, most: int | None = None) -> dict:
    """Write icons.jsonl, pictures.u8 and report.json; return the report. Errors: `PackageError`, `OSError`.

    most: names of a set (`drawings`).
    """
    rules = rules or manifest()
    folder.mkdir(parents=True, exist_ok=True)
    held_sets = set(rules["split"]["held_out"])
    collection = archive_of(rules["collection"], folder)
    tags = {row["set"]: tags_of(row, archive_of(row, folder)) for row in rules["words"]}
    found, left_out, sets = [], Counter(), []
    for raw in tqdm(sets_of(collection), desc="sets", file=sys.stderr):
        prefix, info = raw["prefix"], raw["info"]
        reason = allowed(info, prefix, rules)
        split = "heldout" if prefix in held_sets else "train"
        kept, counts = ([], Counter()) if reason else drawings(raw, split, most)
        left_out.update(counts)
        found += kept
        sets.append(
            {"set": prefix, "name": info["name"], "author": info["author"]["name"], "url": info["author"].get("url"),
             "version": info.get("version"), "licence": info["license"].get("spdx") or info["license"]["title"],
             "icons": len(raw["icons"]), "used": 0, "split": split,
             "left_out": reason}
        )  # fmt: skip
    missing = held_sets - {row["set"] for row in sets if not row["left_out"]}
    if missing:
        raise PackageError(
            f"{MANIFEST.name}: held-out sets that are not used or not there: {', '.join(sorted(missing))}"
        )
    names = held_out_names((icon for icon, _ in found), held_sets, rules["split"]["held_out_one_of"])
    held = HeldOut(names)
    icons, sources = [], []
    for icon, drawing in found:
        icon.captions["tag"] = tags.get(icon.set, {}).get(icon.id.removesuffix("-filled").removesuffix("-fill"), [])
        if icon.split == "train" and held.find(icon.name):
            left_out["a held-out name"] += 1
        else:
            icons.append(icon)
            sources.append(drawing)

    # Held-out icons first: a training icon with the picture of one of them is the second of the pair.
    order = sorted(range(len(icons)), key=lambda i: icons[i].split != "heldout")
    part, rows, vectors = folder / "pictures.part", [], []
    with open(part, "wb") as sink:
        for i in tqdm(order, desc="rendering", file=sys.stderr):
            pixels = render(sources[i].svg())
            if pixels is None:
                left_out["not rendered, or empty"] += 1
                continue
            sink.write(pixels.tobytes())
            rows.append(i)
            vectors.append(cropped(pixels).astype(np.float16))
    pairs = same_drawings(np.stack(vectors))
    ordered = [icons[i] for i in rows]
    held_count = sum(icon.split == "heldout" for icon in ordered)
    copies = {j for i, j in pairs if i < held_count <= j}
    left_out["the picture of a held-out icon"] = len(copies)
    for i, j in pairs:
        if i < held_count <= j and ordered[j].name != ordered[i].name:
            ordered[i].captions.setdefault("elsewhere", []).append(ordered[j].name)
    for icon, cluster in zip(ordered, clusters(len(ordered), [p for p in pairs if p[1] not in copies]), strict=True):
        icon.same = cluster
    keep = [k for k in range(len(ordered)) if k not in copies]
    dropped = describe([ordered[k] for k in keep], held)

    stored = np.memmap(part, dtype=np.uint8, mode="r", shape=(len(ordered), SIZE, SIZE, 4))
    pictures = folder / "pictures.u8.part"
    written = []
    with open(pictures, "wb") as sink:
        for k in tqdm(keep, desc="strokes", file=sys.stderr):
            icon = ordered[k]
            sink.write(stored[k].tobytes())
            written.append(icon)
            strokes = 'stroke-width="' in sources[rows[k]].body
            if icon.split == "train" and strokes and digest(icon.id + icon.set) % RESTROKED == 0:
                stroke = (0.6, 1.5)[digest(icon.id) % 2]
                pixels = render(sources[rows[k]].svg(stroke))
                if pixels is not None:
                    sink.write(pixels.tobytes())
                    written.append(Icon(**(asdict(icon) | {"stroke": stroke})))
    del stored
    part.unlink()
    with open(folder / "icons.jsonl.part", "w") as sink:
        sink.writelines(json.dumps(asdict(icon)) + "\n" for icon in written)
    used = Counter(icon.set for icon in written if icon.stroke == 1.0)
    for row in sets:
        row["used"] = used[row["set"]]
    report = {
        "size": SIZE, "pictures": len(written), "sets": sets, "held_out_names": names,
        "left_out": dict(sorted((left_out + dropped).items())),
        "splits": dict(Counter(icon.split for icon in written)),
        "digest": training_digest(written),
    }  # fmt: skip
    for name in ("pictures.u8", "icons.jsonl"):
        (folder / f"{name}.part").rename(folder / name)
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    return report


def training_digest(icons: list[Icon]) -> str:
    """Of what training reads, so that a run is only resumed on the same data."""
    rows = [json.dumps(asdict(icon)) for icon in icons if icon.split == "train"]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def load(folder: Path = FOLDER) -> tuple[list[Icon], np.ndarray, dict]:
    """(icons, [icons, 64, 64, 4] uint8 RGBA read from disk as needed, report). Exits if the data is not there."""
    if not (folder / "report.json").exists():
        raise SystemExit(f"{folder}: no report.json; make the pictures with python -m training.encoders.icons")
    with open(folder / "icons.jsonl") as lines:
        icons = [Icon(**json.loads(line)) for line in lines]
    pictures = np.memmap(folder / "pictures.u8", dtype=np.uint8, mode="r")
    if pictures.size != len(icons) * SIZE * SIZE * 4:
        raise SystemExit(f"{folder}: pictures.u8 does not match icons.jsonl; delete both and make them again")
    return icons, pictures.reshape(-1, SIZE, SIZE, 4), json.loads((folder / "report.json").read_text())


def table(sets: list[dict]) -> str:
    """The sets that are used, with attribution, and those that are not, with the reason."""
    lines = ["| Set | Author | Licence | Version | Pictures used | Split |", "| --- | --- | --- | --- | ---: | --- |"]
    for row in sorted(sets, key=lambda r: (r["split"] != "heldout", -r["used"])):
        if not row["left_out"]:
            author = f"[{row['author']}]({row['url']})" if row["url"] else row["author"]
            lines.append(
                f"| {row['name']} (`{row['set']}`) | {author} | {row['licence']} | {row['version'] or 'none'} "
                f"| {row['used']:,} | {'held out' if row['split'] == 'heldout' else 'training'} |"
            )
    reasons = defaultdict(list)
    for row in sets:
        if row["left_out"]:
            reasons[row["left_out"]].append(f"`{row['set']}`")
    lines += ["", "| Left out because of | Sets |", "| --- | --- |"]
    lines += [f"| {reason} | {', '.join(names)} |" for reason, names in sorted(reasons.items())]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--of-a-set", type=int, help="at most so many names of each set, for a trial")
    parser.add_argument("--sets", action="store_true", help="print the table of the sets of data that is there")
    args = parser.parse_args()
    try:
        report = load(args.out)[2] if args.sets else build(args.out, most=args.of_a_set)
    except PackageError as error:
        raise SystemExit(f"icons: {error}") from None
    except OSError as error:
        raise SystemExit(f"icons: {error}; free some space and run this again") from None
    if args.sets:
        print(table(report["sets"]), end="")
    else:
        print(f"{args.out}: {report['pictures']:,} pictures, {report['splits']}, "
              f"{len(report['held_out_names'])} held-out names")  # fmt: skip
        print("\n".join(f"  left out: {count:,} {reason}" for reason, count in report["left_out"].items()))


if __name__ == "__main__":
    main()
