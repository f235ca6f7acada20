"""From packages to tokens: rejected files, FIM splits, the stream."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from training import clean, corpus, data, registries
from training.tests.conftest import CODE


def test_holes_fit_together_again_except_where_the_suffix_was_dropped():
    rng = random.Random(5)
    whole = 0
    for _ in range(300):
        split = data.fim_split(CODE, rng)
        assert CODE.startswith(split.prefix + split.middle)
        whole += split.prefix + split.middle + split.suffix == CODE
    assert whole > 200


def test_pieces_join_to_the_file():
    text = "".join(f"const value{i} = compute({i});\n" for i in range(900))
    parts = list(data.pieces(text, random.Random(1)))
    assert "".join(parts) == text
    assert len(parts) > 5
    assert all(part.endswith("\n") for part in parts)


def test_no_piece_is_longer_than_the_context(tmp_path: Path, trained_tokenizer: Tokenizer):
    trained_tokenizer.save(str(tmp_path / "tokenizer.json"))
    file = {"path": "a.ts", "text": "🙂 Ωmega 漢字\n" * 2000}  # three to four tokens a character
    encoded = data.encode_files(([file], str(tmp_path / "tokenizer.json"), data.Mix(), data.CONTEXT, 1))
    assert len(encoded) > 3
    assert max(map(len, encoded)) <= data.CONTEXT


def test_no_text_is_lost_where_lines_are_long_or_dense(tmp_path: Path, trained_tokenizer: Tokenizer):
    trained_tokenizer.save(str(tmp_path / "tokenizer.json"))
    text = "🙂 Ωmega 漢字\n" * 700 + "x1y2z3 " * 3000
    job = ([{"path": "a.ts", "text": text}], str(tmp_path / "tokenizer.json"), data.Mix(fim=0), data.CONTEXT, 1)
    head = len(data.Encoder(trained_tokenizer).head("a.ts"))
    bodies = [list(piece[head:]) for piece in data.encode_files(job)]
    assert trained_tokenizer.decode([i for body in bodies for i in body]) == text


def test_a_mark_that_a_source_spells_is_text(trained_tokenizer: Tokenizer):
    encoder = data.Encoder(trained_tokenizer)
    ids = encoder.ids('const END = "<|endoftext|>";')
    assert not encoder.marks & set(ids)
    assert trained_tokenizer.decode(ids) == 'const END = "<|endoftext|>";'


def test_the_mix_says_how_many_pieces_have_holes_and_which_way_round(tmp_path: Path, trained_tokenizer: Tokenizer):
    trained_tokenizer.save(str(tmp_path / "tokenizer.json"))
    files = [{"path": f"{i}.ts", "text": CODE * 2} for i in range(300)]
    encoder = data.Encoder(trained_tokenizer)
    pieces = data.encode_files((files, str(tmp_path / "tokenizer.json"), data.Mix(fim=0.9, spm=0.5), data.CONTEXT, 1))
    splits = [piece for piece in pieces if encoder.middle in piece]
    suffix_first = [p for p in splits if list(p).index(encoder.suffix) < list(p).index(encoder.prefix)]
    assert len(splits) / len(pieces) == pytest.approx(0.9, abs=0.06)
    assert len(suffix_first) / len(splits) == pytest.approx(0.5, abs=0.09)


def test_spm_puts_the_suffix_before_the_prefix(trained_tokenizer: Tokenizer):
    encoder = data.Encoder(trained_tokenizer)
    ids = encoder.spm("a.ts", data.FimSplit("const ", "x", " = 1;"))
    text = trained_tokenizer.decode(ids, skip_special_tokens=False)
    assert text == "<|file_sep|>a.ts\n<|fim_suffix|> = 1;<|fim_prefix|>const <|fim_middle|>"


def test_the_tokenizer_loses_no_byte(trained_tokenizer: Tokenizer):
    rng = random.Random(2)
    texts = ["\tΣ = '世界';\r\n  🙂\u0000 camelCase_snake ABCDef 12.5e3\n\n    }"]
    texts += [
        "".join(chr(rng.choice((rng.randrange(1, 128), rng.randrange(0x80, 0xD800)))) for _ in range(60))
        for _ in range(200)
    ]
    for text in texts:
        assert trained_tokenizer.decode(trained_tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_digits_stand_alone_and_a_line_end_takes_its_indentation(trained_tokenizer: Tokenizer):
    assert trained_tokenizer.encode("123").tokens == ["1", "2", "3"]
    split = trained_tokenizer.pre_tokenizer.pre_tokenize_str("a;\n        b")
    assert [part for part, _ in split] == ["a", ";", "Ċ" + "Ġ" * 8, "b"]


def test_the_stream_runs_on_over_files_and_wraps(tmp_path: Path):
    np.arange(60, dtype=np.uint16).tofile(tmp_path / "epoch-0.bin")
    np.arange(60, 101, dtype=np.uint16).tofile(tmp_path / "epoch-1.bin")
    stream = data.Stream(tmp_path)
    assert stream.read(50, 20).tolist() == list(range(50, 70))
    assert stream.read(95, 10).tolist() == [95, 96, 97, 98, 99, 100, 0, 1, 2, 3]
    assert stream.read(101 * 3 + 5, 3).tolist() == [5, 6, 7]


def test_the_stream_goes_on_where_it_was_and_takes_new_files_first(tmp_path: Path):
    for epoch in range(2, 12):
        np.full(10, epoch, dtype=np.uint16).tofile(tmp_path / f"epoch-{epoch}.bin")
    stream = data.Stream(tmp_path)
    assert stream.read(0, 100)[::10].tolist() == list(range(2, 12))  # by number, not by name
    np.full(10, 12, dtype=np.uint16).tofile(tmp_path / "epoch-12.bin")
    assert stream.read(100, 20).tolist() == [12] * 10 + [2] * 10
    np.full(10, 13, dtype=np.uint16).tofile(tmp_path / "epoch-13.bin")
    other = data.Stream(tmp_path)
    other.resume(stream.state)
    assert other.read(120, 100).tolist() == [*np.repeat(range(3, 12), 10), *[13] * 10]
    with pytest.raises(ValueError, match="position 50 is in a pass that is over"):
        other.read(50, 1)


def test_tokens_know_their_tokenizer(tmp_path: Path, trained_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch):
    own, other = tmp_path / "tokenizer.json", Path("models/matlm-6m/tokenizer.json")
    trained_tokenizer.save(str(own))
    (tmp_path / "train.jsonl").write_text(json.dumps({"path": "a.ts", "text": CODE}) + "\n")
    arguments = ["--corpus", str(tmp_path), "--out", str(tmp_path / "tokens"), "--epochs", "1"]
    monkeypatch.setattr("sys.argv", ["data", *arguments, "--tokenizer", str(own)])
    data.main()
    data.require_tokens_of(own, tmp_path / "tokens")
    with pytest.raises(SystemExit, match=r"not known to be tokens of models.*; make such in a folder that has none"):
        data.require_tokens_of(other, tmp_path / "tokens")
    monkeypatch.setattr("sys.argv", ["data", *arguments, "--tokenizer", str(other)])
    with pytest.raises(SystemExit, match="make such in a folder that has none"):
        data.main()


def test_the_stream_finds_files_that_were_added_since(tmp_path: Path):
    np.arange(60, dtype=np.uint16).tofile(tmp_path / "epoch-0.bin")
    stream = data.Stream(tmp_path)
    np.arange(60, 101, dtype=np.uint16).tofile(tmp_path / "epoch-1.bin")
    assert stream.read(50, 20).tolist() == list(range(50, 70))


def test_an_empty_folder_of_tokens_says_how_to_fill_it(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"no epoch-\*\.bin; make them with python -m training\.data"):
        data.Stream(tmp_path)


def test_segments_begin_at_file_marks_and_never_outgrow_the_context():
    run = np.array([9, 9, 4, 9, 9, 9, 9, 9, 9, 4, 9])
    assert data.segments(run, 4, 100) == [0, 2, 9, 11]
    assert data.segments(run, 4, 3) == [0, 2, 5, 8, 9, 11]
    assert data.segments(np.array([4, 9, 4]), 4, 3) == [0, 2, 3]


LONG = "".join(f"export const part{i} = (x: number) => x + offset{i % 7};\n" for i in range(20))


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("src/a.ts", LONG, None),
        ("src/a.d.ts", LONG, "declaration"),
        ("dist/a.js", LONG, "build product or vendored"),
        ("third_party/x/a.js", LONG, "build product or vendored"),
        ("lib/a.min.js", LONG, "build product or vendored"),
        ("src/a.js", 'Object.defineProperty(exports, "__esModule");\n' + LONG, "compiled"),
        ("src/a.ts", "// Code generated by a tool. DO NOT EDIT.\n" + LONG, "generated"),
        ("src/a.js", "x" * 500, "minified or data"),
        ("src/a.js", "".join(f"[{i}, {i * 7919}],\n" for i in range(200)), "tables of numbers"),
        ("src/a.js", "register(entry);\n" * 400, "repetitive"),
        ("src/a.ts", LONG + 'const key = "AKIA' + "IOSFODNN7" + 'EXAMPLQ";\n', "secret"),
        ("src/a.ts", LONG + "-----BEGIN RSA PRIVATE KEY" + "-----\n", "secret"),
        ("src/a.ts", "", "tiny"),
    ],
)
def test_files_that_do_not_belong_are_left_out_by_name(path: str, text: str, reason: str | None):
    assert clean.reject_reason(path, text) == reason


def test_a_licence_at_the_head_goes_and_what_follows_it_stays():
    include = "#ifndef A_H\n#define A_H\n#include <stdio.h>\nint f();\n"
    assert clean.without_licence_header("// Copyright X\n// BSD license\n" + include) == include
    assert clean.without_licence_header("#!/bin/sh\n# Copyright X\n# MIT license\n\necho\n") == "echo\n"
    assert clean.without_licence_header("#!/usr/bin/env node\n// Copyright X\n// MIT\nrun();\n") == "run();\n"
    assert clean.without_licence_header("#!/bin/sh\necho license\n") == "#!/bin/sh\necho license\n"
    assert clean.without_licence_header("// What it is.\n" + include).startswith("// What")


def test_binary_files_and_other_encodings_are_no_text():
    assert clean.decode(b"a\0b") is None
    assert clean.decode(b"\xff\xfeabc") is None
    assert clean.decode("\ufeffa\r\nb".encode()) == "a\nb"


def test_near_duplicates_are_found_and_relatives_are_not():
    lines = [
        f"export function handler{i}(event: Event{i}) {{ return table[{i * 37}] + event.value; }}" for i in range(80)
    ]
    original, other = "\n".join(lines), "\n".join(f"class Widget{i} extends Base {{ size = {i}; }}" for i in range(80))
    edited = original.replace("handler7(", "handlerSeven(")
    spaced = original.replace("\n", "\n\n  ")
    half = "\n".join([*lines[:40], *other.split("\n")[:40]])
    duplicates = clean.Duplicates()
    kinds = [duplicates.seen(clean.fingerprint(t), clean.signature(t)) for t in (original, edited, spaced, other, half)]
    assert kinds == [None, "near", "exact", None, None]


def test_the_manifests_are_permissive_pinned_and_hold_packages_out():
    packages, caps = corpus.read_manifest()
    assert len({p.name for p in packages}) == len(packages) > 500
    assert all(p.version[0].isdigit() for p in packages)
    assert sum(p.held_out for p in packages) >= 15
    assert caps["default"] < caps["TypeScript"]


def test_a_manifest_with_a_licence_that_is_not_permissive_is_refused(tmp_path: Path):
    path = tmp_path / "corpus.toml"
    path.write_text('[[package]]\nname = "x"\nversion = "1.0.0"\nlicence = "GPL-3.0"\n')
    with pytest.raises(ValueError, match=r"x is licensed GPL-3\.0, which is not permissive"):
        corpus.read_manifest(path)


def test_a_manifest_without_a_default_share_is_refused(tmp_path: Path):
    path = tmp_path / "corpus.toml"
    path.write_text('[max_package_bytes]\nGo = 1\n[[package]]\nname = "x"\nversion = "1.0.0"\nlicence = "MIT"\n')
    with pytest.raises(ValueError, match=r"corpus\.toml: \[max_package_bytes\] has no default"):
        corpus.read_manifest(path)


def archive(folder: Path, package: registries.Package, files: dict[str, str]) -> None:
    import io
    import tarfile

    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / package.file_stem, "w:gz") as opened:
        for name, text in files.items():
            info = tarfile.TarInfo(f"package/{name}")
            raw = text.encode()
            info.size = len(raw)
            opened.addfile(info, io.BytesIO(raw))


@pytest.fixture
def small_corpus(tmp_path: Path) -> tuple[Path, Path]:
    """(manifest, folder) of three packages whose archives are already there: nothing is fetched."""
    rows = [("kept", ""), ("copy", ""), ("held", "held_out = true\n")]
    manifest, out = tmp_path / "corpus.toml", tmp_path / "out"
    text = "[max_package_bytes]\ndefault = 100_000\n"
    for name, extra in rows:
        text += f'[[package]]\nname = "{name}"\nversion = "1.0.0"\nlicence = "MIT"\n{extra}'
        own = "".join(f"export const {name}{i} = (value: number) => value * {i} + {name}Offset;\n" for i in range(20))
        shared = "".join(f"export function shared{i}() {{ return registry.get({i}); }}\n" for i in range(20))
        archive(out / "tarballs", registries.Package(name, "1.0.0", "MIT"), {
            "package.json": '{"license": "MIT"}', f"src/{name}.ts": own, "src/shared.ts": shared, "src/empty.ts": "",
        })  # fmt: skip
    manifest.write_text(text)
    return manifest, out


def test_a_corpus_is_split_by_package_without_duplicates_and_comes_out_the_same_again(small_corpus: tuple[Path, Path]):
    manifest, out = small_corpus
    report = corpus.build(manifest, out)
    train = [json.loads(line) for line in (out / "train.jsonl").read_text().splitlines()]
    held = [json.loads(line) for line in (out / "heldout.jsonl").read_text().splitlines()]
    assert [(f["package"], f["path"]) for f in train] == [("kept", "src/kept.ts"), ("copy", "src/copy.ts")]
    assert {f["path"] for f in held} == {"src/held.ts", "src/shared.ts"}
    assert report["left_out"]["exact duplicate"] == 2
    assert report["left_out"]["tiny"] == 3
    before = (out / "train.jsonl").read_bytes()
    corpus.build(manifest, out)
    assert (out / "train.jsonl").read_bytes() == before


def test_the_held_out_part_alone_is_the_same_and_leaves_the_rest_as_it_was(small_corpus: tuple[Path, Path]):
    manifest, out = small_corpus
    corpus.build(manifest, out)
    names = ("heldout.jsonl", "train.jsonl", "report.json")
    before = {name: (out / name).read_bytes() for name in names}
    (out / "heldout.jsonl").unlink()
    report = corpus.build(manifest, out, heldout_only=True)
    assert {name: (out / name).read_bytes() for name in names} == before
    assert report["train"] == {}
    assert corpus.markdown(report).startswith("| Language | Files | MB |")


def test_an_interrupted_corpus_goes_on_with_what_is_there(small_corpus: tuple[Path, Path]):
    manifest, out = small_corpus
    corpus.build(manifest, out)
    (out / "train.jsonl").unlink()
    (out / "packages" / "npm-copy-1.0.0.jsonl").unlink()
    cleaned = (out / "packages" / "npm-kept-1.0.0.jsonl").stat().st_mtime_ns
    corpus.build(manifest, out)
    assert (out / "train.jsonl").exists()
    assert (out / "packages" / "npm-kept-1.0.0.jsonl").stat().st_mtime_ns == cleaned


def test_what_other_rules_have_cleaned_is_cleaned_anew(
    small_corpus: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
):
    manifest, out = small_corpus
    corpus.build(manifest, out)
    kept = out / "packages" / "npm-kept-1.0.0.jsonl"
    head, *rows = kept.read_text().splitlines()
    kept.write_text("\n".join([head.replace(corpus.CLEANING, "0" * 64), *rows[:1]]) + "\n")
    before = (out / "train.jsonl").read_bytes()
    corpus.build(manifest, out)
    assert (out / "train.jsonl").read_bytes() == before
    assert corpus.CLEANING in kept.read_text()


def test_a_package_that_declares_another_licence_stops_the_build(small_corpus: tuple[Path, Path]):
    manifest, out = small_corpus
    archive(out / "tarballs", registries.Package("copy", "1.0.0", "MIT"), {"package.json": '{"license": "GPL-2.0"}'})
    with pytest.raises(registries.PackageError, match=r"declares the licence GPL-2\.0; the manifest says MIT"):
        corpus.build(manifest, out)


def test_a_package_that_vanished_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import http.server
    import threading

    class Gone(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(404)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Gone)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(registries, "npm_registry", lambda: f"http://127.0.0.1:{server.server_port}")
    with pytest.raises(registries.PackageError, match=r"npm left-pad 9\.9\.9: no longer published; take it out"):
        registries.fetch(registries.Package("left-pad", "9.9.9", "MIT"), tmp_path)
    assert list(tmp_path.iterdir()) == []
    server.shutdown()


def test_a_registry_that_falters_is_asked_again_and_one_out_of_reach_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import http.server
    import threading

    package = registries.Package("left-pad", "1.3.0", "MIT")
    archive(tmp_path, package, {"package.json": "{}"})
    answers, sent = [503, 200, 200], [(tmp_path / package.file_stem).read_bytes()]

    class Faltering(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if not answers:
                self.connection.close()
                return
            self.send_response(answers.pop(0))
            self.end_headers()
            self.wfile.write(sent[0])

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Faltering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(registries, "npm_registry", lambda: f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(registries, "RETRY_AFTER_S", (0.01, 0.01))
    assert registries.fetch(package, tmp_path / "first").read_bytes() == sent[0]
    sent[0] = b"<html>Sorry</html>"
    with pytest.raises(registries.PackageError, match=r"npm left-pad 1\.3\.0: the registry's answer is not an archive"):
        registries.fetch(package, tmp_path / "second")
    assert list((tmp_path / "second").iterdir()) == []
    with pytest.raises(registries.PackageError, match=r"npm left-pad 1\.3\.0: the registry cannot be reached"):
        registries.fetch(package, tmp_path / "second")
    server.shutdown()


def test_licences_of_a_debian_package_are_by_file():
    text = (
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
        "Files: *\nCopyright: A\nLicense: Expat\n\nFiles: contrib/*\nCopyright: B\nLicense: GPL-2+\n"
    )
    licences = registries.DebianLicences(text)
    assert licences.of("src/a.c") == "MIT"
    assert licences.of("contrib/b.c") is None


@pytest.mark.parametrize(
    ("info", "licence"),
    [
        ("License-Expression: Apache-2.0\n", "Apache-2.0"),
        ("Classifier: License :: OSI Approved :: MIT License\n", "MIT"),
        ("License: BSD-3-Clause\n", "BSD-3-Clause"),
        ("Classifier: License :: OSI Approved :: GNU General Public License (GPL)\n", None),
        ("License: see LICENSE\n", None),
    ],
)
def test_the_licence_of_a_python_package_comes_from_its_metadata(info: str, licence: str | None):
    assert registries.spdx_of_pypi(info) == licence
