"""What the recipe relies on: nesting, gradients by ring, holes that fit together again, exports that lose little."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from training import corpus, data, evaluate, export, optim, tokenizer, train
from training.model import Config, MatLM

TINY = Config(vocabulary=320, hidden=32, layers=2, heads=2, kv_heads=1, head_dim=16, ffn=64, context=64)
CODE = "export function add(a: number, b: number): number {\n  return a + b;\n}\n\nconst fooBar = add(1, 23);\n"


@pytest.fixture(scope="module")
def trained_tokenizer() -> Tokenizer:
    return tokenizer.train([CODE] * 4, vocabulary=320)


def tiny_model() -> MatLM:
    torch.manual_seed(0)
    model = MatLM(TINY, torch.float32)
    with torch.no_grad():
        for block in model.blocks:
            block.attention.o_proj.normal_(std=0.1)
            for ring in block.ffn.down:
                ring.normal_(std=0.1)
    return model


def tokens(rows: int = 2) -> torch.Tensor:
    return torch.randint(0, TINY.vocabulary, (rows, 33), generator=torch.Generator().manual_seed(3))


def test_a_submodel_does_not_see_the_hidden_units_beyond_its_width():
    model = tiny_model()
    before = model.logits(tokens(), TINY.widths("M"))
    with torch.no_grad():
        for block in model.blocks:
            block.ffn.down[2].fill_(7.0)
            block.ffn.gate[3].fill_(7.0)
    assert torch.equal(before, model.logits(tokens(), TINY.widths("M")))
    assert not torch.allclose(before, model.logits(tokens(), TINY.widths("L")))


def test_width_zero_skips_the_layer():
    model = tiny_model()
    one_layer = model.logits(tokens(), [64, 0])
    with torch.no_grad():
        model.blocks[1].attention.o_proj.fill_(5.0)
    assert torch.equal(one_layer, model.logits(tokens(), [64, 0]))


def test_a_ring_outside_the_submodel_gets_no_gradient_and_does_not_move():
    model = tiny_model()
    matrices, _ = optim.split_parameters(model)
    muon = optim.Muon(matrices, lr=1e-2, weight_decay=1e-3)
    batch = tokens()
    model.loss(batch[:, :-1], batch[:, 1:], TINY.widths("S")).backward()
    inner, outer = model.blocks[0].ffn.gate[0], model.blocks[0].ffn.gate[1]
    assert outer.grad is None
    inner_before, outer_before = inner.detach().clone(), outer.detach().clone()
    muon.step(1.0)
    assert torch.equal(outer, outer_before)
    assert not torch.equal(inner, inner_before)


def test_a_muon_step_has_the_stated_root_mean_square_whatever_the_shape():
    for shape in ((16, 64), (64, 16), (64, 64)):
        weight = torch.zeros(shape)
        weight.grad = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        optim.Muon([weight], lr=1e-2, weight_decay=0.0).step(1.0)
        assert weight.square().mean().sqrt().item() == pytest.approx(1e-2, rel=0.25)


def test_a_few_steps_lower_the_loss_of_every_granularity():
    model = tiny_model()
    matrices, others = optim.split_parameters(model)
    muon = optim.Muon(matrices, lr=2e-3, weight_decay=0.0)
    adam = torch.optim.AdamW(others, lr=1e-2)
    batch = tokens()
    start = {n: model.loss(batch[:, :-1], batch[:, 1:], TINY.widths(n)).item() for n in ("S", "M", "L", "XL")}
    for step in range(60):
        model.loss(batch[:, :-1], batch[:, 1:], TINY.widths(train.draw(step, 0.5))).backward()
        muon.step(1.0)
        adam.step()
        model.zero_grad(set_to_none=True)
    for name, loss in start.items():
        assert model.loss(batch[:, :-1], batch[:, 1:], TINY.widths(name)).item() < 0.7 * loss


def test_the_learning_rate_rises_holds_and_falls():
    rates = [train.learning_rate(p / 100) for p in range(101)]
    assert rates[0] < 0.05
    assert rates[2] == rates[45] == 1.0
    assert rates[100] == pytest.approx(0.02)
    assert rates[45:] == sorted(rates[45:], reverse=True)


def test_holes_fit_together_again_except_where_the_suffix_was_dropped():
    rng = random.Random(5)
    whole = 0
    for _ in range(300):
        holes = data.dig(CODE, rng)
        assert CODE.startswith(holes.prefix + holes.middle)
        whole += holes.prefix + holes.middle + holes.suffix == CODE
    assert whole > 200


def test_pieces_join_to_the_file():
    text = "".join(f"const value{i} = compute({i});\n" for i in range(900))
    parts = list(data.pieces(text, random.Random(1)))
    assert "".join(parts) == text
    assert len(parts) > 5
    assert all(part.endswith("\n") for part in parts)


def test_spm_puts_the_suffix_before_the_prefix(trained_tokenizer: Tokenizer):
    encoder = data.Encoder(trained_tokenizer)
    ids = encoder.spm("a.ts", data.Holes("const ", "x", " = 1;"))
    text = trained_tokenizer.decode(ids, skip_special_tokens=False)
    assert text == "<|file_sep|>a.ts\n<|fim_suffix|> = 1;<|fim_prefix|>const <|fim_middle|>"


def test_the_tokenizer_loses_no_byte(trained_tokenizer: Tokenizer):
    text = "\tΣ = '世界';\r\n  🙂\u0000 camelCase_snake ABCDef 12.5e3\n\n    }"
    assert trained_tokenizer.decode(trained_tokenizer.encode(text).ids) == text


def test_rows_follow_one_another_and_wrap(tmp_path: Path):
    import numpy as np

    np.arange(101, dtype=np.uint16).tofile(tmp_path / "epoch-0.bin")
    rows = data.Rows(tmp_path, 10)
    assert rows.row(0).tolist() == list(range(11))
    assert rows.row(9).tolist() == list(range(90, 101))
    assert rows.row(10).tolist() == rows.row(0).tolist()


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("src/a.ts", CODE * 4, None),
        ("src/a.d.ts", CODE * 4, "declaration"),
        ("dist/a.js", CODE * 4, "build product"),
        ("lib/a.min.js", CODE * 4, "build product"),
        ("src/a.js", 'Object.defineProperty(exports, "__esModule");\n' + CODE * 4, "compiled"),
        ("src/a.ts", "// Code generated by a tool. DO NOT EDIT.\n" + CODE * 4, "generated"),
        ("src/a.js", "x" * 500, "minified or data"),
        ("src/a.js", "".join(f"[{i}, {i * 7919}],\n" for i in range(200)), "tables of numbers"),
    ],
)
def test_files_that_nobody_wrote_by_hand_are_left_out(path: str, text: str, reason: str | None):
    assert corpus.reject_reason(path, text) == reason


def test_the_manifest_is_permissive_pinned_and_holds_packages_out():
    packages, caps = corpus.read_manifest()
    assert len({p.name for p in packages}) == len(packages) > 80
    assert all(p.version[0].isdigit() for p in packages)
    assert 3 <= sum(p.held_out for p in packages) <= 6
    assert caps.javascript < caps.typescript


def test_an_export_reads_back_as_nearly_the_same_model(tmp_path: Path, trained_tokenizer: Tokenizer):
    model = tiny_model()
    trained_tokenizer.save(str(tmp_path / "tokenizer.in.json"))
    export.export(model, tmp_path / "tokenizer.in.json", tmp_path / "model")
    again = export.load_exported(tmp_path / "model")
    for name in ("XS", "S", "M", "L", "XL"):
        logits, stored = (m.logits(tokens(), TINY.widths(name)) for m in (model, again))
        assert (logits - stored).square().mean().sqrt() < 0.03 * logits.std()
    shapes = json.loads((tmp_path / "model" / "config.json").read_text())["matformer"]["granularities"]
    assert shapes["XS"] == [8, 0]
    assert shapes["XL"] == [64, 64]


def test_an_exact_line_is_right_in_every_token_and_ends_in_any_way_a_line_ends():
    model = tiny_model()
    prompt = tokens(1)[0, :10].tolist()
    best = []
    for _ in range(3):
        best.append(int(model.logits(torch.tensor([prompt + best]), [64, 64])[0, -1].argmax()))
    other = (best[1] + 1) % TINY.vocabulary
    right, wrong = (prompt + best, 10), ([*prompt, best[0], other, best[2]], 10)
    assert evaluate.exact_line(model, [64, 64], [right, wrong], {best[2]}) == 0.5
    ends_otherwise = ([*prompt, *best[:2], other], 10)
    assert evaluate.exact_line(model, [64, 64], [ends_otherwise], {best[2]}) == 1.0
    assert evaluate.exact_line(model, [64, 64], [right], {other}) == 0.0


def test_the_frontier_keeps_no_submodel_that_a_cheaper_one_equals():
    rows = [
        {"name": "a", "parameters": 1, "bitsPerByte": 1.3},
        {"name": "b", "parameters": 2, "bitsPerByte": 1.4},
        {"name": "c", "parameters": 3, "bitsPerByte": 1.1},
    ]
    assert [row["name"] for row in evaluate.undominated(rows)] == ["a", "c"]


def test_training_resumes_where_it_was_killed(tmp_path: Path):
    import numpy as np

    tokens_dir = tmp_path / "tokens"
    tokens_dir.mkdir()
    np.random.default_rng(0).integers(0, 4096, 20_000, dtype=np.uint16).tofile(tokens_dir / "epoch-0.bin")
    command = [sys.executable, "-m", "training.train", "--tokens", str(tokens_dir), "--out", str(tmp_path / "run"),
               "--layers", "1", "--rows", "1", "--context", "64", "--minutes"]  # fmt: skip
    first = subprocess.run([*command, "0.02"], capture_output=True, text=True, check=True)
    second = subprocess.run([*command, "0.04"], capture_output=True, text=True, check=True)
    updates = [int(run.stdout.split(": ")[1].split()[0]) for run in (first, second)]
    assert updates[1] > updates[0] > 0
    logged = [json.loads(line)["update"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert logged == sorted(set(logged))
