"""Dense checkpoints made elastic: sorted, compensated, given widths, fine-tuned and written."""

import copy
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer, models
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedModel, Qwen2Config, Qwen3Config

from training import export, submodel
from training.data import origin
from training.elastic import __main__ as command
from training.elastic import orders
from training.elastic.budgets import budgets, cost_curve, measured_widths, sensitivities
from training.elastic.calibrate import ORDERS, Calibration, calibrate, ranking, sort_units
from training.elastic.checkpoint import Checkpoint, CheckpointError, load, save
from training.elastic.finetune import Settings, Tuner, fine_tune, precision
from training.elastic.measure import LineEnds, score
from training.elastic.nested import blocks, full_widths, make_nested, set_widths, uniform
from training.elastic.nested import submodel as narrow
from training.elastic.text import OurText, Stream, TextError, prose_of, read_sample, windows
from training.model import MatLM

SHAPE = {
    "vocab_size": 320, "hidden_size": 32, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 128, "eos_token_id": 0, "bos_token_id": None,
    "pad_token_id": None,
}  # fmt: skip
FAMILIES = {
    "llama": LlamaConfig(**SHAPE, mlp_bias=True),
    "qwen2": Qwen2Config(**SHAPE, tie_word_embeddings=True),
    "qwen3": Qwen3Config(**SHAPE),
}
SHAPES = {"S": [32, 32], "M": [64, 64], "L": [128, 128]}


def dense(family: str = "qwen2") -> PreTrainedModel:
    """A model whose last units matter most, the reverse of what a nested one needs, and whose logits are spread."""
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(FAMILIES[family])
    with torch.no_grad():
        model.model.norm.weight.mul_(20)
        for layer in model.model.layers:
            layer.self_attn.v_proj.weight.mul_(10)
            layer.self_attn.o_proj.weight.mul_(10)
            layer.mlp.down_proj.weight.mul_(64 * torch.linspace(0, 1, 256) ** 4)
            if family == "llama":  # activations with a mean
                layer.mlp.gate_proj.bias.fill_(0.2)
                layer.mlp.up_proj.bias.fill_(0.2)
    return model.eval()


@pytest.fixture
def rows() -> list[list[int]]:
    return torch.randint(7, 320, (6, 48), generator=torch.Generator().manual_seed(2)).tolist()


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randint(7, 320, (2, 33), generator=torch.Generator().manual_seed(3))


def write_dense(folder: Path, family: str, trained_tokenizer: Tokenizer) -> Path:
    dense(family).save_pretrained(folder)
    trained_tokenizer.save(str(folder / "tokenizer.json"))
    marks = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(marks))
    return folder


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """Sources of this project."""
    folder = tmp_path / "sample"
    folder.mkdir()
    for file in Path("training").glob("*.py"):
        shutil.copy(file, folder)
    return folder


def logits(model: PreTrainedModel, widths: list[int], tokens: torch.Tensor) -> torch.Tensor:
    with torch.no_grad(), narrow(model, widths):
        return model(tokens).logits


def sorted_model(family: str, rows: list[list[int]], order: str = "energy") -> tuple[PreTrainedModel, Calibration]:
    model = make_nested(dense(family))
    calibration = calibrate(model, rows)
    sort_units(model, calibration, ranking(model, calibration, order), compensate=True)
    return model, calibration


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("family", FAMILIES)
def test_sorting_keeps_the_whole_model_and_makes_prefixes_better(
    family: str, order: str, rows: list[list[int]], tokens: torch.Tensor
):
    whole = dense(family)(tokens).logits.detach()
    unsorted = make_nested(dense(family))
    model, _ = sorted_model(family, rows, order)
    assert torch.allclose(logits(model, full_widths(model), tokens), whole, atol=1e-4)
    for widths in SHAPES.values():
        ours, theirs = ((logits(m, widths, tokens) - whole).norm() for m in (model, unsorted))
        assert ours < 0.7 * theirs


def test_the_mean_of_the_cut_units_is_added(rows: list[list[int]]):
    model, calibration = sorted_model("llama", rows)
    mlp, x = blocks(model)[1], torch.randn(5, 32)
    set_widths(model, [256, 64])
    h = F.silu(mlp.gate_proj(x)) * mlp.up_proj(x)
    h[:, 64:] = calibration.mean[1][64:].float()
    assert torch.allclose(mlp(x), mlp.down_proj(h), atol=1e-6)
    # The statistics moved along with the units: taken again, they are the same.
    again = calibrate(model, rows)
    for kept, found in zip(calibration.mean + calibration.square, again.mean + again.square, strict=True):
        assert torch.allclose(kept, found, rtol=1e-3, atol=1e-7)


def test_compensation_brings_the_submodels_nearer(rows: list[list[int]], tokens: torch.Tensor):
    model, calibration = sorted_model("llama", rows)
    whole, half = (logits(model, widths, tokens) for widths in (full_widths(model), SHAPES["L"]))
    sort_units(model, calibration, ranking(model, calibration, "energy"), compensate=False)
    assert (half - whole).norm() < 0.9 * (logits(model, SHAPES["L"], tokens) - whole).norm()


def test_the_sensitivity_of_a_layer_is_the_loss_of_cutting_it_alone(rows: list[list[int]]):
    model, _ = sorted_model("llama", rows)
    costs, found = sensitivities(model, rows), measured_widths(256)
    assert costs.shape == (2, len(found))

    def nats(widths: list[int]) -> float:
        with torch.no_grad(), narrow(model, widths):
            losses = [model(torch.tensor([row]), labels=torch.tensor([row])).loss.item() for row in rows]
        return sum(losses) / len(losses)

    whole = nats([256, 256])
    assert costs[1, 0] == pytest.approx(nats([256, found[0]]) - whole, rel=1e-2)
    assert costs[0, 2] == pytest.approx(nats([found[2], 256]) - whole, rel=1e-2)
    assert full_widths(model) == [mlp.width for mlp in blocks(model)]


def test_budgets_are_the_best_that_the_curves_allow():
    costs = np.array([[4.0, 2.0, 0.5, 0.1, 0.0], [0.4, 0.2, 0.05, 0.01, 0.0], [1.0, 0.8, -0.1, 0.3, 0.0]])
    curves = [cost_curve(256, measured_widths(256), row) for row in costs]
    assert all((np.diff(curve) <= 0).all() and curve[-1] == 0 for curve in curves)
    for share in (0.125, 0.25, 0.5, 0.9, 1.0):
        found = budgets(256, costs, share)
        total = round(share * 24)
        assert sum(found) == 32 * total
        spread = [(a, b, total - a - b) for a in range(1, 9) for b in range(1, 9) if 1 <= total - a - b <= 8]
        least = min(sum(c[k - 1] for c, k in zip(curves, ks, strict=True)) for ks in spread)
        assert sum(c[w // 32 - 1] for c, w in zip(curves, found, strict=True)) == pytest.approx(least)
    assert budgets(256, costs, 0.5)[0] > budgets(256, costs, 0.5)[1]


def test_the_rest_of_a_line_is_exact_if_every_token_up_to_its_end_is(trained_tokenizer: Tokenizer, tmp_path: Path):
    trained_tokenizer.save(str(tmp_path / "tokenizer.json"))
    text = OurText(tmp_path / "tokenizer.json")
    ends = LineEnds(text, 320)
    right = torch.tensor([*text.ids("ab;"), *text.ids("\n"), *text.ids("cd")])
    line = len(text.ids("ab;"))
    assert ends.rest_of_lines(right, right) == (line, line)  # the end alone is no cursor; the last line has no end
    wrong = right.clone()
    wrong[0] = 319
    assert ends.rest_of_lines(right, wrong) == (line, line - 1)
    wrong[line] = 319  # the line would go on
    assert ends.rest_of_lines(right, wrong) == (line, 0)


class Words:
    """In the place of a tokenizer: the text of a file is its tokens."""

    def pieces(self, files: list[dict], window: int, rng: object) -> list[list[int]]:
        return [file["text"][:window] for file in files]


def tuner(rows: list[list[int]], **settings) -> tuple[Tuner, Stream]:
    model, calibration = sorted_model("llama", rows)
    for mlp in blocks(model):  # to be found by training
        mlp.mean_active.data.zero_()
    defaults = {"batch": 96, "window": 48, "tokens": 960, "evaluate_every": 0, "checkpoint_minutes": 0}
    made = Settings(**(defaults | settings))
    teacher = copy.deepcopy(model) if made.mode == "weights" else model
    return Tuner(model, teacher, calibration, SHAPES, made), Stream(Words(), [{"text": row} for row in rows], 48)


def divergences(model: PreTrainedModel, tokens: torch.Tensor) -> dict[str, float]:
    """KL of each size with the dense model, nats a token."""
    right = dense("llama")(tokens).logits.detach().log_softmax(-1)

    def divergence(widths: list[int]) -> float:
        logs = logits(model, widths, tokens).log_softmax(-1)
        return F.kl_div(logs, right, log_target=True, reduction="sum").item() / tokens.numel()

    return {name: divergence(widths) for name, widths in (SHAPES | {"XL": full_widths(model)}).items()}


@pytest.mark.parametrize("mode", ["weights", "means"])
def test_fine_tuning_brings_the_submodels_nearer_to_the_dense_model(
    mode: str, rows: list[list[int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("training.elastic.finetune.LABELS", 0.0)  # random tokens have nothing to teach
    tuned, stream = tuner(rows, mode=mode, tokens=96 * 120, means_rate=0.05, rate=3e-4, checkpoint_minutes=1)
    seen = torch.tensor(rows)
    before, first = divergences(tuned.model, seen), logits(tuned.model, [256, 256], seen)
    fine_tune(tuned, stream, tmp_path)
    after = divergences(tuned.model, seen)
    assert after["S"] < 0.9 * before["S"] and after["M"] < 0.9 * before["M"]
    assert after["XL"] < 0.05 * before["S"]
    assert torch.equal(logits(tuned.model, [256, 256], seen), first) == (mode == "means")


@pytest.mark.parametrize("mode", ["weights", "means"])
def test_a_run_that_was_interrupted_ends_as_if_it_never_had_been(
    mode: str, rows: list[list[int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole, stream = tuner(rows, mode=mode)
    fine_tune(whole, stream, tmp_path / "whole")

    killed, stream = tuner(rows, mode=mode)
    step = killed.step

    def step_until_killed(*batch: torch.Tensor) -> tuple[str, float, float]:
        if killed.update == 4:
            raise KeyboardInterrupt
        return step(*batch)

    monkeypatch.setattr(killed, "step", step_until_killed)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(killed, stream, tmp_path / "part")
    resumed, stream = tuner(rows, mode=mode)
    fine_tune(resumed, stream, tmp_path / "part")
    assert resumed.update == whole.update > 4
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name]), name

    with pytest.raises(ValueError, match=r"was started with --rate 0\.0001, not with --rate 1.0"):
        fine_tune(*tuner(rows, mode=mode, rate=1.0), tmp_path / "part")


def make(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> None:
    monkeypatch.setattr(sys, "argv", ["elastic", *map(str, arguments)])
    command.main()


QUICK = ("--calibration-tokens", 600, "--heldout-tokens", 600, "--window", 64, "--batch", 128, "--dtype", "f32")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_command_writes_what_it_reads_back(
    family: str, sample: Path, tokens: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    trained_tokenizer: Tokenizer, capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    dense_folder = write_dense(tmp_path / "dense", family, trained_tokenizer)
    out = tmp_path / "elastic"
    arguments = ("--model", dense_folder, "--text", sample, "--heldout", sample, "--out", out, *QUICK)
    make(monkeypatch, *arguments)
    matformer = json.loads((out / "config.json").read_text())["matformer"]
    assert matformer["compensation"] == "mean"
    assert [row["name"] for row in matformer["frontier"]] == ["S", "M", "L", "XL"], "cheapest first"
    assert all(row["bitsPerByte"] > 0 and 0 <= row["agreementWithXL"] <= 1 for row in matformer["frontier"])
    assert all(row["ffnWidths"] == matformer["granularities"][row["name"]] for row in matformer["frontier"])
    assert "training" not in matformer, "sizes that were not trained may be looked for again"
    assert {name: sum(widths) for name, widths in matformer["granularities"].items()} == {
        "S": 64, "M": 128, "L": 256, "XL": 512,
    }  # fmt: skip
    stored = load_file(out / "model.safetensors")
    assert stored["model.layers.1.mlp.mean_active"].dtype == torch.float32
    whole = AutoModelForCausalLM.from_pretrained(dense_folder, dtype=torch.float32)(tokens).logits.detach()
    again = load(out).model
    assert torch.allclose(logits(again, [256, 256], tokens), whole, atol=1e-3)
    # Others read XL of it.
    assert torch.allclose(
        AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)(tokens).logits, whole, atol=1e-4
    )
    # The submodels are those that were measured.
    found = windows(load(out).text, read_sample([sample]), 128, 600)
    shapes = {"L": matformer["granularities"]["L"]}
    bits = score(again, shapes, found, precision=precision(torch.device("cpu")))["L"].bits_per_byte
    assert f"{bits:.4f}" in capsys.readouterr().out

    make(monkeypatch, *arguments, "--prose", sample, "--tokens", 1000, "--evaluate-every", 0)
    code, english = capsys.readouterr().out.split("English: ")
    table = english[english.index("| Size") : english.rindex("|")]
    assert table.count("\n| ") == 5 and table in code, "of the same text the same figures"
    trained = load_file(out / "model.safetensors")
    assert not torch.equal(
        trained["model.layers.0.mlp.gate_proj.weight"], stored["model.layers.0.mlp.gate_proj.weight"]
    )
    assert torch.equal(trained["model.embed_tokens.weight"], stored["model.embed_tokens.weight"])


def test_a_model_of_ours_goes_out_in_int8(
    tiny_model: MatLM, trained_tokenizer: Tokenizer, sample: Path, tokens: torch.Tensor, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    trained_tokenizer.save(str(tmp_path / "tokenizer.json"))
    export.export(tiny_model, tmp_path / "tokenizer.json", tmp_path / "model")
    out = tmp_path / "elastic"
    make(monkeypatch, "--model", tmp_path / "model", "--text", sample, "--heldout", sample, "--out", out, *QUICK)
    stored = load_file(out / "model.safetensors")
    assert stored["model.layers.0.mlp.down_proj.weight"].dtype == torch.int8
    assert stored["model.layers.0.mlp.mean_active"].shape == (64,)
    whole = logits(load(tmp_path / "model").model, [64, 64], tokens)
    again = logits(load(out).model, [64, 64], tokens)
    assert (again - whole).square().mean().sqrt() < 0.02 * whole.std()
    with pytest.raises(SystemExit, match="its submodels are compensated"):
        export.load_exported(out)


def test_a_gguf_file_is_dequantised(
    tiny_model: MatLM, trained_tokenizer: Tokenizer, tokens: torch.Tensor, tmp_path: Path
):
    trained_tokenizer.save(str(tmp_path / "tokenizer.json"))
    raw, tensors = submodel.dense(tiny_model, [64, 64])
    submodel.write_gguf(raw, tensors, tmp_path / "tokenizer.json", "q8_0", tmp_path / "model.gguf")
    found = load(tmp_path / "model.gguf")
    assert all(p.dtype == torch.float32 for p in found.model.parameters())
    whole = tiny_model.logits(tokens, [64, 64]).detach()
    assert (logits(found.model, [64, 64], tokens) - whole).square().mean().sqrt() < 0.03 * whole.std()
    record = {"trainedTokens": 5}
    save(Checkpoint(found.model, found.text, False), {"L": [32, 32]}, record, tmp_path / "out", torch.float32)
    matformer = json.loads((tmp_path / "out" / "config.json").read_text())["matformer"]
    assert matformer["training"] == record and "elastic" not in matformer, "trained sizes are kept"
    assert torch.equal(logits(load(tmp_path / "out").model, [64, 64], tokens), logits(found.model, [64, 64], tokens))


def test_the_orders_are_compared_and_measured_rows_are_kept(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained_tokenizer: Tokenizer,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    dense_folder = write_dense(tmp_path / "dense", "qwen3", trained_tokenizer)
    arguments = ["orders", "--model", str(dense_folder), "--text", str(sample), "--code", str(sample)]
    arguments += ["--out", str(tmp_path / "orders"), "--calibration-tokens", "600", "--code-tokens", "300"]
    monkeypatch.setattr(sys, "argv", [*arguments, "--sensitivity-tokens", "200"])
    orders.main()
    first = capsys.readouterr().out
    assert first.count("| energy, bias, budgets |") == len(orders.MEASURES)
    measured, statistics = (tmp_path / "orders" / name for name in ("measured.jsonl", "statistics.pt"))

    def kill(rows_left: int) -> None:
        lines = [line for line in measured.read_text().splitlines() if '"dense"' not in line]
        measured.write_text("".join(line + "\n" for line in lines[:rows_left]))

    for name, value in (("--calibration-tokens", "700"), ("--code-tokens", "400")):
        with monkeypatch.context() as patched, pytest.raises(SystemExit, match=f"with {name} .*; use another --out"):
            patched.setattr(sys, "argv", [*sys.argv, name, value])
            orders.main()
    state = torch.load(statistics)
    torch.save({name: value for name, value in state.items() if name != "inputs"}, statistics)
    with pytest.raises(SystemExit, match="an earlier version made it"):
        orders.main()
    del state["costs"]
    torch.save(state, statistics)
    for rows_left in (9, 27):  # killed among the second order, then among the budgets
        kill(rows_left)
        orders.main()
        assert capsys.readouterr().out == first


@pytest.fixture
def begun(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained_tokenizer: Tokenizer
) -> dict[str, str | Path | int]:
    """The options of a training that came to its end."""
    options = {
        "model": write_dense(tmp_path / "dense", "qwen3", trained_tokenizer), "text": sample, "heldout": sample,
        "out": tmp_path / "elastic", "calibration-tokens": 600, "heldout-tokens": 300, "window": 64, "batch": 128,
        "widths": "uniform", "tokens": 300, "evaluate-every": 0,
    }  # fmt: skip
    make_of(monkeypatch, options)
    return options


def make_of(monkeypatch: pytest.MonkeyPatch, options: dict[str, str | Path | int]) -> None:
    make(monkeypatch, *(part for name, value in options.items() for part in (f"--{name}", value)))


def test_a_rerun_with_another_input_is_refused(
    begun: dict[str, str | Path | int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained_tokenizer: Tokenizer
):
    other = write_dense(tmp_path / "other", "qwen3", trained_tokenizer)
    model = AutoModelForCausalLM.from_pretrained(other)
    with torch.no_grad():
        model.model.norm.weight[0] += 1
    model.save_pretrained(other)
    (tmp_path / "text").mkdir()
    for i in range(2):
        (tmp_path / "text" / f"{i}.py").write_text("x = 1\n" * 2000)
    marks = tmp_path / "marks"
    shutil.copytree(begun["model"], marks)
    trained_tokenizer.save(str(marks / "tokenizer.json"), pretty=False)
    run = tmp_path / "elastic.run"

    def refused(message: str, **changed: str | Path | int) -> None:
        with monkeypatch.context() as patched, pytest.raises(SystemExit, match=message):
            patched.setattr(command, "score", lambda *_: pytest.fail("it was measured first"))
            make_of(patched, begun | {name.replace("_", "-"): value for name, value in changed.items()})

    refused(r"sorted\.pt: was started with --model .*dense, not with --model .*other; use another --out", model=other)
    refused("was started with --text .*sample, not with --text .*text; use another --out", text=tmp_path / "text")
    refused("was started with --tokenizer .*dense/tokenizer.json, not", model=marks)
    refused("was started with --seed 1, not with --seed 2; use another --out", seed=2)
    refused("was started with --calibration-tokens 600, not", calibration_tokens=700)
    refused("was started with --widths uniform, not with --widths budgets", widths="budgets")
    refused(r"checkpoint\.pt: was started with --batch 128, not with --batch 64; use another --out", batch=64)
    # Files may move, and the budget may grow.
    moved = begun["model"].rename(tmp_path / "moved")
    make_of(monkeypatch, begun | {"model": moved, "tokens": 400})
    with monkeypatch.context() as changed:
        read = command.read_sample
        changed.setattr(command, "read_sample", lambda *given: read(*given)[1:])
        refused("was started with --text .*sample, whose content has changed since; use another --out", model=moved)

    kept = torch.load(run / "sorted.pt")
    (run / "sorted.pt").unlink()
    refused(r"checkpoint\.pt: was started with --model .*, not with --model .*other", model=other)
    del kept["inputs"]
    torch.save(kept, run / "sorted.pt")
    refused(r"sorted\.pt: an earlier version made it, .*; use another --out", model=moved)


def test_options_that_would_be_ignored_or_fail_late_are_refused_at_once(
    begun: dict[str, str | Path | int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], trained_tokenizer: Tokenizer,
):  # fmt: skip
    def refused(message: str, without: tuple[str, ...] = (), **changed: str | Path | int) -> None:
        options = begun | {"text": "nowhere", "out": tmp_path / "new"}
        options |= {name.replace("_", "-"): value for name, value in changed.items()}
        with pytest.raises(SystemExit) as ended:
            make_of(monkeypatch, {name: value for name, value in options.items() if name not in without})
        assert message in str(ended.value) + capsys.readouterr().err

    (tmp_path / "file").touch()
    refused("file: not a folder; use another --out", out=tmp_path / "file")
    refused("is the --model, which would be overwritten", out=begun["model"])
    refused("checkpoint.pt: holds a training, which", without=("tokens",), out=begun["out"])
    refused("--data and --mode are for training", without=("tokens",), mode="all")
    refused("--data and --mode are for training", without=("tokens",), data=tmp_path)
    refused("dense: has a tokenizer of its own; leave out --tokenizer", tokenizer=begun["model"] / "tokenizer.json")
    refused("argument --window: 16: expected 17 or more", window=16)
    for name in ("calibration-tokens", "heldout-tokens", "batch", "chunk"):
        refused(f"argument --{name}: 0: expected 1 or more", **{name: 0})
    refused("argument --tokens: -5: expected 0 or more", tokens=-5)
    run = tmp_path / "run"
    run.mkdir()
    (run / "checkpoint.pt").touch()
    refused("run: a training run; give the tokenizer.json", model=run)
    refused("none.json: no such file; give the tokenizer.json", model=run, tokenizer=tmp_path / "none.json")
    Tokenizer(models.BPE()).save(str(tmp_path / "plain.json"))
    refused("plain.json: has not our special tokens", model=run, tokenizer=tmp_path / "plain.json")


def test_tokens_of_another_tokenizer_and_none_at_all_are_refused_at_once(
    begun: dict[str, str | Path | int], tiny_model: MatLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    trained_tokenizer: Tokenizer,
):  # fmt: skip
    data, ours, run = tmp_path / "tokens", tmp_path / "ours.json", tmp_path / "run"
    data.mkdir()
    trained_tokenizer.save(str(ours))

    def refused(message: str, **changed: str | Path | int) -> None:
        with pytest.raises(SystemExit, match=message):
            make_of(monkeypatch, begun | {"text": "nowhere", "out": tmp_path / "new", "data": data} | changed)

    refused(r"tokens: no epoch-\*\.bin; make them with python -m training\.data")
    np.full(500, 9, dtype=np.uint16).tofile(data / "epoch-0.bin")
    refused(r"tokens: not known to be tokens of .*dense/tokenizer\.json; make such")
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    refused(r"model\.gguf: --data holds tokens of ours.*python -m training\.graft", model=tmp_path / "model.gguf")
    Tokenizer(models.BPE()).save(str(begun["model"] / "tokenizer.json"))
    refused(r"dense: --data holds tokens of ours.*python -m training\.graft")
    run.mkdir()
    torch.save({"config": asdict(tiny_model.config), "model": tiny_model.state_dict()}, run / "checkpoint.pt")
    refused("run: a training run; give the tokenizer.json", model=run)
    refused(r"tokens: not known to be tokens of .*ours\.json", model=run, tokenizer=ours)
    (data / "origin.json").write_text(json.dumps(origin(ours)))
    refused("nowhere: no such file or folder", model=run, tokenizer=ours)  # the next step
    make_of(monkeypatch, begun | {"out": tmp_path / "new", "data": data, "model": run, "tokenizer": ours})
    assert (tmp_path / "new.run" / "checkpoint.pt").exists()


def test_a_tokenizer_with_more_tokens_than_the_run_is_refused(
    tiny_model: MatLM, trained_tokenizer: Tokenizer, tmp_path: Path
):
    state = {"config": asdict(tiny_model.config), "model": tiny_model.state_dict()}
    torch.save(state, tmp_path / "checkpoint.pt")
    more = Tokenizer.from_str(trained_tokenizer.to_str())
    more.add_tokens([f"word{i}" for i in range(321 - more.get_vocab_size())])
    more.save(str(tmp_path / "ours.json"))
    with pytest.raises(CheckpointError, match=r"ours\.json: 321 tokens, of which .* has 320"):
        load(tmp_path, tmp_path / "ours.json")


def test_what_cannot_become_elastic_is_refused(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained_tokenizer: Tokenizer
):
    folder = tmp_path / "dense"

    def attempt(model: Path = folder, text: Path = sample) -> None:
        make(monkeypatch, "--model", model, "--text", text, "--heldout", sample, "--out", tmp_path / "out", *QUICK)

    with pytest.raises(SystemExit, match=r"dense: expected a GGUF file, a run of training.train, or a folder"):
        attempt()
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(SystemExit, match="a gpt2 checkpoint; expected one of llama, qwen2, qwen3"):
        attempt()
    (tmp_path / "text.gguf").write_text("no model")
    with pytest.raises(SystemExit, match=r"text\.gguf: not a GGUF file"):
        attempt(tmp_path / "text.gguf")
    (tmp_path / "short.py").write_text("x = 1\n" * 500)
    with pytest.raises(SystemExit, match="3,000 characters in 1 files of at least 400; expected 20,000"):
        attempt(text=tmp_path / "short.py")
    with pytest.raises(SystemExit, match="nowhere: no such file or folder"):
        attempt(text=tmp_path / "nowhere")
    AutoModelForCausalLM.from_config(LlamaConfig(**(SHAPE | {"intermediate_size": 32}))).save_pretrained(folder)
    trained_tokenizer.save(str(folder / "tokenizer.json"))
    with pytest.raises(SystemExit, match=r"dense: 32 hidden units a layer; widths are multiples of 32"):
        attempt()
    with pytest.raises(TextError, match="give more text"):
        read_sample([tmp_path / "short.py"])


def test_a_block_without_a_gate_and_widths_that_the_format_forbids_are_refused():
    plain = dense()
    plain.model.layers[0].mlp = torch.nn.Sequential(torch.nn.Linear(32, 256), torch.nn.Linear(256, 32))
    with pytest.raises(ValueError, match="block of layer 0 is not gated"):
        make_nested(plain)
    plain.config = copy.deepcopy(plain.config)
    plain.config.hidden_act = "gelu"
    with pytest.raises(ValueError, match="the activation is gelu; expected silu"):
        make_nested(plain)
    model = make_nested(dense())
    for wrong in ([48, 256], [256, 0], [288, 256]):
        with pytest.raises(ValueError, match="expected a multiple of 32 up to 256"):
            set_widths(model, wrong)
    assert uniform(model, 0.3) == [64, 64]
    with torch.no_grad():
        blocks(model)[0].up_proj.weight[0, 0] = float("nan")
    with pytest.raises(CheckpointError, match=r"up_proj\.weight has values that are not finite"):
        save(Checkpoint(model, Words(), False), {}, {}, Path("nowhere"))


def test_prose_is_the_running_text_of_markdown():
    sentence = "A library that does one thing, and does it for everybody who needs that thing done, again and again."
    markdown = f"# Title\n\n{sentence}\n\n```js\nconst {sentence}\n```\n\n- [a](b)\n\n<img>\n\n{sentence}"
    assert prose_of(markdown) == f"{sentence}\n\n{sentence}"
