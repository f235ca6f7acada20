"""The editor's tokenizer gives the ids that the model was trained with."""

import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from training.export import SHIPPED

TOKENIZER = SHIPPED / "tokenizer.json"
LINES = 1_000_000
MODULES = Path("node_modules")


def source_lines() -> list[str]:
    """A million lines of other people's code, including characters that no keyboard types."""
    rng, lines = random.Random(4), []
    for _ in range(20_000):
        lines.append("".join(chr(rng.choice((rng.randrange(32, 127), rng.randrange(128, 0xD800), 9, 13)))
                             for _ in range(rng.randrange(40))))  # fmt: skip
    for file in sorted(MODULES.rglob("*")):
        if file.suffix not in (".ts", ".js", ".mjs", ".cjs", ".md", ".json") or not file.is_file():
            continue
        text = file.read_bytes().decode(errors="replace")
        if len(text) < 200 * text.count("\n"):  # minified code has few lines and takes long
            lines += text.split("\n")
        if len(lines) >= LINES:
            break
    return lines[:LINES]


@pytest.mark.skipif(not MODULES.exists(), reason="the lines come from node_modules: run npm ci")
def test_typescript_and_python_give_the_same_ids_on_a_million_lines(tmp_path: Path):
    lines = source_lines()
    assert len(lines) == LINES
    (tmp_path / "lines.txt").write_text("\n".join(lines), newline="")
    command = [str(MODULES / ".bin" / "tsx"), "test/encodeLines.ts", str(TOKENIZER)]
    command += [str(tmp_path / name) for name in ("lines.txt", "ids.bin")]
    subprocess.run(command, check=True)
    theirs = np.fromfile(tmp_path / "ids.bin", dtype=np.uint32)
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    at = 0
    for start in range(0, LINES, 50_000):
        for line, encoded in zip(
            lines[start : start + 50_000],
            tokenizer.encode_batch_fast([f"\n{line}" for line in lines[start : start + 50_000]]),
            strict=True,
        ):
            ids = encoded.ids
            assert theirs[at : at + len(ids)].tolist() == ids, line
            assert theirs[at + len(ids)] == 0xFFFFFFFF, line
            at += len(ids) + 1
    assert at == len(theirs)
