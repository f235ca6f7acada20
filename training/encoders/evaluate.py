"""Documentation to function on held-out packages: the paper's tables, BM25 on the same queries, and the plot.

A query is the first paragraph of a function's documentation; the gallery holds the code of the documented functions of
all held-out packages, and `--distractors` of the others. Equal queries share their answers. Intervals are of 95 %, by
a bootstrap over the queries.

    python -m training.encoders.evaluate --model models/encoders/code \\
        --twins build/encoders/code-twin-S build/encoders/code-twin-XL --out build/encoders/code-evaluation
    python -m training.encoders.evaluate --compare build/encoders/code/update-20.pt build/encoders/code-twin-XL
"""

import argparse
import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import bm25s
import numpy as np
import torch
from tokenizers import Tokenizer

from training.encoders import pairs, retrieval
from training.encoders.export import load_exported, load_run
from training.encoders.model import MatEncoder
from training.encoders.syntax import NAME_PARTS, without_name
from training.model import GRANULARITIES

SHIPPED = Path("models/encoders/code")
KEPT = Path("build/encoders/embeddings")


@dataclass(frozen=True)
class Task:
    """correct: bool [queries, gallery]; packages: of each entry of the gallery."""

    queries: list[str]
    gallery: list[str]
    correct: np.ndarray
    packages: np.ndarray


def read_task(path: Path, queries: int | None = None, distractors: int = 0, masked: bool = False) -> Task:
    """The task of a split; with `masked` no function of the gallery shows its own name."""
    rows = pairs.read(path)
    documented = [row for row in rows if row["documentation"]]
    others = [row for row in rows if not row["documentation"]]
    documented = random.Random(1).sample(documented, min(len(documented), queries or len(documented)))
    others = random.Random(1).sample(others, min(len(others), distractors))
    entries = documented + others
    asked = np.array([row["documentation"] for row in documented])
    answers = np.array([row["documentation"] for row in entries])
    return Task(
        list(asked),
        [without_name(row["code"], row["name"]) if masked else row["code"] for row in entries],
        asked[:, None] == answers[None, :],
        np.array([row["package"] for row in entries]),
    )


@torch.inference_mode()
def embed(model: MatEncoder, tokenizer: Tokenizer, texts: list[str], widths: list[int], tokens: int) -> np.ndarray:
    """Embeddings [texts, embedding] of texts cut to so many tokens; inputs of like length go together.

    They are kept under build/, so that an interrupted evaluation resumes.
    """
    ids = [encoding.ids[:tokens] for encoding in tokenizer.encode_batch(texts)]
    digest = hashlib.sha256(repr((widths, ids, vars(model.config))).encode())
    for parameter in model.parameters():
        digest.update(parameter.cpu().numpy().tobytes())
    kept = KEPT / f"{digest.hexdigest()[:32]}.npy"
    if kept.exists():
        return np.load(kept)
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    found = np.zeros((len(ids), model.config.embedding), dtype=np.float32)
    for start in range(0, len(order), 64):
        some = order[start : start + 64]
        found[some] = model.embed_tokens([ids[i] for i in some], widths).float().cpu().numpy()
    KEPT.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(".part.npy")
    np.save(part, found)
    part.rename(kept)
    return found


# Without them BM25 finds more: its MRR is 0.54 and not 0.47.
STOP_WORDS = frozenset("the a an of to and is in for that this it or be by with as if are on".split())


def terms(text: str) -> list[str]:
    """The words of BM25: identifiers are split into their parts, in lower case, without stop words."""
    return [word for part in NAME_PARTS.findall(text) if (word := part.lower()) not in STOP_WORDS]


def bm25_scores(task: Task) -> np.ndarray:
    """[queries, gallery] by BM25 (Lucene's form, k1 1.5, b 0.75)."""
    index = bm25s.BM25()
    index.index([terms(text) for text in task.gallery], show_progress=False)
    return np.stack([index.get_scores(terms(query)) for query in task.queries])


def bm25_ranks(task: Task) -> np.ndarray:
    return retrieval.ranks_of(bm25_scores(task), task.correct)


def fused(*scores: np.ndarray) -> np.ndarray:
    """Reciprocal rank fusion (Cormack et al., 2009; k 60) of scores [queries, gallery]."""
    places = [np.argsort(np.argsort(-each, axis=1, kind="stable"), axis=1) for each in scores]
    return sum(1 / (61 + place) for place in places)


def mixes(model: MatEncoder) -> dict[str, list[int]]:
    """Widths between the granularities that were never trained: the later half of the layers is a size larger."""
    half, widths = model.config.shape.layers // 2, model.config.widths
    return {f"{a}/{b}": widths(a)[:half] + widths(b)[half:] for a, b in pairwise(GRANULARITIES)}


def scores_of(found: np.ndarray) -> dict:
    """The measures of a list of ranks with the intervals of recall@10 and of the reciprocal rank."""
    return retrieval.summary(found) | {
        "recall@10 interval": retrieval.bootstrap(found <= 10),
        "mrr interval": retrieval.bootstrap(1 / found),
        "ranks": found.tolist(),
    }


def evaluate(args: argparse.Namespace) -> dict:
    model, tokenizer = load_exported(args.model), Tokenizer.from_file(str(args.model / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    task = read_task(args.pairs / "heldout.jsonl", args.queries, args.distractors)
    shapes = {name: model.config.widths(name) for name in GRANULARITIES}

    def queries_of(encoder: MatEncoder, widths: list[int]) -> np.ndarray:
        return embed(encoder, tokenizer, task.queries, widths, args.query_tokens)

    def gallery_of(encoder: MatEncoder, widths: list[int], texts: list[str] = task.gallery) -> np.ndarray:
        return embed(encoder, tokenizer, texts, widths, args.code_tokens)

    def ranked(queries: np.ndarray, gallery: np.ndarray) -> dict:
        return scores_of(retrieval.ranks(queries, gallery, task.correct))

    queries = {name: queries_of(model, widths) for name, widths in shapes.items()}
    galleries = {name: gallery_of(model, widths) for name, widths in shapes.items()}
    large = galleries["XL"]
    result: dict = {
        "queries": len(task.queries),
        "gallery": len(task.gallery),
        "parameters": {name: model.config.shape.parameters(widths) for name, widths in shapes.items()},
        "bm25": scores_of(bm25_ranks(task)),
        "fused": {
            name: scores_of(retrieval.ranks_of(fused(bm25_scores(task), queries[name] @ large.T), task.correct))
            for name in ("S", "XL")
        },
        "alone": {name: ranked(queries[name], galleries[name]) for name in GRANULARITIES},
        "adaptive": {name: ranked(queries[name], large) for name in GRANULARITIES},
        "mixes": {name: ranked(queries_of(model, widths), large) for name, widths in mixes(model).items()},
        "prefixes": {
            f"{name} {size}": ranked(retrieval.prefix(queries[name], size), retrieval.prefix(large, size))
            for name in ("S", "XL")
            for size in model.config.prefixes
        },
        "neighbours": {
            name: retrieval.nearest_neighbour_accuracy(
                galleries[name][1::2], task.packages[1::2], large[::2], task.packages[::2], k=5
            )
            for name in GRANULARITIES
        },
        "twins": {},
        "adaptive twins": {},
    }
    for folder in args.twins:
        twin, state = load_run(folder)
        name = state["settings"]["only"]
        label = f"twin of {name}, seed {state['settings']['seed']}, {state['update']:,} updates"
        asked = queries_of(twin, shapes[name])
        result["twins"][label] = ranked(asked, gallery_of(twin, shapes[name])) | {"of": name}
        result["adaptive twins"][label] = ranked(asked, large) | {"of": name}
    masked = read_task(args.pairs / "heldout.jsonl", args.queries, args.distractors, masked=True)
    hidden = gallery_of(model, shapes["XL"], masked.gallery)
    result["masked"] = {
        "bm25": scores_of(bm25_ranks(masked)),
        "S": ranked(queries["S"], hidden),
        "XL": ranked(queries["XL"], hidden),
    }
    return result


def percent(value: float) -> str:
    return f"{100 * value:.1f}"


def row(name: str, found: dict) -> str:
    low, high = found["mrr interval"]
    first, last = found["recall@10 interval"]
    in_ten = f"{percent(found['recall@10'])} ({percent(first)} to {percent(last)})"
    return f"| {name} | {percent(found['recall@1'])} | {in_ten} | {found['mrr']:.3f} ({low:.3f} to {high:.3f}) |"


def kept(found: dict, whole: dict, measure: Callable[[np.ndarray], np.ndarray]) -> str:
    """The ratio of a measure's means with its interval, by a bootstrap over the queries of both."""
    a, b = measure(np.array(found["ranks"])), measure(np.array(whole["ranks"]))
    drawn = np.random.default_rng(1).integers(0, len(a), (1000, len(a)))
    ratios = a[drawn].mean(axis=1) / b[drawn].mean(axis=1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return f"{a.mean() / b.mean():.3f} ({low:.3f} to {high:.3f})"


def hit_at_10(ranks: np.ndarray) -> np.ndarray:
    return (ranks <= 10).astype(float)


def reciprocal(ranks: np.ndarray) -> np.ndarray:
    return 1 / ranks


HEAD = "| {} | Recall@1, % | Recall@10, % | MRR |\n| --- | ---: | ---: | ---: |"


def markdown(result: dict) -> str:
    """The result as tables."""
    whole = result["adaptive"]["XL"]
    lines = [f"{result['queries']:,} queries, a gallery of {result['gallery']:,} functions.", ""]
    lines += [HEAD.format("Query and gallery of one size")]
    for name, found in result["alone"].items():
        lines.append(row(name, found))
        lines += [row(label, twin) for label, twin in result["twins"].items() if twin["of"] == name]
    lines += [row("BM25", result["bm25"])]
    lines += [row(f"BM25 fused with {name} against XL", found) for name, found in result["fused"].items()] + [""]
    lines += ["| Query, against XL's gallery | Recall@1, % | Recall@10, % | MRR | Recall@10 kept |"]
    lines += ["| --- | ---: | ---: | ---: | ---: |"]
    adaptive = result["adaptive"] | result["mixes"] | result["adaptive twins"]
    lines += [f"{row(name, found)} {kept(found, whole, hit_at_10)} |" for name, found in adaptive.items()]
    lines += ["", HEAD.format("Query and prefix, against XL's gallery")]
    lines += [row(name, found) for name, found in result["prefixes"].items()]
    lines += ["", HEAD.format("Functions without their own names")]
    lines += [
        row("BM25" if name == "bm25" else f"{name} against XL", found) for name, found in result["masked"].items()
    ]
    lines += ["", "| Size | Package by 5 nearest of XL's gallery, % |", "| --- | ---: |"]
    lines += [f"| {name} | {percent(value)} |" for name, value in result["neighbours"].items()]
    lines += ["", f"MRR of XL over that of BM25: {kept(whole, result['bm25'], reciprocal)}."]
    return "\n".join(lines) + "\n"


def plot(result: dict, path: Path) -> None:
    """Recall@10 against parameters: each size alone, as a query to XL's gallery, the twins, BM25."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams |= {"svg.hashsalt": "encoders", "svg.fonttype": "none"}
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 4))
    sizes = {name: count / 1e6 for name, count in result["parameters"].items()}
    series = {
        "query against XL's gallery": result["adaptive"],
        "query and gallery of one size": result["alone"],
        "twin, query and gallery its own": result["twins"],
        "twin's query against XL's gallery": result["adaptive twins"],
    }
    for marker, (label, found) in zip("os^v", series.items(), strict=True):
        points = sorted((sizes[each.get("of", name)], 100 * each["recall@10"]) for name, each in found.items())
        if points:
            axes.plot(*zip(*points, strict=True), marker=marker, linestyle="-" if marker in "os" else "", label=label)
    axes.axhline(100 * result["bm25"]["recall@10"], color="grey", linestyle="--", label="BM25")
    for name, size in sizes.items():
        axes.annotate(name, (size, 100 * result["adaptive"][name]["recall@10"]), (0, 6), textcoords="offset points")
    axes.set(xlabel="parameters of the query's submodel, millions", ylabel="recall@10, %", ylim=(0, None))
    axes.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def compare(runs: list[Path], args: argparse.Namespace) -> str:
    """Runs and checkpoints on the same task, each at one size: `--size`, or the only size that it was trained at."""
    tokenizer = Tokenizer.from_file(str(args.tokenizer))
    tokenizer.encode_special_tokens = True
    task = read_task(args.pairs / "heldout.jsonl", args.queries, args.distractors)
    lines = [HEAD.format("Run")]
    for path in runs:
        model, state = load_run(path)
        settings = state["settings"]
        name = settings["only"] or args.size
        widths = model.config.widths(name)
        found = retrieval.ranks(
            embed(model, tokenizer, task.queries, widths, args.query_tokens),
            embed(model, tokenizer, task.gallery, widths, args.code_tokens),
            task.correct,
        )
        updates = state["part_in"].get(name, 0)
        label = f"{path}, {name}, {settings['attention']}, {settings['pooling']}, {updates} updates of {name}"
        lines.append(row(label, scores_of(found)))
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=SHIPPED, help="folder of an exported encoder")
    parser.add_argument("--twins", type=Path, nargs="*", default=[], help="folders of runs with --only")
    parser.add_argument("--compare", type=Path, nargs="+", help="runs or checkpoints: compare them, nothing else")
    parser.add_argument("--size", default="XL", choices=GRANULARITIES, help="with --compare")
    parser.add_argument("--tokenizer", type=Path, default=Path("models/matlm-6m/tokenizer.json"))
    parser.add_argument("--pairs", type=Path, default=Path("build/encoders/code-pairs"))
    parser.add_argument("--queries", type=int, help="only so many of the documented functions, drawn at random")
    parser.add_argument("--distractors", type=int, default=0, help="functions without documentation in the gallery")
    parser.add_argument("--query-tokens", type=int, default=64)
    parser.add_argument("--code-tokens", type=int, default=64)
    parser.add_argument("--out", type=Path, default=Path("build/encoders/code-evaluation"))
    args = parser.parse_args()
    if args.compare:
        print(compare(args.compare, args), end="")
        return
    result = evaluate(args)
    text = markdown(result)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "result.json").write_text(json.dumps(result) + "\n")
    (args.out / "tables.md").write_text(text)
    plot(result, args.out / "encoders-code.svg")
    print(text, end="")


if __name__ == "__main__":
    main()
