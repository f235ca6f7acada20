"""What `matcoder import` makes of files on the disk is the model that they hold, as transformers computes it."""

import json
import subprocess
from pathlib import Path

import pytest
import torch
from checkpoints import any_tokenizer, parameters
from families import DISTINCT, FAMILIES, draw, draw_tokens
from gguf import GGMLQuantizationType as Kind
from gguf_reference import dequantised
from matcoder_engine import Engine
from reference import assert_same_text, error, logits_of, rounded_activations
from test_parity import GREEDY_TOKENS, tolerance
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from training.gguf_file import planned, write_gguf

SMOLLM2 = Path("build/models/smollm2-135m-q4_1.gguf")  # scripts/lib/smollm2.mjs fetches it
# A GGUF file has only what follows from llama3's parameters, and the importer knows those that models have.
IN_GGUF = [name for name in DISTINCT if "vocabulary" not in name and name != "llama3's scaling"]


def imported(source: Path, folder: Path, *options: str) -> Path:
    """The checkpoint's folder."""
    command = ["node", "dist/cli.js", "import", str(source), "--into", str(folder / "imported"), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "imported"


def assert_same_model(
    engine: Engine, checkpoint: Path, model: PreTrainedModel, tokens: torch.Tensor, form: str
) -> None:
    """`form` says how the engine rounds activations."""
    expected = logits_of(model, tokens)
    with rounded_activations(model, form):
        explained = error(logits_of(model, tokens), expected)
    found = engine.ask(checkpoint, tokens[0].tolist(), greedy=GREEDY_TOKENS)
    difference = error(found.logits, expected)
    assert difference < tolerance(explained), f"8 bits for activations explain {explained:.4f}"
    assert_same_text(found.greedy, model, tokens, tolerance=8 * difference)


def save_hugging_face(model: PreTrainedModel, folder: Path, **options: str) -> None:
    model.save_pretrained(folder, **options)
    any_tokenizer(model.config.vocab_size).save(str(folder / "tokenizer.json"))


def save_gguf(model: PreTrainedModel, kind: Kind, file: Path) -> None:
    raw = model.config.to_dict()
    tensors = [planned(name, weight.numpy(), kind) for name, weight in parameters(model)]
    write_gguf(raw, tensors, json.loads(any_tokenizer(raw["vocab_size"]).to_str()), "qwen2", file)


@pytest.mark.parametrize("kind", [Kind.Q8_0, Kind.Q4_0])
@pytest.mark.parametrize("name", IN_GGUF)
def test_a_gguf_file_of_8_or_4_bits_is_imported_exactly(name: str, kind: Kind, engine: Engine, tmp_path: Path):
    family = FAMILIES[name]
    model = draw(family.config())
    save_gguf(model, kind, tmp_path / "model.gguf")
    same = dequantised(tmp_path / "model.gguf", model.config)
    assert_same_model(engine, imported(tmp_path / "model.gguf", tmp_path), same, draw_tokens(family), "groups8")


def test_llama3_s_scaling_is_found_in_the_factors_of_a_gguf_file(engine: Engine, tmp_path: Path):
    rope = {
        "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }  # fmt: skip
    model = draw(FAMILIES["heads of 64"].config(rope_theta=500_000.0, rope_scaling=rope))
    save_gguf(model, Kind.Q8_0, tmp_path / "model.gguf")
    shape = engine.shape(imported(tmp_path / "model.gguf", tmp_path))
    assert shape["ropeFrequencies"] == pytest.approx(model.model.rotary_emb.inv_freq.tolist(), rel=1e-4)


# (bits that are asked for, how far they may move the logits, as a share of their spread)
LOSS = {"8": 0.06, "4": 0.5}


@pytest.mark.parametrize("bits", LOSS)
@pytest.mark.parametrize("name", DISTINCT)
def test_a_hugging_face_folder_becomes_nearly_the_same_model(name: str, bits: str, engine: Engine, tmp_path: Path):
    family = FAMILIES[name]
    model, tokens = draw(family.config()), draw_tokens(family)
    save_hugging_face(model, tmp_path / "source")
    checkpoint = imported(tmp_path / "source", tmp_path, "--bits", bits)
    found = engine.ask(checkpoint, tokens[0].tolist())
    assert error(found.logits, logits_of(model, tokens)) < LOSS[bits]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_floats_of_every_size_and_shards_are_read(dtype: torch.dtype, engine: Engine, tmp_path: Path):
    family = FAMILIES["qwen2, biases of query, key and value"]
    model, tokens = draw(family.config()).to(dtype), draw_tokens(family)
    save_hugging_face(model, tmp_path / "source", max_shard_size="100KB")
    assert (tmp_path / "source" / "model.safetensors.index.json").exists()
    checkpoint = imported(tmp_path / "source", tmp_path, "--bits", "8")
    found = engine.ask(checkpoint, tokens[0].tolist())
    assert error(found.logits, logits_of(model.float(), tokens)) < LOSS["8"]


@pytest.mark.parametrize("kind", [Kind.F32, Kind.F16, Kind.BF16, Kind.Q4_1, Kind.Q5_0, Kind.Q5_1])
def test_gguf_files_of_other_types_become_nearly_the_same_model(kind: Kind, engine: Engine, tmp_path: Path):
    family = FAMILIES["llama"]
    model, tokens = draw(family.config()), draw_tokens(family)
    save_gguf(model, kind, tmp_path / "model.gguf")
    same = dequantised(tmp_path / "model.gguf", model.config)
    found = engine.ask(imported(tmp_path / "model.gguf", tmp_path, "--bits", "8"), tokens[0].tolist())
    assert error(found.logits, logits_of(same, tokens)) < LOSS["8"]


def test_smollm2_computes_what_transformers_does_with_the_same_weights(engine: Engine, tmp_path: Path):
    checkpoint = imported(SMOLLM2, tmp_path)
    text = Path("training/tokenizer.py").read_text()
    tokens = torch.tensor([Tokenizer.from_file(str(checkpoint / "tokenizer.json")).encode(text).ids[:128]])
    assert_same_model(engine, checkpoint, dequantised(SMOLLM2), tokens, "groups4min")
