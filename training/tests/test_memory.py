"""The memory: look-up against brute force, the mixture, the gate's fit and its data."""

import json
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from training import gate, memory
from training.data import Encoder
from training.memory import COMPONENTS, LONGEST, SAMPLED, SUPPORT, Gate, Index, look_up, mixture
from training.model import MatLM
from training.tests.conftest import CODE


@pytest.fixture
def encoder(trained_tokenizer: Tokenizer) -> Encoder:
    return Encoder(trained_tokenizer)


def occurrences(documents: list[list[int]], context: list[int]) -> list[tuple[int, int]]:
    """(tokens in common before it, the token itself) of every place, by comparing them one by one."""
    found = []
    for document in documents:
        for place, token in enumerate(document):
            length = 0
            while length < min(LONGEST, place, len(context)) and document[place - 1 - length] == context[-1 - length]:
                length += 1
            found.append((length, token))
    return found


@pytest.mark.parametrize("seed", range(8))
def test_the_look_up_finds_what_comparing_every_place_finds(seed: int):
    rng = random.Random(seed)
    vocabulary = rng.choice([1, 2, 3, 8, 40])
    documents = [[rng.randrange(vocabulary) for _ in range(rng.randrange(50))] for _ in range(seed)]
    tokens = [rng.randrange(vocabulary) for _ in range(40)]
    cut = rng.randrange(len(documents) + 1)
    places = [i for i in range(41) if i % 3 != 1]
    found = look_up(tokens, places, [Index(documents[:cut]), Index(documents[cut:])])
    for row, place in enumerate(places):
        for source, texts in enumerate((documents, [tokens[:place]])):
            all_of_source = occurrences(texts, tokens[:place])
            for k, least in enumerate((1, SUPPORT)):
                enough = [n for n in range(1, LONGEST + 1) if sum(m >= n for m, _ in all_of_source) >= least]
                length, column = max(enough, default=0), 2 * source + k
                after = [token for m, token in all_of_source if m >= length > 0]
                by_share = sorted(set(after), key=lambda token: (-after.count(token), token))
                assert found.lengths[row, column] == length
                assert found.counts[row, column] == len(after)
                assert [t for t in found.tokens[row, column] if t >= 0] == by_share
                shares = [after.count(token) / len(after) for token in by_share]
                assert found.shares[row, column, : len(shares)] == pytest.approx(shares)
                assert not found.shares[row, column, len(shares) :].any()


def test_a_match_ends_with_its_document():
    found = look_up([1, 2, 3], [3], [Index([[1, 2], [3, 7], [2, 3, 8]])])
    assert found.lengths[0, 0] == 2
    assert found.tokens[0, 0, 0] == 8
    assert look_up([3], [1], [Index([[3], [3]])]).lengths[0, 0] == 0, "nothing follows"


def test_no_memory_and_no_context_are_no_components():
    for found in (look_up([], [0], []), look_up([], [0], [Index([])]), look_up([], [0], [Index([[5, 6]])])):
        assert not found.lengths.any()
        assert (found.tokens == -1).all()


def test_of_many_occurrences_some_are_sampled_evenly():
    document = [9, 1] * 300 + [9, 2] * 300
    found = look_up([9], [1], [Index([document])])
    assert found.counts[0, :2].tolist() == [600, 600]
    assert found.tokens[0, 0, :2].tolist() == [1, 2]
    assert found.shares[0, 0, 0] == pytest.approx(0.5, abs=2 / SAMPLED)


def likely(vocabulary: int, rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(vocabulary, 0.3), rows).astype(np.float32)


def some_gate(seed: int = 0) -> Gate:
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(5, memory.INPUTS + 1)).astype(np.float32)
    return Gate(hidden, rng.normal(size=(COMPONENTS + 1, 6)).astype(np.float32))


def some_places() -> tuple[np.ndarray, memory.Components]:
    rng = random.Random(4)
    documents = [[rng.randrange(6) for _ in range(80)] for _ in range(2)]
    tokens = [rng.randrange(6) for _ in range(20)]
    return likely(8, 21), look_up(tokens, range(21), [Index(documents)])


def test_the_mixture_is_a_distribution_of_the_weighted_components():
    chances, found = some_places()
    mixed = mixture(chances, found, some_gate())
    assert mixed.sum(1) == pytest.approx(np.ones(21), abs=1e-5)
    assert (mixed[0] == chances[0]).all(), "no context, no component"
    weights = memory.weights_of(chances, found, some_gate())
    assert (weights[:, 1:][found.lengths == 0] == 0).all()
    for row in range(21):
        expected = chances[row] * weights[row, 0]
        for k in range(COMPONENTS):
            for token, share in zip(found.tokens[row, k], found.shares[row, k], strict=True):
                expected[token] += weights[row, 1 + k] * share if token >= 0 else 0
        assert mixed[row] == pytest.approx(expected, abs=1e-6)


def test_a_healing_prefix_conditions_the_mixture():
    chances, found = some_places()
    allowed = np.zeros_like(chances, dtype=bool)
    allowed[:, [1, 3, 7]] = True
    free, healed = mixture(chances, found, some_gate()), mixture(chances, found, some_gate(), allowed)
    assert healed[~allowed].max() == 0
    assert healed == pytest.approx(np.where(allowed, free, 0) / free[:, [1, 3, 7]].sum(1, keepdims=True), abs=1e-6)


def test_places_are_scored_as_by_the_whole_mixture(tiny_model: MatLM, encoder: Encoder):
    file = {"package": "p", "path": "src/a.ts", "text": CODE * 4, "language": "TypeScript"}
    found = list(gate.passages("p", file, encoder, 64))
    known = [Index([encoder.ids(CODE), encoder.ids("const other = add(2, 3);\n")])]
    for passage in found:
        assert not encoder.marks & {passage.tokens[i] for i in passage.scored}
        chances = gate.predictions(tiny_model, [64, 64], passage)
        logits = tiny_model.logits(torch.tensor([passage.tokens]), [64, 64])[0].softmax(-1).detach().numpy()
        assert chances == pytest.approx(logits[np.array(passage.scored) - 1], abs=1e-5)
        looked_up = gate.look_up_scored(passage, known, encoder.marks)
        mixed = mixture(chances, looked_up, some_gate())
        target = np.array(passage.tokens)[passage.scored]
        scored, right = gate.places(passage, looked_up, chances).mixed(some_gate())
        assert scored == pytest.approx(mixed[np.arange(len(target)), target], abs=1e-6)
        assert (right == (mixed.argmax(1) == target)).mean() > 0.97  # a candidate beyond the kept ones is rare
        alone, right = gate.places(passage, looked_up, chances).mixed(None)
        assert alone == pytest.approx(chances[np.arange(len(target)), target])
        assert (right == (chances.argmax(1) == target)).all()


def test_passages_cover_a_file_and_hide_what_is_scored(encoder: Encoder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gate, "PREFIX", 40)
    monkeypatch.setattr(gate, "MIDDLE", 20)
    monkeypatch.setattr(gate, "SUFFIX", 10)
    file = {"package": "p", "path": "a.ts", "text": CODE * 4, "language": "TypeScript"}
    found = list(gate.passages("p", file, encoder, 64))

    def text(tokens: list[int]) -> str:
        return encoder.tokenizer.decode(tokens)

    for is_prompt in (False, True):
        kind = [p for p in found if p.is_prompt == is_prompt]
        scored = [text([p.tokens[i] for i in p.scored]) for p in kind]
        assert len(kind) > 2
        whole = "".join(scored)
        assert file["text"].startswith(whole) and len(whole) > len(file["text"]) - 60
        for passage, here in zip(kind, scored, strict=True):
            before, after = map(text, passage.rest)
            assert file["text"].startswith(before + here)
            assert file["text"].endswith(after)
            assert len(before) + len(here) + len(after) <= len(file["text"])
    prompt = next(p for p in found if p.is_prompt)
    head = encoder.head("a.ts")
    assert prompt.tokens[len(head)] == encoder.suffix
    assert text(prompt.tokens[len(head) :]) == (CODE * 4)[60:70] + (CODE * 4)[:60]


def test_an_eighth_of_a_package_is_typed_and_no_large_file():
    files = [{"path": f"{i}.ts", "text": "x" * (100 if i else 5000)} for i in range(80)]
    typed, known = gate.split_typed(files)
    assert sorted(f["path"] for f in [*typed, *known]) == sorted(f["path"] for f in files)
    assert 1600 < sum(len(f["text"]) for f in typed) < 1800
    assert gate.split_typed(files[::-1])[0] == typed, "by hash, not by order"


def test_files_that_name_a_symbol_of_a_new_file_know_it():
    file = {"path": "a.ts", "text": "export class Stack {}\nconst shared = 1;\n  const inner = 2;\n"}
    user = {"path": "b.ts", "text": "import { Stack } from './a';\n"}
    same = {"path": "c.ts", "text": "export const shared = 3; // inner, Stacks\n"}
    other = {"path": "d.ts", "text": "shared();\n"}
    assert gate.strangers(file, [file, user, same, other]) == [same, other]


def test_the_halves_are_those_of_the_command_line(tmp_path: Path):
    names = ["mobx", "axios", "@reduxjs/toolkit", "planck", "two.js", "größe", "日本", *map(str, range(40))]
    corpus = tmp_path / "heldout.jsonl"
    corpus.write_text("".join(json.dumps({"package": n, "path": "a.ts", "text": "x"}) + "\n" for n in names))
    script = tmp_path / "halves.mts"
    root = Path(__file__).parents[2]
    script.write_text(
        f"import {{ readHeldout }} from {json.dumps(str(root / 'src/cli/heldout.ts'))};\n"
        f"const rows = await readHeldout({json.dumps(str(corpus))}, 0, 'fit');\n"
        "console.log(JSON.stringify(rows.map((row) => row.package)));\n"
    )
    run = subprocess.run(["npx", "tsx", script], cwd=root, capture_output=True, text=True, check=True)
    ours = {name for name in names if gate.half_of(name) == "fit"}
    assert set(json.loads(run.stdout)) == ours
    assert 10 < len(ours) < 40


def test_the_gate_learns_when_a_component_is_right():
    rng = np.random.default_rng(0)
    n = 4000
    inputs = rng.normal(size=(n, memory.INPUTS)).astype(np.float32)
    present = np.tile([True, True, False, False], (n, 1))
    chances = np.full((n, COMPONENTS + 1), 0.05, dtype=np.float32)
    chances[:, 1] = inputs[:, 0] > 0  # the first component is right where the first input is positive
    chances[:, 3:] = 0
    seen = gate.Places(inputs, present, chances, np.zeros((n, 1, COMPONENTS + 1)), np.ones((n, 1), dtype=bool))
    fitted = gate.fit(seen, hidden=4, epochs=100)
    weights = fitted.weights(inputs, present)
    assert weights[inputs[:, 0] > 0.3, 1].mean() > 0.8
    assert weights[inputs[:, 0] < -0.3, 1].mean() < 0.1
    assert not weights[:, 3:].any()
    assert np.log(seen.mixed(fitted)[0]).mean() > np.log(seen.mixed(None)[0]).mean() + 1
    again = Gate.from_json(json.loads(json.dumps(fitted.to_json())))
    assert (again.hidden == fitted.hidden).all() and (again.output == fitted.output).all()


def test_gains_are_over_all_packages_and_have_an_error():
    rows = [
        gate.Row("a", "TypeScript", False, 100, 50, (80.0, 60.0), (30, 35)),
        gate.Row("b", "JavaScript", False, 100, 50, (120.0, 100.0), (20, 25)),
    ]
    tokens, alone, mixed, gain, right, right_mixed, more = gate.summary(rows)
    assert (tokens, alone, mixed, right, right_mixed) == ("100", "1.0000", "0.8000", "50.0%", "60.0%")
    assert gain.startswith("20.0 (") and gain != "20.0 (0.0)"
    assert more == "+10.0 (0.0)"
