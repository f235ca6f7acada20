"""Checkpoints that go out to other runtimes and come in from them."""

import json
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

from training import export, submodel
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


@torch.no_grad()
def test_a_nested_export_names_its_submodels(folder: Path, tmp_path: Path):
    stated = json.loads((folder / "config.json").read_text())["matformer"]
    raw, tensors = submodel.nested(folder, export.load_exported(folder))
    tokenizer = folder / "tokenizer.json"
    submodel.write_hugging_face(raw, tensors, tokenizer, torch.float32, tmp_path / "hf")
    assert json.loads((tmp_path / "hf" / "config.json").read_text())["matformer"] == stated
    submodel.write_gguf(raw, tensors, tokenizer, "q8_0", tmp_path / "q8_0.gguf")
    fields = gguf.GGUFReader(tmp_path / "q8_0.gguf").fields
    assert json.loads(fields["matformer"].contents()) == stated
    assert json.loads(fields["matcoder"].contents())["prompt"]["order"] == "spm"
    assert fields["tokenizer.huggingface.json"].contents() == tokenizer.read_text()


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
