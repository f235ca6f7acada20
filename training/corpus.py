"""The corpus: published sources of named packages, cleaned, without duplicates, split by package.

Two manifests pin every package with its version and licence: `corpus.toml` (the core: TypeScript and JavaScript) and
`corpus-wide.toml` (the core and twelve more languages). The result is `train.jsonl`, `heldout.jsonl` (one file a
line: package, path, language, text) and `report.json`.

Notable:
- the rules that leave files out are in `training.clean`, the sources of packages in `training.registries`;
- a package that publishes both TypeScript and the JavaScript compiled from it gives only the TypeScript;
- every package is cleaned once and kept under `packages/`: an interrupted run resumes;
- the same manifest gives the same bytes.

    python -m training.corpus                                         # the core, about 5 minutes
    python -m training.corpus --heldout-only                          # for evaluation only, under a minute
    python -m training.corpus --manifest training/corpus-wide.toml --out build/wide
"""

import argparse
import hashlib
import json
import sys
import tomllib
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from training import clean, registries
from training.registries import Package, PackageError

MANIFEST = Path(__file__).with_name("corpus.toml")
# A digest of the code that cleans packages: packages are cleaned again if it changes.
CLEANING = hashlib.sha256(
    b"".join(Path(file).read_bytes() for file in (__file__, clean.__file__, registries.__file__))
).hexdigest()


def read_manifest(path: Path = MANIFEST) -> tuple[list[Package], dict[str, int]]:
    """The packages, and the most bytes that one package may give a language ("default" for those not named)."""
    manifest = tomllib.loads(path.read_text())
    packages, caps = [], dict(manifest.get("max_package_bytes", {}))
    if "include" in manifest:
        packages, included = read_manifest(path.with_name(manifest["include"]))
        caps = included | caps
    for row in manifest["package"]:
        package = Package(**row)
        if package.licence not in registries.PERMISSIVE:
            raise ValueError(f"{path}: {package.name} is licensed {package.licence}, which is not permissive")
        packages.append(package)
    if "default" not in caps:
        raise ValueError(f"{path}: [max_package_bytes] has no default, for languages that it does not name")
    return packages, caps


def clean_package(job: tuple[Package, Path, dict[str, int | None]]) -> tuple[list[dict], dict]:
    """The files of a fetched package that pass every rule, and why the others did not. For one process.

    The job: (package, folder of archives, for each language the bytes after which no more of it is looked at).
    """
    package, folder, languages = job
    archive = folder / package.file_stem
    candidates, metadata, reasons, kept_bytes = [], {}, Counter(), Counter()
    licences = registries.debian_licences(package, folder) if package.registry == "debian" else None
    found = []
    for path, raw in registries.files(archive):
        if path in ("package.json", "PKG-INFO"):
            metadata[path] = raw
        if clean.language(path) in languages:
            found.append((path, raw))
    for path, raw in sorted(found, key=lambda f: clean.rank(f[0])):
        kind = clean.language(path)
        if languages[kind] is not None and kept_bytes[kind] > languages[kind]:
            reasons["over the package's share"] += 1
            continue
        text = clean.decode(raw)
        reason = "binary or not UTF-8" if text is None else clean.reject_reason(path, text)
        if reason is None and licences and licences.of(path) is None:
            reason = "licence of the file"
        if reason is not None:
            reasons[reason] += 1
            continue
        text = clean.without_licence_header(text)
        if len(text) >= 200:
            candidates.append((path, kind, text))
            kept_bytes[kind] += len(text)
    registries.check_licence(package, metadata, archive)
    typescript = sum(len(text) for _, kind, text in candidates if kind in ("TypeScript", "TSX"))
    if typescript > 30_000:
        reasons["compiled from the package's TypeScript"] = sum(k in ("JavaScript", "JSX") for _, k, _ in candidates)
        candidates = [c for c in candidates if c[1] not in ("JavaScript", "JSX")]
    rows = [
        {"package": package.name, "path": path, "language": kind, "text": text,
         "digest": clean.fingerprint(text).hex(), "signature": clean.signature(text).astype("<u4").tobytes().hex()}
        for path, kind, text in sorted(candidates)
    ]  # fmt: skip
    return rows, dict(reasons)


def prepare(job: tuple[Package, Path, dict[str, int | None]]) -> Path:
    """Clean a package unless an earlier run did by the same rules; the path of its rows, the first of which holds the
    reasons."""
    package, folder, languages = job
    kept = folder.parent / "packages" / f"{package.file_stem}.jsonl"
    rules = {"code": CLEANING, "licence": package.licence, "languages": languages}
    if not kept.exists() or read_head(kept).get("rules") != rules:
        rows, reasons = clean_package(job)
        part = kept.with_suffix(".part")
        with open(part, "w") as sink:
            sink.write(json.dumps({"rules": rules, "left_out": reasons}) + "\n")
            sink.writelines(json.dumps(row) + "\n" for row in rows)
        part.rename(kept)
    return kept


def read_head(path: Path) -> dict:
    with open(path) as lines:
        return json.loads(next(lines))


def read_prepared(path: Path) -> tuple[list[dict], dict[str, int]]:
    with open(path) as lines:
        left_out = json.loads(next(lines))["left_out"]
        return [json.loads(line) for line in lines], left_out


def build(manifest: Path, out: Path, heldout_only: bool = False) -> dict:
    """Write `train.jsonl`, `heldout.jsonl` and `report.json` under `out`; return the report.

    With `heldout_only`, only the held-out packages are fetched and only `heldout.jsonl` is written. Its bytes are the
    same, because held-out packages are the first to be searched for duplicates.
    """
    packages, caps = read_manifest(manifest)
    if heldout_only:
        packages = [package for package in packages if package.held_out]
    core = {"TypeScript", "TSX", "JavaScript", "JSX"}
    languages = core | {name for name in caps if name in set(clean.LANGUAGES.values())}
    tarballs = out / "tarballs"
    (out / "packages").mkdir(parents=True, exist_ok=True)
    debian = [tarballs / (p.file_stem + part) for p in packages if p.registry == "debian" for part in ("", ".debian")]
    if not all(archive.exists() for archive in debian):
        registries.debian_sources()  # read once here, not by each thread for itself
    with ThreadPoolExecutor(8) as pool:
        fetched = pool.map(lambda p: registries.fetch(p, tarballs), packages)
        for _ in tqdm(fetched, total=len(packages), desc="fetching", file=sys.stderr):
            pass
    # A tenth more than may be kept, because duplicates are found later; of the core's languages everything.
    limits = {name: None if name in core else caps[name] * 11 // 10 for name in languages}
    of_npm = {name: limit for name, limit in limits.items() if name in core | clean.PROSE}
    jobs = [(package, tarballs, of_npm if package.registry == "npm" else limits) for package in packages]
    with ProcessPoolExecutor() as pool:
        prepared = list(tqdm(pool.map(prepare, jobs), total=len(jobs), desc="cleaning", file=sys.stderr))

    duplicates, left_out = clean.Duplicates(), Counter()
    report: dict = {"train": {}, "heldout": {}, "licences": {}, "packages": []}
    splits = ("heldout",) if heldout_only else ("heldout", "train")
    sinks = {split: open(out / f"{split}.part", "w") for split in splits}
    order = sorted(zip(packages, prepared, strict=True), key=lambda p: not p[0].held_out)
    for package, path in tqdm(order, desc="duplicates", file=sys.stderr):
        split = "heldout" if package.held_out else "train"
        rows, reasons = read_prepared(path)
        left_out.update(reasons)
        fresh = []
        for row in rows:
            hashes = np.frombuffer(bytes.fromhex(row.pop("signature")), dtype="<u4")
            kind = duplicates.seen(bytes.fromhex(row.pop("digest")), hashes)
            if kind is None:
                row["bytes"] = len(row["text"].encode())
                fresh.append(row)
            else:
                left_out[f"{kind} duplicate"] += 1
                left_out[f"{kind} duplicate bytes"] += len(row["text"].encode())
        total = 0
        for language in sorted({row["language"] for row in fresh}):
            sizes = [(row["path"], row["bytes"]) for row in fresh if row["language"] == language]
            chosen = clean.sample_evenly(sizes, caps.get(language, caps["default"]))
            for row in fresh:
                if row["language"] == language and row["path"] in chosen:
                    size = row.pop("bytes")
                    sinks[split].write(json.dumps(row) + "\n")
                    count = report[split].setdefault(language, {"files": 0, "bytes": 0})
                    count["files"] += 1
                    count["bytes"] += size
                    total += size
            left_out["over the package's share"] += len(sizes) - len(chosen)
        report["licences"][package.licence] = report["licences"].get(package.licence, 0) + total
        report["packages"].append(
            {"name": package.name, "version": package.version, "registry": package.registry,
             "licence": package.licence, "split": split, "bytes": total}
        )  # fmt: skip
    for split, sink in sinks.items():
        sink.close()
        (out / f"{split}.part").rename(out / f"{split}.jsonl")
    report["left_out"] = dict(sorted(left_out.items()))
    if not heldout_only:  # a report of the whole corpus stays
        (out / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    return report


def markdown(report: dict) -> str:
    """The report as tables: size by language and split, licences, reasons to leave files out."""
    lines = ["| Language | Files | MB | Held-out files | Held-out MB |", "| --- | ---: | ---: | ---: | ---: |"]
    none = {"files": 0, "bytes": 0}
    splits = [report["train"], report["heldout"]]
    for language in sorted({*splits[0], *splits[1]}, key=lambda name: [-s.get(name, none)["bytes"] for s in splits]):
        row, held = (split.get(language, none) for split in splits)
        lines.append(
            f"| {language} | {row['files']:,} | {row['bytes'] / 1e6:.1f} "
            f"| {held['files']:,} | {held['bytes'] / 1e6:.2f} |"
        )
    sums = [[sum(row[k] for row in report[s].values()) for k in ("files", "bytes")] for s in ("train", "heldout")]
    lines.append(f"| all | {sums[0][0]:,} | {sums[0][1] / 1e6:.1f} | {sums[1][0]:,} | {sums[1][1] / 1e6:.2f} |")
    lines += ["", "| Licence | MB |", "| --- | ---: |"]
    lines += [
        f"| {name} | {size / 1e6:.1f} |" for name, size in sorted(report["licences"].items(), key=lambda r: -r[1])
    ]
    lines += ["", "| Left out because | Files |", "| --- | ---: |"]
    for name, count in sorted(report["left_out"].items(), key=lambda r: -r[1]):
        if not name.endswith("bytes"):
            megabytes = report["left_out"].get(f"{name} bytes")
            lines.append(f"| {name} | {count:,}{f' ({megabytes / 1e6:.1f} MB)' if megabytes else ''} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, default=MANIFEST)
    parser.add_argument("--out", type=Path, default=Path("build/corpus"))
    parser.add_argument("--heldout-only", action="store_true", help="only heldout.jsonl, from the held-out packages")
    args = parser.parse_args()
    try:
        print(markdown(build(args.manifest, args.out, args.heldout_only)), end="")
    except (PackageError, ValueError) as error:
        raise SystemExit(f"corpus: {error}") from None
    except OSError as error:
        raise SystemExit(f"corpus: {error}; finished packages are kept: free some space and run this again") from None


if __name__ == "__main__":
    main()
