"""Checkpoints that go out to other runtimes and come in from them."""

import itertools
import json
import shutil
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config, Qwen3Config

from training import elastic, export, submodel
from training.export import SHIPPED
from training.model import MatLM


@pytest.fixture
def folder(tmp_path: Path, tiny_model: MatLM, trained_tokenizer: Tokenizer) -> Path:
    trained_tokenizer.save(str(tmp_path / "tokenizer.in.json"))
    export.export(tiny_model, tmp_path / "tokenizer.in.json", tmp_path / "model")
    return tmp_path / "model"


def test_an_export_reads_back_as_nearly_the_same_model(folder: Path, tiny_model: MatLM, tokens: torch.Tensor):
    again = export.load_exported(folder)
    for name in ("XS", "S", "M", "L", "XL"):
        logits, stored = (m.logits(tokens, m.config.widths(name)).detach() for m in (tiny_model, again))
        assert (logits - stored).square().mean().sqrt() < 0.03 * logits.std()
    shapes = json.loads((folder / "config.json").read_text())["matformer"]["granularities"]
    assert shapes["XS"] == [8, 0]
    assert shapes["XL"] == [64, 64]


@torch.no_grad()
def test_the_shipped_model_loads_in_transformers_with_the_same_logits():
    theirs, ours = AutoModelForCausalLM.from_pretrained(SHIPPED, dtype=torch.float32), export.load_exported(SHIPPED)
    tokens = torch.randint(7, ours.config.vocabulary, (1, 100), generator=torch.Generator().manual_seed(5))
    logits = ours.logits(tokens, ours.config.widths("XL"))
    assert torch.allclose(theirs(tokens).logits, logits, atol=1e-3, rtol=1e-3)
    assert logits.std() > 1


@torch.no_grad()
@pytest.mark.parametrize("widths", [[64, 64], [8, 0], [32, 8]])
def test_a_submodel_is_a_plain_qwen3_in_every_format(
    widths: list[int], folder: Path, tokens: torch.Tensor, tmp_path: Path
):
    model = export.load_exported(folder)
    logits = model.logits(tokens, widths)
    raw, tensors = submodel.dense(model, widths)
    submodel.write_hugging_face(raw, tensors, folder / "tokenizer.json", torch.float32, tmp_path / "hf")
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "hf", dtype=torch.float32)
    assert torch.allclose(theirs(tokens).logits, logits, atol=1e-4)
    assert theirs.config.num_hidden_layers == sum(width > 0 for width in widths)
    assert theirs.config.intermediate_size == max(widths)

    submodel.write_safetensors(raw, tensors, torch.float16, tmp_path / "half.safetensors")
    with safe_open(tmp_path / "half.safetensors", "pt") as file:
        assert json.loads(file.metadata()["config"]) == raw
        assert set(file.keys()) == set(tensors)
        assert file.get_tensor("model.norm.weight").dtype == torch.float16

    submodel.write_gguf(raw, tensors, folder / "tokenizer.json", "f32", tmp_path / "f32.gguf")
    read = gguf.GGUFReader(tmp_path / "f32.gguf")
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN3, raw["num_hidden_layers"])
    stored = {tensor.name: tensor.data for tensor in read.tensors}
    assert stored.keys() == {names.get_name(name, try_suffixes=(".weight",)) for name in tensors}
    for name, tensor in tensors.items():
        assert np.array_equal(stored[names.get_name(name, try_suffixes=(".weight",))], tensor.numpy()), name
    assert read.fields["qwen3.feed_forward_length"].contents() == max(widths)
    assert len(read.fields["tokenizer.ggml.tokens"].contents()) == raw["vocab_size"]


def test_submodels_are_named_or_listed(folder: Path):
    config = export.load_exported(folder).config
    assert submodel.widths_of(folder, config, "XS") == [8, 0]
    assert submodel.widths_of(folder, config, "32,0") == [32, 0]
    for wrong in ("Q", "32", "32,65", "0,0"):
        with pytest.raises(SystemExit, match=wrong):
            submodel.widths_of(folder, config, wrong)


def test_the_eight_bits_of_gguf_are_not_offered_to_formats_that_lack_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["submodel", "--dtype", "q8_0", "--out", "nowhere"])
    with pytest.raises(SystemExit, match="q8_0 is a format of gguf"):
        submodel.main()


SHAPE = {
    "vocab_size": 320, "hidden_size": 32, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 128, "eos_token_id": 0,
}  # fmt: skip
FAMILIES = {
    "llama": LlamaConfig(**SHAPE, mlp_bias=True),
    "qwen2": Qwen2Config(**SHAPE, tie_word_embeddings=True),
    "qwen3": Qwen3Config(**SHAPE),
}


@pytest.fixture(params=FAMILIES)
def dense_folder(request: pytest.FixtureRequest, tmp_path: Path, folder: Path) -> Path:
    """A checkpoint whose last units matter most: the reverse of what a nested one needs."""
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(FAMILIES[request.param])
    with torch.no_grad():
        for layer in model.model.layers:
            layer.mlp.down_proj.weight.mul_(512 * torch.linspace(0, 1, 256) ** 9)
    model.save_pretrained(tmp_path / "dense")
    shutil.copy(folder / "tokenizer.json", tmp_path / "dense")
    marks = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}
    (tmp_path / "dense" / "tokenizer_config.json").write_text(json.dumps(marks))
    return tmp_path / "dense"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["elastic", *arguments])
    elastic.main()


@torch.no_grad()
def logits(folder: Path, widths: list[int], tokens: torch.Tensor) -> torch.Tensor:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with elastic.submodel(model, widths):
        return model(tokens).logits


def test_a_dense_checkpoint_becomes_elastic(
    dense_folder: Path, tokens: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    out = tmp_path / "elastic"
    run(monkeypatch, "--model", str(dense_folder), "--text", __file__, "--window", "64", "--out", str(out))
    shapes = json.loads((out / "config.json").read_text())["matformer"]["granularities"]
    assert shapes == {"XS": [32, 0], "S": [32, 32], "M": [64, 64], "L": [128, 128], "XL": [256, 256]}
    whole = logits(dense_folder, shapes["XL"], tokens)
    assert torch.allclose(logits(out, shapes["XL"], tokens), whole, atol=1e-4)
    distances = [(logits(out, shapes[name], tokens) - whole).norm() for name in ("S", "M", "L")]
    assert distances[0] > distances[1] > distances[2]
    unsorted = [(logits(dense_folder, shapes[name], tokens) - whole).norm() for name in ("S", "M", "L")]
    assert all(a < 0.5 * b for a, b in zip(distances, unsorted, strict=True))
    printed = capsys.readouterr().out
    assert all(f"| {name} |" in printed for name in elastic.NAMES)


def test_nested_fine_tuning_lowers_the_loss_of_the_small(dense_folder: Path):
    model = AutoModelForCausalLM.from_pretrained(dense_folder, dtype=torch.float32)
    shapes = elastic.granularities(2, 256)
    rows = [torch.arange(64) % 5 + 20, torch.arange(64) % 7 + 40]
    before = elastic.losses(model, shapes, rows)
    ticks = itertools.count()
    assert elastic.fine_tune(model, shapes, rows, 1.0, 1e-3, clock=lambda: next(ticks)) == 59
    after = elastic.losses(model, shapes, rows)
    assert all(after[name] < before[name] for name in shapes)


def test_what_cannot_become_elastic_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def attempt() -> None:
        run(monkeypatch, "--model", str(tmp_path), "--text", __file__, "--out", str(tmp_path / "out"))

    with pytest.raises(SystemExit, match=r"no config\.json"):
        attempt()
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(SystemExit, match="a gpt2 checkpoint; expected one of llama, qwen2, qwen3"):
        attempt()
