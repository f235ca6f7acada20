"""The engine computes what transformers does, for every switch of the architecture and every form of the weights."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints import FORMS, config_json, write_checkpoint
from families import DISTINCT, FAMILIES, draw, draw_tokens
from matcoder_engine import Engine
from reference import assert_same_text, error, logits_of, rounded_activations
from torch import Tensor, nn
from transformers import PreTrainedModel

GREEDY_TOKENS = 16


def tolerance(explained: float) -> float:
    """What 8 bits for activations explain varies with the roundings up and down; keys and values are float16."""
    return 1.15 * explained + 0.001


@pytest.mark.parametrize("name", DISTINCT)
@pytest.mark.parametrize("form", FORMS)
def test_the_engine_computes_the_logits_and_the_text_of_transformers(
    name: str, form: str, engine: Engine, tmp_path: Path
):
    family = FAMILIES[name]
    tokens = draw_tokens(family)
    model = write_checkpoint(draw(family.config()), form, tmp_path)
    expected = logits_of(model, tokens)
    with rounded_activations(model, form):
        explained = error(logits_of(model, tokens), expected)
    found = engine.ask(tmp_path, tokens[0].tolist(), greedy=GREEDY_TOKENS)
    difference = error(found.logits, expected)
    assert difference < tolerance(explained), f"8 bits for activations explain {explained:.4f}"
    assert difference > 0
    assert_same_text(found.greedy, model, tokens, tolerance=8 * difference)


@pytest.mark.parametrize("name", [name for name in FAMILIES if FAMILIES[name].without])
def test_a_switch_changes_more_than_the_test_of_it_tolerates(name: str):
    family = FAMILIES[name]
    tokens = draw_tokens(family)
    model = draw(family.config())
    expected = logits_of(model, tokens)
    with rounded_activations(model, "rows"):
        explained = error(logits_of(model, tokens), expected)
    without = logits_of(draw(family.config(**family.without)), tokens)
    assert error(without, expected) > 5 * tolerance(explained)


@pytest.mark.parametrize("form", FORMS)
def test_a_narrower_submodel_reads_a_prefix_of_each_feed_forward_block(form: str, engine: Engine, tmp_path: Path):
    family = FAMILIES["qwen2, biases of query, key and value"]
    tokens, widths = draw_tokens(family), [32, 128, 96]
    model = write_checkpoint(draw(family.config()), form, tmp_path)
    for layer, width in zip(model.model.layers, widths, strict=True):
        layer.mlp.down_proj.weight[:, width:] = 0
    expected = logits_of(model, tokens)
    with rounded_activations(model, form):
        explained = error(logits_of(model, tokens), expected)
    found = engine.ask(tmp_path, tokens[0].tolist(), widths=widths)
    assert error(found.logits, expected) < tolerance(explained)
    whole = engine.ask(tmp_path, tokens[0].tolist())
    assert error(whole.logits, expected) > 5 * tolerance(explained)


@pytest.mark.parametrize("name", ["qwen2, biases of query, key and value", "granite, four scalars"])
@pytest.mark.parametrize("form", FORMS)
def test_a_submodel_adds_what_the_units_that_it_lacks_contribute_on_average(
    name: str, form: str, engine: Engine, tmp_path: Path
):
    family = FAMILIES[name]
    tokens, widths = draw_tokens(family), [32, 160, 96]
    model = draw(family.config())
    layers = model.model.layers
    spread = np.array(spread_of_active(model, tokens))[:, None]
    means = spread * np.random.default_rng(5).standard_normal((len(layers), model.config.intermediate_size))
    model = write_checkpoint(model, form, tmp_path, means)
    for layer, width, mean in zip(model.model.layers, widths, means, strict=True):
        down = layer.mlp.down_proj
        down.bias = nn.Parameter(down.weight[:, width:] @ torch.from_numpy(mean[width:]).float())
        down.weight[:, width:] = 0
    expected = logits_of(model, tokens)
    with rounded_activations(model, form):
        explained = error(logits_of(model, tokens), expected)
    found = engine.ask(tmp_path, tokens[0].tolist(), widths=widths)
    assert error(found.logits, expected) < tolerance(explained)
    for layer in model.model.layers:
        layer.mlp.down_proj.bias = None
    assert error(logits_of(model, tokens), expected) > 5 * tolerance(explained)


def spread_of_active(model: PreTrainedModel, tokens: Tensor) -> list[float]:
    """[layers] root mean square of the hidden units' activations."""
    spread: list[float] = []
    handles = [
        layer.mlp.down_proj.register_forward_pre_hook(
            lambda _, inputs: spread.append(float(inputs[0].square().mean().sqrt()))
        )
        for layer in model.model.layers
    ]
    model(tokens)
    for handle in handles:
        handle.remove()
    return spread


# Of them, those whose shapes are no multiples of what the kernels take at once.
ODD = ("qwen2, biases of query, key and value", "granite, four scalars", "heads of 20", "a vocabulary of 49,155")


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("form", FORMS)
def test_every_instruction_set_and_number_of_threads_gives_the_same_bits(
    name: str, form: str, engine: Engine, tmp_path: Path
):
    family = FAMILIES[name]
    write_checkpoint(draw(family.config()), form, tmp_path)
    tokens = draw_tokens(family)[0, :40].tolist()
    plain = engine.ask(tmp_path, tokens, isa="scalar")
    for isa in plain.supported_isas:
        for threads in (1, 3):
            found = engine.ask(tmp_path, tokens, isa=isa, threads=threads)
            assert found.isa == isa
            assert np.array_equal(found.logits, plain.logits), f"{isa} with {threads} threads"


@pytest.mark.parametrize("keys", ["of transformers 5", "of transformers 4"])
@pytest.mark.parametrize("name", [name for name in DISTINCT if "vocabulary" not in name])
def test_the_shape_is_read_as_transformers_reads_it(name: str, keys: str, engine: Engine, tmp_path: Path):
    model = draw(FAMILIES[name].config())
    raw = config_json(model) if keys == "of transformers 5" else with_old_keys(config_json(model))
    (tmp_path / "config.json").write_text(json.dumps(raw))
    shape, rope = engine.shape(tmp_path), model.model.rotary_emb
    assert shape["ropeFrequencies"] == pytest.approx(rope.inv_freq.tolist(), rel=1e-6)
    assert shape["ropeMagnitude"] == pytest.approx(rope.attention_scaling, rel=1e-6)
    attention = model.model.layers[0].self_attn
    assert shape["attentionScale"] == pytest.approx(attention.scaling, rel=1e-6)
    assert shape["hasAttentionBias"] == (attention.q_proj.bias is not None)
    assert shape["hasOutputBias"] == (attention.o_proj.bias is not None)
    assert shape["hasQkNorm"] == hasattr(attention, "q_norm")
    assert shape["hasTiedHead"] == model.config.tie_word_embeddings
    assert shape["headDim"] == attention.head_dim


def with_old_keys(raw: dict) -> dict:
    """As most folders on people's disks have them: the base beside `rope_scaling`, whose kind may be `type`."""
    parameters = dict(raw.pop("rope_parameters"))
    raw["rope_theta"] = parameters.pop("rope_theta")
    kind = parameters.pop("rope_type")
    raw["rope_scaling"] = None if kind == "default" else {"type": kind, **parameters}
    return raw
