"""A public checkpoint with another vocabulary: what its rows come from, and that it trains and resumes."""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from training import data, graft
from training.elastic import __main__ as elastic
from training.elastic import finetune
from training.elastic.text import EpochStream, Place, knows_our_marks
from training.tests.conftest import CODE
from training.tokenizer import SPECIAL

OTHER = ["<|endoftext|>", "<repo_name>", "<file_sep>", "<filename>"]  # of StarCoder's family


@pytest.fixture(scope="module")
def other() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=OTHER, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([CODE, "the prefix and the suffix of a file"] * 4, trainer)
    return tokenizer


@pytest.fixture(scope="module")
def checkpoint(other: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("dense")
    shape = dict(
        hidden_size=32, intermediate_size=96, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1
    )
    config = LlamaConfig(vocab_size=other.get_vocab_size(), tie_word_embeddings=True, **shape)
    LlamaForCausalLM(config).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=other).save_pretrained(folder)
    return folder


def test_our_marks_come_first_and_every_other_token_keeps_its_row(other: Tokenizer):
    new, sources = graft.with_our_marks(other)
    assert [new.id_to_token(i) for i in range(len(SPECIAL))] == SPECIAL
    assert len(sources) == new.get_vocab_size() == other.get_vocab_size() - len(OTHER) + len(SPECIAL)
    for i in range(len(SPECIAL), len(sources)):
        assert [other.token_to_id(new.id_to_token(i))] == sources[i]
    assert new.encode(CODE).tokens == other.encode(CODE).tokens
    by_mark = dict(zip(SPECIAL, sources, strict=False))
    assert by_mark["<|file_sep|>"] == [other.token_to_id("<filename>")]
    assert by_mark["<|fim_prefix|>"] == other.encode("fim prefix").ids


def test_fewer_tokens_are_those_that_a_text_uses_and_what_they_are_merged_from(other: Tokenizer):
    text = "the prefix and the suffix"
    kept = graft.most_used(other, [text], 290)
    small, sources = graft.with_our_marks(other, kept)
    assert small.get_vocab_size() == len(sources) <= 290 + len(SPECIAL)
    assert small.encode(text).tokens == other.encode(text).tokens  # as the model has seen it
    assert small.decode(small.encode(CODE).ids) == CODE
    assert len(small.encode(CODE).ids) > len(other.encode(CODE).ids)


def test_a_row_of_our_vocabulary_is_the_mean_of_the_tokens_with_its_bytes(
    other: Tokenizer, trained_tokenizer: Tokenizer
):
    sources = graft.spelled_by(other, trained_tokenizer)
    for i in range(len(SPECIAL), len(sources)):
        spelled = "".join(other.id_to_token(piece) for piece in sources[i])
        assert spelled == trained_tokenizer.id_to_token(i)
    embedding = torch.randn(other.get_vocab_size(), 4)
    rows = graft.mean_rows(embedding, [[3, 5], []])
    assert torch.allclose(rows[0], (embedding[3] + embedding[5]) / 2)
    assert torch.allclose(rows[1], embedding.mean(dim=0))


def converted(other: Tokenizer) -> Tokenizer:
    """As Qwen's and Llama 3's: the special tokens stand in added_tokens alone, after all others; one begins every text;
    and each token has a merge for every place where it can be cut, as converters from tiktoken list them: "fix" is
    f + ix, which BPE takes, and fi + x, which needs a token that it does not."""
    raw = json.loads(other.to_str())
    plain = [token for token in sorted(raw["model"]["vocab"], key=raw["model"]["vocab"].get) if token not in OTHER]
    plain.insert(256, "ix")  # right after the alphabet, so that BPE merges it first
    ranks = {token: i for i, token in enumerate(plain)}
    raw["model"]["vocab"] = ranks
    raw["model"]["merges"] = []
    for token in plain:
        cuts = [(token[:i], token[i:]) for i in range(1, len(token)) if token[:i] in ranks and token[i:] in ranks]
        raw["model"]["merges"] += sorted(cuts, key=lambda cut: (ranks[cut[0]], ranks[cut[1]]))
    marks = ["<|endoftext|>", "<|file_sep|>", "<|begin_of_text|>"]
    fields = raw["added_tokens"][0]
    raw["added_tokens"] = [fields | {"id": len(plain) + i, "content": mark} for i, mark in enumerate(marks)]
    made = Tokenizer.from_str(json.dumps(raw))
    begin = ("<|begin_of_text|>", made.token_to_id("<|begin_of_text|>"))
    made.post_processor = processors.TemplateProcessing(single=f"{begin[0]} $A", special_tokens=[begin])
    return made


def test_special_tokens_outside_the_vocabulary_give_their_rows_and_none_begins_a_text(other: Tokenizer):
    old = converted(other)
    assert old.encode(CODE).tokens == ["<|begin_of_text|>", *other.encode(CODE).tokens]
    new, sources = graft.with_our_marks(old)
    by_mark = dict(zip(SPECIAL, sources, strict=False))
    assert by_mark["<|endoftext|>"] == [old.token_to_id("<|endoftext|>")]
    assert by_mark["<|file_sep|>"] == [old.token_to_id("<|file_sep|>")]
    assert by_mark["<|fim_prefix|>"] == old.encode("fim prefix", add_special_tokens=False).ids
    assert new.encode(CODE).tokens == other.encode(CODE).tokens


def test_our_marks_are_not_kept_twice_if_the_vocabulary_has_them_as_plain_tokens(other: Tokenizer):
    raw = json.loads(other.to_str())
    old_id = raw["model"]["vocab"]["<|fim_prefix|>"] = len(raw["model"]["vocab"])
    new, sources = graft.with_our_marks(Tokenizer.from_str(json.dumps(raw)))
    assert new.token_to_id("<|fim_prefix|>") == SPECIAL.index("<|fim_prefix|>")
    assert sources[SPECIAL.index("<|fim_prefix|>")] == [old_id] and len(sources) == new.get_vocab_size()


def test_fewer_tokens_keep_the_way_by_which_each_is_merged_and_no_other(other: Tokenizer):
    old, text = converted(other), "fix"
    assert {"fi", "ix", "fix"} < set(old.get_vocab()) and len(old.encode(text).tokens) == 2
    kept = graft.most_used(old, [text], 258)
    assert {token for token in kept if len(token) > 1} == {"ix", "fix"}
    small, sources = graft.with_our_marks(old, kept)
    assert small.get_vocab_size() == len(sources) == len(kept) + len(SPECIAL)
    assert small.encode(text).tokens == ["fix"]
    assert small.decode(small.encode(CODE).ids) == CODE


def run(monkeypatch: pytest.MonkeyPatch, module: ModuleType, *arguments: str | Path) -> None:
    """The command of a module, in this process."""
    monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
    module.main()


def test_the_written_folder_gives_the_logits_of_the_old_one_for_the_same_tokens(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    model, tokenizer = graft.read_checkpoint(checkpoint)
    before = model(torch.tensor([tokenizer.encode(CODE).ids])).logits
    run(monkeypatch, graft, "--model", checkpoint, "--out", tmp_path / "start")
    _, sources = graft.with_our_marks(tokenizer)
    new = Tokenizer.from_file(str(tmp_path / "start" / "tokenizer.json"))
    after = AutoModelForCausalLM.from_pretrained(tmp_path / "start")(torch.tensor([new.encode(CODE).ids])).logits
    kept = [i for i, rows in enumerate(sources) if len(rows) == 1]
    assert torch.allclose(after[..., kept], before[..., [sources[i][0] for i in kept]], atol=1e-5)
    assert knows_our_marks(tmp_path / "start" / "tokenizer.json")
    assert not knows_our_marks(checkpoint / "tokenizer.json")


def test_it_learns_from_the_tokens_of_the_corpus_and_resumes_as_if_never_killed(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    corpus, start, tokens = tmp_path / "corpus", tmp_path / "start", tmp_path / "tokens"
    corpus.mkdir()
    for name, count in (("train", 60), ("heldout", 8)):
        files = [{"package": "p", "path": f"{i}.ts", "language": "TypeScript", "text": CODE * 40} for i in range(count)]
        (corpus / f"{name}.jsonl").write_text("".join(json.dumps(file) + "\n" for file in files))
    run(monkeypatch, graft, "--model", checkpoint, "--out", start)
    vocabulary = ("--tokenizer", start / "tokenizer.json")
    run(monkeypatch, data, *vocabulary, "--corpus", corpus, "--out", tokens, "--epochs", "1", "--context", "256")
    settings = {
        "model": start, "text": corpus / "train.jsonl", "data": tokens, "heldout": corpus / "heldout.jsonl",
        "mode": "all", "widths": "uniform", "batch": 512, "window": 128, "rate": 3e-3, "tokens": 6000,
        "calibration-tokens": 2000, "heldout-tokens": 1000, "evaluate-every": 0, "checkpoint-minutes": 0,
    }  # fmt: skip
    command = [part for name, value in settings.items() for part in (f"--{name}", value)]
    step, ends = finetune.Tuner.step, []

    def killed(tuner: finetune.Tuner, *batch: torch.Tensor) -> tuple[str, float, float]:
        if tuner.update == 5:
            raise KeyboardInterrupt
        return step(tuner, *batch)

    for name in ("whole", "parts"):
        if name == "parts":
            with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
                patched.setattr(finetune.Tuner, "step", killed)
                run(patched, elastic, *command, "--out", tmp_path / name)
        run(monkeypatch, elastic, *command, "--out", tmp_path / name)
        log = (tmp_path / f"{name}.run" / "log.jsonl").read_text().splitlines()
        evaluations = [line["evaluation"]["Code"] for line in map(json.loads, log) if "evaluation" in line]
        for size in ("S", "XL"):
            assert evaluations[-1]["bits_per_byte"][size] < 0.95 * evaluations[0]["bits_per_byte"][size]
        ends.append(torch.load(tmp_path / f"{name}.run" / "checkpoint.pt", weights_only=True))
    assert ends[0]["update"] == ends[1]["update"] == 12
    assert ends[0]["place"] == ends[1]["place"] == [6144, []]
    with pytest.raises(SystemExit, match=r"was started with --data .*tokens, not without --data; use another --out"):
        without = [part for name, value in settings.items() if name != "data" for part in (f"--{name}", value)]
        run(monkeypatch, elastic, *without, "--out", tmp_path / "parts")
    begun = AutoModelForCausalLM.from_pretrained(start).get_input_embeddings().weight
    assert any(t.shape == begun.shape and not torch.equal(t, begun) for t in ends[0]["trained"])  # the embedding too
    for whole, parts in zip(ends[0]["trained"], ends[1]["trained"], strict=True):
        assert torch.allclose(whole, parts, atol=1e-6)


def test_rows_of_the_tokens_of_training_follow_one_another(tmp_path: Path):
    text = np.random.default_rng(0).integers(5, 300, 2000, dtype=np.uint16)
    mark = text[::50] = SPECIAL.index("<|file_sep|>")
    text.tofile(tmp_path / "epoch-0.bin")
    stream = EpochStream(tmp_path, 64)
    first, targets, place = stream.read(Place(), 256)
    second, _, _ = stream.read(place, 256)
    whole = torch.from_numpy(text[:513].astype(np.int64))
    assert first.shape == targets.shape == (4, 64)
    assert torch.equal(torch.cat((first.flatten(), second.flatten())), whole[:512])
    assert torch.equal(targets.flatten(), torch.where(whole[1:257] == mark, -1, whole[1:257]))
