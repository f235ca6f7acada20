"""The tables of the picture encoder: icons of held-out sets by words and by pictures, against search in file names.

Four tasks, all in sets that were never trained on:
- names: an icon by its own name, as it is written in its set; file names are the answer here;
- tags: an icon by a word that people gave it for searching and that is no word of its name (sets lucide and ph);
- drawings: an icon by the name that another set gives to the same drawing;
- pictures: an icon by the picture of the same name in another held-out set.

Notable:
- a query is right if an icon that has the text, or the name, is among the first k;
- *unseen*: the text is in no caption of the training pictures; *held out*: it is one of the names that were held out;
- the gallery of the adaptive table is embedded by XL, once;
- file names are searched as editors do, by substring, and by BM25 on the words of the name.

    python -m training.encoders.evaluate_pictures --run build/encoders/pictures --twins build/encoders/twin
    python -m training.encoders.evaluate_pictures --models models/encoders      # the shipped int8 weights
    python -m training.encoders.evaluate_pictures --tasks build/encoders/picture-tasks    # for bench/pictures.mts
"""

import argparse
import itertools
import json
import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from training.encoders import icons as icon_data
from training.encoders import retrieval, words
from training.encoders.export import load_exported
from training.encoders.icons import Icon, digest
from training.encoders.pictures import on_plain
from training.encoders.train_pictures import Pair, load_run
from training.model import GRANULARITIES

TAGGED = ("lucide", "ph")  # the held-out sets with words of their own


@dataclass(frozen=True)
class Task:
    """Queries and the icons that answer them. Queries are texts, or indices of icons.

    gallery: indices of icons; correct: bool [queries, gallery]; groups: names of subsets -> bool [queries].
    """

    queries: list
    gallery: np.ndarray
    correct: np.ndarray
    groups: dict[str, np.ndarray]


def sample(items: list, most: int) -> list:
    """At most so many, the same each time."""
    return items if len(items) <= most else random.Random(1).sample(items, most)


def captions_of_training(icons: list[Icon]) -> set[str]:
    return {t for i in icons if i.split == "train" for t in (i.name, *(t for k in i.captions.values() for t in k))}


def text_task(texts: dict[str, set[int]], gallery: list[int], seen: set[str], held: set[str], most: int) -> Task:
    """texts: query -> the icons that answer it."""
    queries = sample(sorted(texts), most)
    place = {icon: k for k, icon in enumerate(gallery)}
    correct = np.zeros((len(queries), len(gallery)), dtype=bool)
    for row, query in enumerate(queries):
        correct[row, [place[i] for i in texts[query]]] = True
    known = {word for text in seen for word in text.split()}
    groups = {
        "all": np.ones(len(queries), dtype=bool),
        "unseen": np.array([query not in seen for query in queries]),
        "unseen, of words that are not": np.array(
            [query not in seen and all(word in known for word in query.split()) for query in queries]
        ),
        "held out": np.array([query in held for query in queries]),
    }
    return Task(queries, np.array(gallery), correct, groups)


def shares_word(text: str, name: str) -> bool:
    return bool(set(words.stems(text)) & set(words.stems(name)))


def gallery_of(icons: list[Icon], of_a_set: int) -> list[int]:
    """The held-out icons, at most so many of a set: those whose names come first by a hash, the same in every set."""
    by_set = defaultdict(list)
    for k, icon in enumerate(icons):
        if icon.split == "heldout":
            by_set[icon.set].append(k)
    chosen = [k for rows in by_set.values() for k in sorted(rows, key=lambda k: digest(icons[k].name))[:of_a_set]]
    return sorted(chosen)


def tasks_of(icons: list[Icon], gallery: list[int], held_names: list[str], most: int) -> dict[str, Task]:
    seen, held = captions_of_training(icons), set(held_names)
    names, tags, drawings = defaultdict(set), defaultdict(set), defaultdict(set)
    for k in gallery:
        names[icons[k].name].add(k)
        for text in icons[k].captions.get("elsewhere", []):
            drawings[text].add(k)
    tagged = [k for k in gallery if icons[k].set in TAGGED]
    for k in tagged:
        for tag in icons[k].captions.get("tag", []):
            tags[tag].add(k)
    # A word of the icon's own name is no synonym, and no answer to one.
    tags = {tag: {k for k in found if not shares_word(tag, icons[k].name)} for tag, found in tags.items()}
    tasks = {
        "names": text_task(names, gallery, seen, held, most),
        "tags": text_task({t: f for t, f in tags.items() if f}, tagged, seen, held, most),
        "drawings": text_task(drawings, gallery, seen, held, most),
    }
    sets_with = defaultdict(set)
    for k in gallery:
        sets_with[icons[k].name].add(icons[k].set)
    asked = sample([k for k in gallery if len(sets_with[icons[k].name]) > 1], most)
    name, of_set = (np.array([getattr(icons[k], key) for k in gallery]) for key in ("name", "set"))
    correct = np.array([(name == icons[k].name) & (of_set != icons[k].set) for k in asked])
    known = {icon.name for icon in icons if icon.split == "train"}
    tasks["pictures"] = Task(
        asked, np.array(gallery), correct,
        {"all": np.ones(len(asked), dtype=bool), "unseen": np.array([icons[k].name not in known for k in asked]),
         "held out": np.array([icons[k].name in held for k in asked])},
    )  # fmt: skip
    return {label: task for label, task in tasks.items() if task.queries}


class Embedder:
    """Embeddings of one pair of towers, each made once."""

    def __init__(self, pair: Pair, tokenizer: Tokenizer, gallery: list[int], pictures: np.ndarray):
        self.pair, self.tokenizer, self.gallery = pair, tokenizer, np.array(gallery)
        self.place = {k: row for row, k in enumerate(self.gallery)}
        parts = np.array_split(self.gallery, len(self.gallery) // 256 + 1)
        self.pixels = np.concatenate([on_plain(pictures[part]) for part in parts])
        self.made: dict[str, np.ndarray] = {}

    @torch.inference_mode()
    def pictures(self, widths: list[int], indices: np.ndarray | list[int]) -> np.ndarray:
        key, rows = str(widths), [self.place[k] for k in indices]
        if key not in self.made:
            # The gallery as a whole is kept; a few of its pictures are embedded by themselves.
            chosen = range(len(self.pixels)) if 4 * len(rows) > len(self.pixels) else rows
            parts = [self.embed(chosen[a : a + 256], widths) for a in range(0, len(chosen), 256)]
            if chosen is rows:
                return np.concatenate(parts)
            self.made[key] = np.concatenate(parts)
        return self.made[key][rows]

    def embed(self, rows: list[int] | range, widths: list[int]) -> np.ndarray:
        return self.pair.pictures.embed_pictures(torch.from_numpy(self.pixels[np.array(rows)]), widths).numpy()

    @torch.inference_mode()
    def texts(self, widths: list[int], texts: list[str]) -> np.ndarray:
        ids = [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]
        return np.concatenate(
            [self.pair.words.embed_tokens(ids[a : a + 1024], widths).numpy() for a in range(0, len(ids), 1024)]
        )

    def queries(self, task: Task, name: str) -> np.ndarray:
        if isinstance(task.queries[0], str):
            return self.texts(self.pair.words.config.widths(name), task.queries)
        return self.pictures(self.pair.pictures.config.widths(name), task.queries)

    def answers(self, task: Task, name: str) -> np.ndarray:
        return self.pictures(self.pair.pictures.config.widths(name), task.gallery)


def figures(task: Task, found: np.ndarray) -> dict:
    """The measures by subset of the queries, with the 95 % interval of recall@10."""
    table = {}
    for group, chosen in task.groups.items():
        if chosen.any():
            ranks = found[chosen]
            table[group] = retrieval.summary(ranks) | {
                "interval": retrieval.bootstrap((ranks <= 10).astype(float)), "queries": int(chosen.sum()),
            }  # fmt: skip
    return table


def excluded(task: Task, icons: list[Icon]) -> np.ndarray | None:
    """Entries that a query by picture does not count: those of its own set."""
    if isinstance(task.queries[0], str):
        return None
    of_set = np.array([icons[k].set for k in task.gallery])
    return np.stack([of_set == icons[k].set for k in task.queries])


def ranks(queries: np.ndarray, gallery: np.ndarray, task: Task, not_counted: np.ndarray | None) -> np.ndarray:
    scores = queries @ gallery.T
    if not_counted is not None:
        scores[not_counted] = -np.inf
    return retrieval.ranks_of(scores, task.correct)


# --- search in file names ---


def substring_scores(queries: list[str], names: list[str]) -> np.ndarray:
    """As an editor's picker finds files: all words are in the name; exact, then short names. 0: not found."""
    scores = np.zeros((len(queries), len(names)), dtype=np.float32)
    for row, query in enumerate(queries):
        parts = query.split()
        for column, name in enumerate(names):
            if all(part in name for part in parts):
                scores[row, column] = 2.0 if name == query else 1 / len(name)
    return scores


def bm25_scores(queries: list[str], names: list[str]) -> np.ndarray:
    import bm25s

    def stems(texts: list[str]) -> list[list[str]]:
        return [list(words.stems(text)) for text in texts]

    index = bm25s.BM25()
    index.index(stems(names), show_progress=False)
    # A word that no name has is left out; a query of such words only finds nothing.
    return np.stack([index.get_scores(query) for query in stems(queries)])


def file_names(task: Task, icons: list[Icon], scorer) -> np.ndarray:
    names = [icons[k].name for k in task.gallery]
    scores = scorer(task.queries, names)
    found = retrieval.ranks_of(scores, task.correct)
    best = np.where(task.correct, scores, 0).max(axis=1)
    found[best <= 0] = len(names) + 1  # not found at all
    return found


def mixes_of(layers: int) -> dict[str, list[str]]:
    """Widths that were never trained: neighbouring granularities, the wider ones last (MatFormer, section 3.3)."""
    half = layers // 2
    return {f"{low}{high}": [low] * half + [high] * (layers - half) for low, high in itertools.pairwise(GRANULARITIES)}


def categories(embedder: Embedder, icons: list[Icon], name: str) -> float:
    """5-nearest-neighbour accuracy of the category, in the held-out sets that have them, without the icon itself."""
    right, total = 0.0, 0
    by_set = defaultdict(list)
    for k in embedder.gallery:
        if icons[k].category:
            by_set[icons[k].set].append(k)
    for chosen in by_set.values():
        vectors = embedder.pictures(embedder.pair.pictures.config.widths(name), chosen)
        labels = np.array([icons[k].category for k in chosen])
        scores = vectors @ vectors.T
        np.fill_diagonal(scores, -np.inf)
        nearest = np.argsort(-scores, axis=1)[:, :5]
        for label, entries in zip(labels, nearest, strict=True):
            found, counts = np.unique(labels[entries], return_counts=True)
            best = found[counts == counts.max()]
            right += label in best and (label == next(x for x in labels[entries] if x in best))
            total += 1
    return right / total if total else float("nan")


def evaluate(
    embedder: Embedder, twins: dict[str, tuple[str, Embedder]], icons: list[Icon], tasks: dict[str, Task]
) -> dict:
    """The tables. twins: label of the row -> (granularity, embeddings)."""
    report: dict = {"tasks": {}, "categories": {}}
    xl = GRANULARITIES[-1]
    for label, task in tasks.items():
        not_counted = excluded(task, icons)
        gallery = embedder.answers(task, xl)
        rows: dict = {"same size": {}, "gallery of XL": {}, "prefixes": {}, "mixes": {}, "file names": {}}
        for name in GRANULARITIES:
            queries = embedder.queries(task, name)
            rows["same size"][name] = figures(task, ranks(queries, embedder.answers(task, name), task, not_counted))
            rows["gallery of XL"][name] = figures(task, ranks(queries, gallery, task, not_counted))
            for size in embedder.pair.words.config.prefixes if name in ("S", xl) else ():
                cut = [retrieval.prefix(x, size) for x in (queries, gallery)]
                rows["prefixes"][f"{name} {size}"] = figures(task, ranks(*cut, task, not_counted))
        for label_of_twin, (name, twin) in twins.items():
            queries = twin.queries(task, name)
            rows["same size"][label_of_twin] = figures(
                task, ranks(queries, twin.answers(task, name), task, not_counted)
            )
            rows["gallery of XL"][label_of_twin] = figures(task, ranks(queries, gallery, task, not_counted))
        for name, layers in mixes_of(embedder.pair.pictures.config.shape.layers).items():
            widths = [embedder.pair.pictures.config.widths(g)[k] for k, g in enumerate(layers)]
            if not isinstance(task.queries[0], str):
                queries = embedder.pictures(widths, task.queries)
            else:
                shape = mixes_of(embedder.pair.words.config.shape.layers)[name]
                queries = embedder.texts(
                    [embedder.pair.words.config.widths(g)[k] for k, g in enumerate(shape)], task.queries
                )
            rows["mixes"][name] = figures(task, ranks(queries, gallery, task, not_counted))
        if isinstance(task.queries[0], str):
            rows["file names"]["substring"] = figures(task, file_names(task, icons, substring_scores))
            rows["file names"]["BM25"] = figures(task, file_names(task, icons, bm25_scores))
        report["tasks"][label] = rows
    for name in GRANULARITIES:
        report["categories"][name] = categories(embedder, icons, name)
    for label, (name, twin) in twins.items():
        report["categories"][label] = categories(twin, icons, name)
    return report


def markdown(report: dict) -> str:
    lines = []
    for task, tables in report["tasks"].items():
        for table, rows in tables.items():
            if not rows:
                continue
            groups = list(next(iter(rows.values())))
            counts = ", ".join(f"{g} {next(iter(rows.values()))[g]['queries']}" for g in groups)
            lines += [f"\n{task}, {table} (queries: {counts})\n"]
            lines += [f"| | {' | '.join(f'{g}: @1 | @10 | MRR' for g in groups)} |"]
            lines += [f"| --- |{' ---: |' * 3 * len(groups)}"]
            for name, row in rows.items():
                cells = [
                    f"{100 * row[g]['recall@1']:.1f} | {100 * row[g]['recall@10']:.1f} "
                    f"({100 * row[g]['interval'][0]:.1f} to {100 * row[g]['interval'][1]:.1f}) | {row[g]['mrr']:.3f}"
                    for g in groups
                ]
                lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["\n5-NN accuracy of the category: "
              + ", ".join(f"{name} {100 * share:.1f}" for name, share in report["categories"].items())]  # fmt: skip
    return "\n".join(lines) + "\n"


def plot(report: dict, out: Path) -> None:
    """Recall@10 in the gallery of XL, by the size of the query, with intervals."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(report["tasks"]), figsize=(3.1 * len(report["tasks"]), 3.2))
    for axis, (task, tables) in zip(np.atleast_1d(axes), report["tasks"].items(), strict=True):
        for table, style in (("same size", "o--"), ("gallery of XL", "s-")):
            rows = [tables[table][name]["all"] for name in GRANULARITIES]
            values = [100 * row["recall@10"] for row in rows]
            errors = np.array([[100 * (r["recall@10"] - r["interval"][0]), 100 * (r["interval"][1] - r["recall@10"])] for r in rows]).T  # fmt: skip  # noqa: E501
            axis.errorbar(GRANULARITIES, values, errors.clip(0), fmt=style, capsize=3, label=table)
        for name in GRANULARITIES:
            for table, marker in (("same size", "^"), ("gallery of XL", "v")):
                if row := tables[table].get(f"twin of {name}"):
                    label = f"twin, {table}" if name == GRANULARITIES[0] else None
                    axis.plot([name], [100 * row["all"]["recall@10"]], marker, color="tab:red", label=label, mfc="none")
        for name, style in (("substring", ":"), ("BM25", "-.")):
            if (row := tables["file names"].get(name)) and task != "names":  # there it is the answer itself
                axis.axhline(100 * row["all"]["recall@10"], color="gray", linestyle=style, label=f"file names, {name}")
        axis.set_title(task)
        axis.set_ylim(0)
        axis.grid(alpha=0.3)
    np.atleast_1d(axes)[0].set_ylabel("recall@10, %")
    handles = dict(zip(*reversed(np.atleast_1d(axes)[1].get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), fontsize=7, ncols=len(handles), loc="upper center")
    figure.supxlabel("size of the query")
    figure.tight_layout(rect=(0, 0, 1, 0.93))
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=130)


def write_tasks(folder: Path, icons: list[Icon], pictures: np.ndarray, gallery: list[int], tasks: dict[str, Task]):
    """The tasks by words for the search of the product, which embeds and ranks with its own code.

    tasks.json: the gallery's names and sets; by task its queries, its part of the gallery and the answers, both as
    numbers in the gallery. gallery.u8: [gallery, 64, 64, 3], as the encoder reads pictures.
    """
    place = {icon: row for row, icon in enumerate(gallery)}

    def written(task: Task) -> dict:
        rows = [place[k] for k in task.gallery.tolist()]
        answers = [[rows[column] for column in np.flatnonzero(row)] for row in task.correct]
        return {"queries": task.queries, "gallery": rows, "answers": answers}

    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "gallery.u8", "wb") as out:
        for part in np.array_split(gallery, len(gallery) // 256 + 1):
            out.write(on_plain(pictures[part]).tobytes())
    by_words = {label: written(task) for label, task in tasks.items() if isinstance(task.queries[0], str)}
    named = [{"set": icons[k].set, "name": icons[k].name} for k in gallery]
    (folder / "tasks.json").write_text(json.dumps({"gallery": named, "tasks": by_words}) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--icons", type=Path, default=icon_data.FOLDER)
    parser.add_argument("--run", type=Path, help="a training run, in float32")
    parser.add_argument("--models", type=Path, default=Path("models/encoders"), help="folder of `pictures` and `words`")
    parser.add_argument(
        "--twins", type=Path, nargs="*", default=[], help="runs of twins, without the -S, -M, -L or -XL of their names"
    )
    parser.add_argument("--queries", type=int, default=1000, help="at most so many a task")
    parser.add_argument("--of-a-set", type=int, default=1_000_000, help="at most so many icons of each held-out set")
    parser.add_argument("--out", type=Path, default=Path("build/encoders/pictures.json"))
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--tasks", type=Path, help="write the tasks here, for bench/pictures.mts, and end")
    args = parser.parse_args()
    icons, pictures, data = icon_data.load(args.icons)
    gallery = gallery_of(icons, args.of_a_set)
    tasks = tasks_of(icons, gallery, data["held_out_names"], args.queries)
    if args.tasks:
        write_tasks(args.tasks, icons, pictures, gallery, tasks)
        return
    if args.run:
        pair, tokenizer = load_run(args.run)
    else:
        pair = Pair(load_exported(args.models / "pictures"), load_exported(args.models / "words"))
        tokenizer = Tokenizer.from_file(str(args.models / "words" / "tokenizer.json"))
    embedder, twins = Embedder(pair, tokenizer, gallery, pictures), {}
    for prefix in args.twins:
        for name in GRANULARITIES:
            folder = prefix.with_name(f"{prefix.name}-{name}")
            if (folder / "checkpoint.pt").exists():
                twins[f"{prefix.name} of {name}"] = (name, Embedder(*load_run(folder), gallery, pictures))
    report = evaluate(embedder, twins, icons, tasks)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n")
    print(markdown(report), end="")
    if args.plot:
        plot(report, args.plot)


if __name__ == "__main__":
    main()
