"""The measures: windows, lines, n-grams, the frontier."""

import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from training import evaluate, frontier, metrics, ngram
from training.data import Encoder
from training.experiments import claims, sharing
from training.model import Config, MatLM
from training.tests.conftest import CODE

FILES = [{"package": "p", "path": "src/a.ts", "text": CODE * 3, "language": "TypeScript"}]


@pytest.fixture
def encoder(trained_tokenizer: Tokenizer) -> Encoder:
    return Encoder(trained_tokenizer)


def likeliest(model: MatLM, tokens: list[int], widths: list[int]) -> int:
    return int(model.logits(torch.tensor([tokens]), widths)[0, -1].argmax())


def test_windows_cover_a_file_once_and_begin_with_its_path(encoder: Encoder):
    found = metrics.windows(FILES, encoder, 64, 10**9)
    head = encoder.head("src/a.ts")
    assert len(found) > 2
    assert all(w.tokens[: w.first] == head and len(w.tokens) <= 64 for w in found)
    assert sum(w.text_bytes for w in found) == len(FILES[0]["text"].encode())
    body = [token for w in found for token in w.tokens[w.first :]]
    assert encoder.tokenizer.decode(body) == FILES[0]["text"]
    assert len(metrics.windows(FILES, encoder, 64, 40)) < len(found)


@torch.no_grad()
def test_scores_are_what_the_logits_of_each_window_alone_give(tiny_model: MatLM, encoder: Encoder):
    found = metrics.windows(FILES, encoder, 64, 10**9)
    shapes = {name: tiny_model.config.widths(name) for name in ("XS", "S", "XL")}
    scores = metrics.score(tiny_model, shapes, found)
    for name, widths in shapes.items():
        nats, right, agree, kl, count = 0.0, 0, 0, 0.0, 0
        for w in found:
            rows = torch.tensor([w.tokens[:-1]])
            logs, full = (tiny_model.logits(rows, x)[0].log_softmax(-1) for x in (widths, [64, 64]))
            for i in range(w.first, len(w.tokens)):
                nats -= logs[i - 1, w.tokens[i]].item()
                right += int(logs[i - 1].argmax() == w.tokens[i])
                agree += int(logs[i - 1].argmax() == full[i - 1].argmax())
                kl += (logs[i - 1].exp() * (logs[i - 1] - full[i - 1])).sum().item()
                count += 1
        size = sum(w.text_bytes for w in found)
        assert scores[name].bits_per_byte == pytest.approx(nats / math.log(2) / size, rel=1e-4)
        assert (scores[name].right, scores[name].agree, scores[name].tokens) == (right, agree, count)
        assert scores[name].kl == pytest.approx(kl, rel=1e-3, abs=1e-4)
        assert scores[name].by_language["TypeScript"].nats == pytest.approx(scores[name].nats)
        assert metrics.bits_per_byte(tiny_model, widths, found) == pytest.approx(scores[name].bits_per_byte, rel=1e-4)
    assert scores["XL"].agreement == 1
    assert scores["XL"].kl == 0


def test_cursors_stand_on_lines_with_something_after_them(encoder: Encoder):
    found = metrics.lines(FILES, encoder, 128, 30)
    for line in found:
        assert line.middle == line.middle.rstrip() != ""
        assert "\n" not in line.middle
        assert line.prompt[-1] == encoder.middle
        assert line.prefix + line.middle + line.suffix in FILES[0]["text"] + "\n"
    assert len({line.prefix for line in found}) > 15
    assert metrics.lines(FILES, encoder, 128, 30) == found


@torch.no_grad()
@pytest.mark.parametrize("widths", [[64, 64], [8, 0]])
def test_decoding_with_a_cache_gives_what_reading_everything_again_gives(
    tiny_model: MatLM, tokens: torch.Tensor, widths: list[int]
):
    prompt = tokens[0, :20].tolist()
    found, chances, stopped = metrics.Decoder(tiny_model).generate(prompt, widths, set(), 10)
    for i, token in enumerate(found):
        logits = tiny_model.logits(torch.tensor([prompt + found[:i]]), widths)[0, -1]
        assert token == int(logits.argmax())
        assert chances[i] == pytest.approx(logits.softmax(-1).max().item(), rel=1e-3)
    assert (len(found), stopped) == (10, False)
    assert metrics.Decoder(tiny_model).generate(prompt, widths, {found[3]}, 10) == (found[:3], chances[:3], True)


def test_an_exact_line_is_right_to_its_end_and_ended_by_the_model():
    line = metrics.Line([], "return a;", "TypeScript", "", "")
    right = metrics.Completion("return a;  ", True, 0.5)
    assert metrics.exact(line, right)
    assert not metrics.exact(line, metrics.Completion("return a;", False, 0.5))
    assert not metrics.exact(line, metrics.Completion("return b;", True, 0.5))
    other = metrics.Completion("return b;", False, 0.5)
    assert metrics.edit_similarity(line, other) == pytest.approx(16 / 18)
    assert metrics.summary([line, line], [right, other]) == {
        "exact": 0.5,
        "edit_similarity": pytest.approx((1 + 16 / 18) / 2),
        "stopped": 0.5,
    }


def test_lines_of_which_nothing_was_written_have_no_confidence():
    line = metrics.Line([1], "1;", "TypeScript", "const a = ", "")
    written = [
        metrics.Completion("1;", True, 0.95),
        metrics.Completion("", True, 1.0),
        metrics.Completion("2;", True, 0.3),
    ]
    rows = evaluate.by_confidence([line] * 3, written)
    assert [row[1:] for row in rows if row[1] != "0"] == [["1", "0.0%"], ["1", "100.0%"]]


def test_a_line_ends_with_a_line_feed_or_a_mark(encoder: Encoder):
    ends = metrics.line_ends(encoder)
    assert encoder.ids("\n    ")[0] in ends
    assert encoder.end in ends
    assert encoder.ids("a")[0] not in ends


def test_n_grams_are_distributions_that_know_what_followed():
    rng = np.random.default_rng(1)
    tokens = np.array([5, 6, 7, 8] * 50 + list(rng.integers(0, 10, 200)))
    model = ngram.NGram(tokens, 12)
    for before in ([], [5], [5, 6, 7], [11, 11], [3, 5, 6, 7]):
        chances = model.probabilities(before)
        assert chances.sum() == pytest.approx(1)
        assert chances.min() > 0
    assert model.probabilities([5, 6, 7])[8] > 0.8
    text = np.array([1, 5, 6, 7, 8, 5, 9])
    for first in (0, 1, 4):
        at_once = model.chances(text, first)
        one_by_one = [model.probabilities(list(text[max(0, i - 4) : i]))[text[i]] for i in range(first, 7)]
        # A context that is cut by the start of the text is padded, so only whole ones must agree.
        assert at_once[max(0, 4 - first) :] == pytest.approx(one_by_one[max(0, 4 - first) :])


CONFIG = Config()


def test_the_frontier_keeps_no_submodel_that_a_cheaper_one_equals():
    rows = [
        {"name": n, "bytesPerToken": b, "bitsPerByte": p} for n, b, p in (("a", 1, 1.3), ("b", 2, 1.4), ("c", 3, 1.1))
    ]
    assert [row["name"] for row in frontier.undominated(rows)] == ["a", "c"]
    many = [{"name": str(i), "bytesPerToken": i * i, "bitsPerByte": 2 - i / 100} for i in range(50)]
    many[20]["name"] = "M"
    kept = frontier.thinned(many, 24)
    assert len(kept) == 24
    assert {kept[0]["name"], kept[-1]["name"], "M"} <= {"0", "49", "M"}
    assert any(row["name"] == "M" for row in kept)


def test_bytes_a_token_count_every_matrix_and_its_scales():
    one_layer = frontier.bytes_per_token(CONFIG, (128, 0, 0, 0, 0, 0)) - frontier.bytes_per_token(CONFIG, (0,) * 6)
    rows = 512 + 256 + 2 * 128 + 256
    assert one_layer == 512 * 256 + 256 * 256 + 2 * 128 * 256 + 256 * 128 + 4 * rows + 4 * (2 * 256 + 2 * 64)


def test_the_search_moves_one_step_at_a_time_within_the_model():
    rng, widths = random.Random(0), (128, 0, 256, 1024, 512, 128)
    steps = frontier.ladder(CONFIG)
    assert steps == [0, 128, 192, 256, 384, 512, 768, 1024]
    for _ in range(200):
        changed = frontier.neighbours(CONFIG, widths, rng)
        assert sum(a != b for a, b in zip(changed, widths, strict=True)) <= 2
        assert all(width in steps for width in changed)
    assert all(list(w) == sorted(w) for w in frontier.rising(CONFIG))
    assert len(set(frontier.seeds(CONFIG))) == len(frontier.seeds(CONFIG))
    assert frontier.named(CONFIG, (128, 0, 128, 0, 128, 0)) == "XS"
    assert frontier.named(CONFIG, widths) == "mix 4-0-8-32-16-4"


@torch.no_grad()
def test_a_search_that_was_stopped_goes_on_to_the_same_end(tiny_model: MatLM, encoder: Encoder, tmp_path: Path):
    found = metrics.windows(FILES, encoder, 64, 10**9)
    count = len(frontier.seeds(tiny_model.config)) + 2  # two layers: there are few shapes
    whole = frontier.search(tiny_model, found, count, frontier.Notebook(tmp_path / "whole.jsonl", {"weights": "a"}))

    path = tmp_path / "stopped.jsonl"
    lines = (tmp_path / "whole.jsonl").read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:5]) + lines[5][:7])  # stopped in the middle of a line
    notes = frontier.Notebook(path, {"weights": "a"})
    assert len(notes.figures) == 4
    assert frontier.search(tiny_model, found, count, notes) == whole
    assert path.read_text().splitlines(keepends=True) == lines

    frontier.score(tiny_model, list(whole), found, scores := frontier.Notebook(tmp_path / "kept.jsonl", {}))
    full = tuple(tiny_model.config.widths("XL"))
    assert scores.figures[full] == pytest.approx([whole[full], 1.0])
    assert frontier.Notebook(path, {"weights": "b"}).figures == {}, "other weights"


def test_the_straight_line_lies_between_the_granularities():
    rows = [
        {"name": n, "bytesPerToken": b, "bitsPerByte": p}
        for n, b, p in (("S", 10, 2.0), ("M", 20, 1.5), ("mix", 15, 1.0))
    ]
    assert frontier.line_between(rows, 15) == pytest.approx(1.75)
    assert math.isnan(frontier.line_between(rows, 30))


@torch.no_grad()
def test_agreement_between_models_is_that_within_one(tiny_model: MatLM, encoder: Encoder):
    found = metrics.windows(FILES, encoder, 64, 10**9)
    score = metrics.score(tiny_model, {"S": [8, 8]}, found)["S"]
    share, divergence = claims.agreement((tiny_model, [8, 8]), (tiny_model, [64, 64]), found)
    assert share == pytest.approx(score.agreement)
    assert divergence == pytest.approx(score.kl / score.tokens, rel=1e-4)
    assert claims.agreement((tiny_model, [64, 64]), (tiny_model, [64, 64]), found) == (1, 0)


def test_the_scaling_fit_finds_the_curve_that_made_the_points():
    points = [(x, 0.4 * x**-0.3 + 0.9) for x in np.geomspace(0.5, 40, 12)]
    assert claims.fit(points) == pytest.approx([0.4, -0.3, 0.9], rel=0.02)


def test_every_size_has_a_nested_model_of_four_times_its_twins_tokens():
    rows = claims.rows()
    assert len(rows) == 4 * 5
    tokens = {key: int(row.arguments[-1]) for key, row in rows.items()}
    for size in claims.SIZES:
        assert tokens[f"{size}-nested"] == sum(tokens[f"{size}-{name}"] for name in ("S", "M", "L", "XL"))


@torch.no_grad()
@pytest.mark.parametrize("widths", [[64, 64], [8, 0], [16, 64]])
def test_reading_in_two_parts_over_a_cache_gives_the_states_of_reading_at_once(
    tiny_model: MatLM, tokens: torch.Tensor, widths: list[int]
):
    row, cache = tokens[0], {}
    parts = [
        sharing.read(tiny_model, widths, row[:20], 0, cache),
        sharing.read(tiny_model, widths, row[20:], 20, cache),
    ]
    whole = tiny_model.states(row, widths, [0, len(row)])
    assert torch.allclose(torch.cat(parts), whole, atol=1e-5)
    assert set(cache) == {i for i, width in enumerate(widths) if width > 0}


def test_the_loss_over_its_own_cache_is_the_loss_without_one(tiny_model: MatLM, encoder: Encoder):
    found = [w for w in metrics.windows(FILES, encoder, 64, 10**9) if len(w.tokens) > 30]
    own = sharing.shared_loss(tiny_model, [64, 64], [64, 64], found)
    nats, size = 0.0, 0.0
    for w in found:
        half = (w.first + len(w.tokens)) // 2
        with torch.no_grad():
            logs = tiny_model.logits(torch.tensor([w.tokens[:-1]]), [64, 64])[0].log_softmax(-1)
        nats -= sum(logs[i - 1, w.tokens[i]].item() for i in range(half + 1, len(w.tokens)))
        size += w.text_bytes * (len(w.tokens) - half - 1) / (len(w.tokens) - w.first)
    assert own == pytest.approx(nats / math.log(2) / size, rel=1e-4)
    assert sharing.shared_loss(tiny_model, [8, 8], [64, 64], found) != own
