"""The promises of nesting: submodels are views, slices move alone, documents do not see each other."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from training import objective, optim, train
from training.data import Stream
from training.experiments import objectives, quantise
from training.model import GRANULARITIES, Config, MatLM
from training.tests.conftest import TINY


def loss(model: MatLM, tokens: torch.Tensor, name: str) -> torch.Tensor:
    rows, time = tokens[:, :-1].shape
    segments = list(range(0, rows * time + 1, time))
    widths = model.config.widths(name)
    return model.token_losses(tokens[:, :-1].flatten(), tokens[:, 1:].flatten(), widths, segments).mean()


def test_a_submodel_does_not_see_the_hidden_units_beyond_its_width(tiny_model: MatLM, tokens: torch.Tensor):
    before = tiny_model.logits(tokens, TINY.widths("M"))
    with torch.no_grad():
        for block in tiny_model.blocks:
            block.ffn.down[2].fill_(7.0)
            block.ffn.gate[3].fill_(7.0)
    assert torch.equal(before, tiny_model.logits(tokens, TINY.widths("M")))
    assert not torch.allclose(before, tiny_model.logits(tokens, TINY.widths("L")))


def test_width_zero_skips_the_layer(tiny_model: MatLM, tokens: torch.Tensor):
    one_layer = tiny_model.logits(tokens, [64, 0])
    with torch.no_grad():
        tiny_model.blocks[1].attention.o_proj.fill_(5.0)
    assert torch.equal(one_layer, tiny_model.logits(tokens, [64, 0]))


def test_packed_documents_give_what_each_gives_alone(tiny_model: MatLM, tokens: torch.Tensor):
    flat = tokens[0]
    packed = tiny_model.states(flat, [64, 64], [0, 7, 20, 33])
    for start, end in ((0, 7), (7, 20), (20, 33)):
        alone = tiny_model.states(flat[start:end], [64, 64], [0, end - start])
        assert torch.allclose(packed[start:end], alone, atol=1e-5)


def test_a_segment_longer_than_the_context_is_refused(tiny_model: MatLM):
    with pytest.raises(ValueError, match="a segment of 65 tokens; the context is 64"):
        tiny_model.states(torch.zeros(65, dtype=torch.long), [64, 64], [0, 65])


def test_a_slice_outside_the_submodel_gets_no_gradient_and_does_not_move(tiny_model: MatLM, tokens: torch.Tensor):
    matrices, _ = optim.split_parameters(tiny_model)
    muon = optim.Muon(matrices, lr=1e-2, weight_decay=1e-3)
    loss(tiny_model, tokens, "S").backward()
    inner, outer = tiny_model.blocks[0].ffn.gate[0], tiny_model.blocks[0].ffn.gate[1]
    assert outer.grad is None
    inner_before, outer_before = inner.detach().clone(), outer.detach().clone()
    muon.step(1.0)
    assert torch.equal(outer, outer_before)
    assert not torch.equal(inner, inner_before)


def test_muon_over_whole_matrices_moves_the_outer_rings_too(tiny_model: MatLM, tokens: torch.Tensor):
    matrices, others = optim.split_parameters(tiny_model, whole=True)
    assert sum(p.numel() for m in matrices for p in m) + sum(p.numel() for p in others) == sum(
        p.numel() for p in tiny_model.parameters()
    )
    muon = optim.Muon(matrices, lr=1e-2, weight_decay=1e-3)
    loss(tiny_model, tokens, "S").backward()
    outer = tiny_model.blocks[0].ffn.gate[1]
    before = outer.detach().clone()
    muon.step(1.0)
    assert not torch.equal(outer, before)


def test_a_muon_step_has_the_stated_root_mean_square_whatever_the_shape():
    for shape in ((16, 64), (64, 16), (64, 64)):
        weight = torch.zeros(shape)
        weight.grad = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        optim.Muon([[weight]], lr=1e-2, weight_decay=0.0).step(1.0)
        assert weight.square().mean().sqrt().item() == pytest.approx(1e-2, rel=0.25)


@pytest.mark.parametrize(
    "name", ["sampled-xs", "sampled-xs-late", "sampled-late", "sampled-context", "sandwich", "joint"]
)
def test_a_few_steps_of_every_objective_lower_the_loss_of_every_granularity(
    name: str, tiny_model: MatLM, tokens: torch.Tensor
):
    matrices, others = optim.split_parameters(tiny_model)
    muon = optim.Muon(matrices, lr=2e-3, weight_decay=0.0)
    adam = torch.optim.AdamW(others, lr=1e-2)
    targets = tokens[:, 1:].flatten()
    batch = objective.Batch(tokens[:, :-1].flatten(), targets, torch.ones(64), [0, 32, 64])
    start = {n: loss(tiny_model, tokens, n).item() for n in GRANULARITIES}
    train_on = objectives.EXPERIMENTAL[name]
    for step in range(60):
        train_on(tiny_model, batch, step, step / 60, 1.0)
        muon.step(1.0)
        adam.step()
        tiny_model.zero_grad(set_to_none=True)
    for granularity, before in start.items():
        assert loss(tiny_model, tokens, granularity).item() < 0.7 * before


def test_the_end_token_has_its_weight_and_no_target_has_none():
    run = np.array([4, 9, 8, 0, 4, 7, 6, 0])
    batch = objective.batch_of(run, context=64, end_weight=5.0)
    assert batch.tokens.tolist() == [4, 9, 8, 0, 4, 7, 6]
    assert batch.targets.tolist() == [9, 8, 0, -1, 7, 6, 0]
    assert batch.weights.tolist() == [1, 1, 5, 0, 1, 1, 5]
    assert batch.segments == [0, 4, 7]
    whole = objective.batch_of(run, context=5, document_mask=False)
    assert (whole.targets.tolist(), whole.segments) == ([9, 8, 0, 4, 7, 6, 0], [0, 5, 7])


def test_the_draws_keep_to_their_shares_and_come_again():
    drawn = [objective.draw(objective.WITH_XS, update) for update in range(4000)]
    assert drawn == [objective.draw(objective.WITH_XS, update) for update in range(4000)]
    for name, share in objective.WITH_XS.items():
        assert drawn.count(name) / 4000 == pytest.approx(share, abs=0.03)


def test_the_learning_rate_rises_holds_and_falls():
    rates = [train.learning_rate(p / 100, 40 * p) for p in range(101)]
    assert rates[0] < 0.05
    assert rates[2] == rates[45] == 1.0
    assert train.learning_rate(0.1, 0) < 0.05  # most of a budget in minutes may go by before the first update
    assert rates[100] == pytest.approx(0.02)
    assert rates[45:] == sorted(rates[45:], reverse=True)


def test_widths_of_the_granularities():
    config = Config()
    assert config.widths("XS") == [128, 0, 128, 0, 128, 0]
    assert [config.widths(n)[0] for n in GRANULARITIES] == [128, 256, 512, 1024]


def test_a_narrower_s_and_a_shallower_one_are_slices_and_layers_of_the_same_model():
    narrow = Config(narrowest=16)
    assert [narrow.widths(n)[0] for n in GRANULARITIES] == [64, 256, 512, 1024]
    assert list(itertools.accumulate(narrow.slices)) == [64, 256, 512, 1024]
    deep = Config(layers=4, nested_depth=True)
    assert [deep.widths(n) for n in GRANULARITIES] == [[128, 0] * 2, [256, 0] * 2, [512] * 4, [1024] * 4]
    assert Config(layers=2).parameters([128] * 2) == deep.parameters(deep.widths("S"))


def test_only_xl_reads_the_whole_context(tiny_model: MatLM, tokens: torch.Tensor, monkeypatch: pytest.MonkeyPatch):
    assert objectives.shortened([0, 7, 20, 30], 8) == [0, 7, 15, 20, 28, 30]
    read: dict[str, list[int]] = {}
    monkeypatch.setattr(objectives, "labels", lambda model, batch, name: spy(model, batch, name))

    def spy(model: MatLM, batch: objective.Batch, name: str) -> torch.Tensor:
        read[name] = batch.segments
        return objective.labels(model, batch, name)

    batch = objective.Batch(tokens[:, :-1].flatten(), tokens[:, 1:].flatten(), torch.ones(64), [0, 32, 64])
    for update in range(20):
        objectives.EXPERIMENTAL["sampled-context"](tiny_model, batch, update, 0.5, 1.0)
    assert read == {"XL": [0, 32, 64]} | {name: [0, 16, 32, 48, 64] for name in ("S", "M", "L")}


def test_rounding_loses_little_in_eight_bits_more_in_four_and_leaves_the_model_as_it_was(tiny_model: MatLM):
    weight = torch.randn(48, 64, generator=torch.Generator().manual_seed(2))
    errors = [(how(weight) - weight).norm() / weight.norm() for how in (quantise.round_int8, quantise.round_int4)]
    assert errors[0] < 0.01 < errors[1] < 0.1
    step = weight.abs().amax(dim=1, keepdim=True) / 127
    distances = (quantise.moved(weight) - quantise.round_int8(weight)).abs() / step
    assert distances.max() <= 0.5001
    assert distances.mean() == pytest.approx(0.25, abs=0.02)
    levels = quantise.round_int4(weight)[0, :32]
    assert len(levels.unique()) <= 15
    before = {name: value.clone() for name, value in tiny_model.state_dict().items()}
    with quantise.rounded(tiny_model, quantise.round_int4):
        inside = tiny_model.state_dict()
        assert not torch.equal(inside["blocks.0.ffn.gate.0"], before["blocks.0.ffn.gate.0"])
        # A group of `down` is 32 hidden units of one output: the first 32 of 64 do not depend on the others.
        down = torch.cat([inside[f"blocks.0.ffn.down.{i}"] for i in range(4)]).T
        whole = torch.cat([before[f"blocks.0.ffn.down.{i}"] for i in range(4)]).T.contiguous()
        assert torch.equal(down[:, :32], quantise.round_int4(whole[:, :32].contiguous()))
    for name, value in tiny_model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_finish_in_four_bits_lowers_the_loss_in_four_bits(tiny_model: MatLM, tmp_path: Path):
    text = np.tile(np.array([4, 20, 21, 22, 23, 24, 25, 0], dtype=np.uint16), 200)
    text.tofile(tmp_path / "epoch-0.bin")

    def loss_in_four_bits() -> float:
        batch = objective.batch_of(text[:65].astype(np.int64), 64)
        with torch.no_grad(), quantise.rounded(tiny_model, quantise.round_int4):
            return objective.labels(tiny_model, batch, "S").item()

    before = loss_in_four_bits()
    quantise.finish(tiny_model, Stream(tmp_path), 20, 5e-3, batch=256)
    assert loss_in_four_bits() < 0.8 * before
