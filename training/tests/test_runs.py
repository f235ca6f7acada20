"""Whole runs of the trainer: resumed, spread over processes, refused."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from training.data import origin
from training.export import export, load_exported, load_run
from training.model import Config, MatLM

ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}  # another number of threads sums in another order
SMALL = ["--layers", "1", "--hidden", "64", "--chunk", "128", "--batch", "256", "--context", "64"]


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    folder = tmp_path / "tokens"
    folder.mkdir()
    rng = np.random.default_rng(0)
    words = rng.integers(5, 4096, 200, dtype=np.uint16)  # a language of two hundred words, easy to learn a little of
    text = words[rng.integers(0, 200, 20_000)]
    text[::50] = 4  # a new document
    text.tofile(folder / "epoch-0.bin")
    return folder


def run(*arguments: str, processes: int = 1, module: str = "training.train") -> subprocess.CompletedProcess[str]:
    module = ["-m", module, *SMALL, *arguments]
    if processes == 1:
        command = [sys.executable, *module]
    else:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        launcher = ["--nproc-per-node", str(processes), "--master-port", str(port)]
        command = [sys.executable, "-m", "torch.distributed.run", *launcher, *module]
    return subprocess.run(command, capture_output=True, text=True, env=ONE_THREAD)


def logged(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_training_resumes_where_it_was_killed_and_ends_as_if_it_never_had_been(stream: Path, tmp_path: Path):
    tokens = np.fromfile(stream / "epoch-0.bin", dtype=np.uint16)
    (stream / "epoch-0.bin").unlink()
    tokens[:8000].tofile(stream / "epoch-1.bin")
    tokens[8000:17000].tofile(tmp_path / "more.bin")
    flags = ["--data", str(stream), "--tokens", "20480", "--checkpoint-minutes", "0"]

    def code(killed_at: int) -> str:
        """A run to which an epoch is added in its first pass, and which dies in the second."""
        return (
            "import shutil, training.train as t; calls = [0]\n"
            "real = t.learning_rate\n"
            "def rate(*a):\n"
            "    calls[0] += 1\n"
            f"    if calls[0] == 10: shutil.copy({str(tmp_path / 'more.bin')!r}, {str(stream / 'epoch-0.bin')!r})\n"
            f"    if calls[0] == {killed_at}: raise KeyboardInterrupt\n"
            "    return real(*a)\n"
            "t.learning_rate = rate; t.main()"
        )

    ends = []
    for name, killed_at in (("whole", 0), ("parts", 41)):
        (stream / "epoch-0.bin").unlink(missing_ok=True)
        out = tmp_path / name
        command = [sys.executable, "-c", code(killed_at), *SMALL, *flags, "--out", str(out)]
        first = subprocess.run(command, capture_output=True, text=True, env=ONE_THREAD)
        if killed_at:
            assert first.returncode != 0
            assert logged(out)[-1]["update"] == 40
            first = run(*flags, "--out", str(out))
        assert first.returncode == 0, first.stderr
        ends.append(torch.load(out / "checkpoint.pt", weights_only=True))
    assert ends[0]["update"] == ends[1]["update"] == 80
    assert ends[0]["stream"] == ends[1]["stream"] == {"names": ["epoch-0.bin", "epoch-1.bin"], "start": 8000}
    for name, value in ends[0]["model"].items():
        assert torch.equal(value, ends[1]["model"][name]), name


def test_training_goes_on_from_an_exported_checkpoint(stream: Path, tmp_path: Path):
    torch.manual_seed(5)
    start, out = MatLM(Config(hidden=128, layers=2, heads=2, kv_heads=1, ffn=256, context=64), torch.float32), tmp_path
    export(start, Path("models/matlm-6m/tokenizer.json"), tmp_path / "exported")
    still = ["--muon-lr", "0", "--muon-decay", "0", "--adam-lr", "0"]  # so that the weights show where it began
    (stream / "origin.json").write_text(json.dumps(origin(tmp_path / "exported" / "tokenizer.json")))
    flags = ["--data", str(stream), "--out", str(out), "--tokens", "512", "--init", str(tmp_path / "exported")]
    result = run(*flags, *still)
    assert result.returncode == 0, result.stderr
    begun, exported = load_run(out), load_exported(tmp_path / "exported")
    assert begun.config == start.config
    for (name, value), expected in zip(begun.named_parameters(), exported.parameters(), strict=True):
        assert torch.equal(value, expected), name
    missing = run("--data", str(stream), "--out", str(out), "--tokens", "512", "--init", str(tmp_path / "nowhere"))
    assert missing.returncode == 1
    assert "--init takes a folder that training.export wrote" in missing.stderr


def test_two_processes_train_to_the_same_loss_as_one_with_the_same_global_batch(stream: Path, tmp_path: Path):
    losses = []
    for processes in (1, 2):
        out = tmp_path / str(processes)
        result = run("--data", str(stream), "--out", str(out), "--tokens", "20480", processes=processes)
        assert result.returncode == 0, result.stderr
        losses.append(logged(out)[-1]["nats"])
    assert losses[0].keys() == losses[1].keys()
    assert losses[0]["XL"] < 7.5  # from 8.3: it has learned something
    for name in losses[0]:
        assert losses[0][name] == pytest.approx(losses[1][name], rel=0.01)


def test_a_budget_in_operations_buys_a_small_submodel_more_tokens(stream: Path, tmp_path: Path):
    config = Config(hidden=64, layers=1, heads=1, kv_heads=1, ffn=256, context=64)
    tokens = {}
    for name in ("S", "XL"):
        flags = ["--data", str(stream), "--out", str(tmp_path / name), "--petaflops", "2e-5", "--objective", name]
        result = run(*flags, module="training.experiments.train")
        assert result.returncode == 0, result.stderr
        last = logged(tmp_path / name)[-1]
        tokens[name] = last["tokens"]
        an_update = 6 * 256 * (config.parameters(config.widths(name)) + 64 * 4096) / 1e15
        assert 2e-5 <= last["petaflops"] < 2e-5 + 1.5 * an_update
        assert last["petaflops"] == pytest.approx(last["update"] * an_update, rel=0.01)
    assert tokens["S"] > tokens["XL"]


def test_a_checkpoint_of_another_shape_is_refused_and_left_alone(stream: Path, tmp_path: Path):
    out = tmp_path / "run"
    assert run("--data", str(stream), "--out", str(out), "--tokens", "512").returncode == 0
    before = (out / "checkpoint.pt").read_bytes()
    other = run("--data", str(stream), "--out", str(out), "--tokens", "1024", "--hidden", "128")
    assert other.returncode == 1
    assert "use another --out" in other.stderr
    assert "Traceback" not in other.stderr
    for flag, value in (("--batch", "512"), ("--optimizer", "adamw"), ("--seed", "2")):
        other = run("--data", str(stream), "--out", str(out), "--tokens", "1024", flag, value)
        assert f"was started with {flag} " in other.stderr
        assert "use another --out" in other.stderr
    (stream / "origin.json").write_text(json.dumps({"tokenizer": "another", "vocabulary": 4096}))
    other = run("--data", str(stream), "--out", str(out), "--tokens", "1024")
    assert "was started with tokens of the tokenizer None, not another; use another --out" in other.stderr
    (stream / "origin.json").write_text(json.dumps({"tokenizer": "another", "vocabulary": 8192}))
    other = run("--data", str(stream), "--out", str(tmp_path / "other"), "--tokens", "1024")
    assert "tokens of a vocabulary of 8192; give it as --vocabulary" in other.stderr
    assert (out / "checkpoint.pt").read_bytes() == before


def test_a_loss_that_is_no_number_ends_the_run_and_is_not_saved(stream: Path, tmp_path: Path):
    flags = ["--data", str(stream), "--out", str(tmp_path / "run"), "--tokens", "20480", "--checkpoint-minutes", "0"]
    ended = run(*flags, "--adam-lr", "1e30", "--muon-lr", "1e30")
    assert ended.returncode == 1
    assert "start again in another --out with a lower --muon-lr" in ended.stderr
    checkpoint = tmp_path / "run" / "checkpoint.pt"
    saved = torch.load(checkpoint, weights_only=True)["model"] if checkpoint.exists() else {}
    assert all(torch.isfinite(value).all() for value in saved.values())
    assert logged(tmp_path / "run")[-1]["update"] < 20  # reported when it would have been saved, not with the next line


def test_a_full_disk_leaves_the_last_checkpoint_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from training import train

    path = tmp_path / "checkpoint.pt"
    train.save(path, {"update": 1})

    def fail(_state: object, part: Path) -> None:
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(SystemExit, match=r"No space left on device.*the last checkpoint is complete"):
        train.save(path, {"update": 2})
    monkeypatch.undo()
    assert torch.load(path)["update"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_the_trainer_knows_its_own_objective_and_experiments_add_theirs(stream: Path, tmp_path: Path):
    flags = ["--data", str(stream), "--out", str(tmp_path / "run"), "--tokens", "512", "--objective", "sandwich"]
    refused = run(*flags)
    assert refused.returncode == 2
    assert "invalid choice: 'sandwich' (choose from sampled-xs)" in refused.stderr.replace("'sampled-xs'", "sampled-xs")
    assert run(*flags, module="training.experiments.train").returncode == 0


def test_a_batch_that_cannot_be_shared_out_is_refused(stream: Path, tmp_path: Path):
    refused = run("--data", str(stream), "--out", str(tmp_path / "run"), "--tokens", "512", "--batch", "100")
    assert refused.returncode == 1
    assert "--batch 100 is not a multiple of --chunk 128" in refused.stderr
