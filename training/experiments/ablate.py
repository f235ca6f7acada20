"""The recipe, by ablation: rows of the same compute on the same data, one table.

Every row is one process of `--petaflops` (0.2: forty minutes of a core with bfloat16, a minute of a GPU that it
shares); a row that is done is kept in `docs/results/recipe/`, so that the table grows run by run: remove a row's file
and its run in `--out` to repeat it. The model is small (d 192, six layers, 3.2 million parameters without
embedding) so that rows get past the steep part of the curve. An objective that runs several submodels an update sees
fewer tokens.

    python -m training.experiments.ablate sampled-xs adamw   # run these rows if they are missing
    python -m training.experiments.ablate --table            # for docs/results/recipe.md, from the rows that are done
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from tokenizers import Tokenizer

from training import metrics
from training.data import Encoder, Mix, read_files, require_tokens_of
from training.export import load_run
from training.model import GRANULARITIES, best_device

RESULTS = Path("docs/results/recipe")
SMALL = ["--hidden", "192", "--heads", "3", "--kv-heads", "1", "--batch", "8192", "--end-weight", "1"]


@dataclass(frozen=True)
class Row:
    """One run: its name in the table, its options, its training tokens."""

    name: str
    arguments: tuple[str, ...]
    data: str = "tokens"
    tokenizer: str = "tokenizer.json"
    mix: Mix = field(default_factory=Mix)


def hardware() -> tuple[str, ...]:
    """On a CPU: compiled, in chunks that fit its caches. On a GPU, which rows share: in one chunk, not compiled."""
    return ("--chunk", "8192") if best_device().type == "cuda" else ("--chunk", "2048", "--compile")


def rows() -> dict[str, Row]:
    base = ("--objective", "sampled-xs")
    table = {
        "sampled-xs": Row("one sampled granularity a step, with XS at .20", base),
        "sampled": Row("the same without XS (.20/.22/.24/.34)", ("--objective", "sampled")),
        "adamw": Row("AdamW for all", (*base, "--optimizer", "adamw")),
        "end-weight": Row("end token's loss weighs 5", (*base, "--end-weight", "5")),
        "sandwich": Row("sandwich, distillation in the last third, half labels", ("--objective", "sandwich")),
        "late": Row("XL .48 in the last third", ("--objective", "sampled-xs-late")),
        "fim-90": Row("90% of the pieces split for FIM", base, "tokens-fim90", mix=Mix(fim=0.9)),
        "no-mask": Row("documents see each other", (*base, "--no-document-mask")),
        "muon-whole": Row("Muon on whole matrices", (*base, "--optimizer", "muon-whole")),
        "joint": Row("joint loss over S, M, L, XL", ("--objective", "joint")),
        "short-decay": Row("rate falls over the last 20% only", (*base, "--decay", "0.2")),
        "psm": Row("half of the splits prefix first", base, "tokens-psm", mix=Mix(spm=0.5)),
        "key-shift": Row("keys read the token before too (not a Qwen3)", (*base, "--key-shift", "1")),
        "xl-only": Row("XL alone", ("--objective", "XL")),
        "adamw-low": Row("AdamW for all, rate .0015", (*base, "--optimizer", "adamw", "--adam-lr", "1.5e-3")),
        "muon-high": Row("Muon's rate doubled", (*base, "--muon-lr", "2.5e-3")),
    }
    # Vocabularies: the FFN pays for the larger embedding, either so that all parameters are as many as with 4096
    # (4.03 million), or so that the weights read a byte of text are: 3.17, 3.43 and 3.61 bytes a token.
    for size, parameters, time in ((8192, "544", "640"), (16384, "88", "240")):
        for kind, ffn in (("parameters", parameters), ("time a byte", time)):
            table[f"vocabulary-{size}-{kind.split()[0]}"] = Row(
                f"vocabulary {size}, equal {kind}", (*base, "--vocabulary", str(size), "--ffn", ffn), f"tokens-{size}",
                f"tokenizers/{size}.json",
            )  # fmt: skip
    for name in ("sampled-xs", "sampled", "late", "end-weight", "vocabulary-8192-time"):  # those that decide, once more
        row = table[name]
        table[f"{name}-seed2"] = replace(
            row, name=f"{row.name}, second seed", arguments=(*row.arguments, "--seed", "2")
        )
    return table


def train_and_measure(module: str, key: str, row: Row, out: Path, measuring: list[str]) -> None:
    """Train one row and let `module` measure it with the options `measuring`, each in a process of one thread."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    train = ["training.experiments.train", "--out", str(out / key), "--data", f"build/{row.data}", *row.arguments]
    with open(out / f"{key}.log", "a") as log:
        for command in (train, [module, "--measure", key, "--out", str(out), *measuring]):
            subprocess.run([sys.executable, "-m", *command], env=environment, stdout=log, stderr=log, check=True)


def run_all(module: str, wanted: dict[str, Row], out: Path, results: Path, workers: int, measuring: list[str]) -> None:
    """Those rows that have no result yet, side by side; the first that fails ends it, after those under way."""
    wanted = {key: row for key, row in wanted.items() if not (results / f"{key}.json").exists()}
    for row in wanted.values():  # before the first of them takes its time
        require_tokens_of(Path("build") / row.tokenizer, Path("build") / row.data, row.mix)
    with ThreadPoolExecutor(workers) as pool:
        rows = {pool.submit(train_and_measure, module, key, row, out, measuring): key for key, row in wanted.items()}
        try:
            for future in as_completed(rows):
                future.result()
        except subprocess.CalledProcessError:
            raise SystemExit(f"{rows[future]} failed; {out / rows[future]}.log says why") from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def measure(key: str, row: Row, out: Path, max_tokens: int, lines: int) -> None:
    """Held-out figures of a finished row, into its JSON file among the results."""
    torch.set_num_threads(1)
    model = load_run(out / key).to(best_device())
    encoder = Encoder(Tokenizer.from_file(f"build/{row.tokenizer}"))
    files = read_files(Path("build/corpus/heldout.jsonl"))
    found = metrics.windows(files, encoder, model.config.context, max_tokens)
    scores = metrics.score(model, {n: model.config.widths(n) for n in ("XS", *GRANULARITIES)}, found)
    cursors = metrics.lines(files, encoder, model.config.context, lines)
    last = json.loads((out / key / "log.jsonl").read_text().splitlines()[-1])
    result = {
        "name": row.name, "arguments": list(row.arguments), "tokens": last["tokens"], "updates": last["update"],
        "petaflops": last["petaflops"],
        "bitsPerByte": {n: round(s.bits_per_byte, 4) for n, s in scores.items()},
        "agreement": {n: round(s.agreement, 4) for n, s in scores.items()},
        "accuracy": round(scores["XL"].accuracy, 4),
        "lines": {"XL": metrics.summary(cursors, metrics.complete(model, model.config.widths("XL"), encoder, cursors))},
    }  # fmt: skip
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{key}.json").write_text(json.dumps(result, indent=1) + "\n")


def table() -> str:
    """The measured rows as a table, in the order of `rows`."""
    lines = [
        "| Row | Tokens (M) | XS | S | M | L | XL | S agrees with XL | XS | Exact lines, XL | Line ended, XL |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for key in rows():
        path = RESULTS / f"{key}.json"
        if path.exists():
            r = json.loads(path.read_text())
            bits = " | ".join(f"{r['bitsPerByte'][n]:.3f}" for n in ("XS", "S", "M", "L", "XL"))
            agreement, line = r["agreement"], r["lines"]["XL"]
            lines.append(
                f"| {r['name']} | {r['tokens'] / 1e6:.2f} | {bits} "
                f"| {agreement['S']:.1%} | {agreement['XS']:.1%} "
                f"| {line['exact']:.1%} | {line['stopped']:.1%} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help="rows to run; all by default")
    parser.add_argument("--petaflops", type=float, default=0.2)
    parser.add_argument("--workers", type=int, default=2, help="rows side by side")
    parser.add_argument("--out", type=Path, default=Path("build/ablations"), help="folder of the runs")
    parser.add_argument("--max-tokens", type=int, default=150_000, help="held-out tokens that are measured")
    parser.add_argument("--lines", type=int, default=300, help="held-out lines that are completed")
    parser.add_argument("--table", action="store_true", help="print the table of the finished rows")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    args = parser.parse_args()
    known = rows()
    if unknown := [name for name in args.rows if name not in known]:
        raise SystemExit(f"no row {', '.join(unknown)}; there are {', '.join(known)}")
    args.out.mkdir(parents=True, exist_ok=True)
    if args.measure:
        measure(args.measure, known[args.measure], args.out, args.max_tokens, args.lines)
    elif args.table:
        print(table(), end="")
    else:
        budget = (*SMALL, *hardware(), "--petaflops", str(args.petaflops))
        wanted = {key: replace(known[key], arguments=budget + known[key].arguments) for key in args.rows or known}
        measuring = ["--max-tokens", str(args.max_tokens), "--lines", str(args.lines)]
        run_all("training.experiments.ablate", wanted, args.out, RESULTS, args.workers, measuring)


if __name__ == "__main__":
    main()
