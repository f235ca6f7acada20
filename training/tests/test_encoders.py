"""The promises of the encoders: nesting, masks, packing, the objective, the pairs, a resumed run, the folder."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from training.encoders import evaluate, objective, pairs, retrieval, syntax, train
from training.encoders.batches import Batches
from training.encoders.export import export, load_exported, load_run
from training.encoders.model import EncoderConfig, MatEncoder, Picture, patches_of
from training.model import Block, MatLM
from training.tests.conftest import TINY

TOKENS = EncoderConfig(TINY, embedding=16, prefixes=(4, 8, 16), max_input=32)
PICTURES = replace(TOKENS, picture=Picture(size=8, patch=4))
INPUTS = [[5, 9, 200], [7], [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]]


def encoder(config: EncoderConfig, seed: int = 0) -> MatEncoder:
    torch.manual_seed(seed)
    model = MatEncoder(config)
    with torch.no_grad():
        for block in model.blocks:
            block.attention.o_proj.normal_(std=0.3)
            for weight in block.ffn.down:
                weight.normal_(std=0.3)
    return model.eval()


def pixels(count: int = 3) -> torch.Tensor:
    return torch.randint(0, 256, (count, 8, 8, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def test_s_is_what_a_model_of_the_sliced_weights_alone_computes():
    whole = encoder(TOKENS)
    small = MatEncoder(TOKENS)
    small.load_state_dict(whole.state_dict())
    with torch.no_grad():
        for block in small.blocks:
            assert isinstance(block, Block)
            for matrices in (block.ffn.gate, block.ffn.up, block.ffn.down):
                for outer in list(matrices)[1:]:
                    outer.fill_(float("nan"))
    assert torch.equal(whole.embed_tokens(INPUTS, TOKENS.widths("S")), small.embed_tokens(INPUTS, TOKENS.widths("S")))
    assert small.embed_tokens(INPUTS, TOKENS.widths("M")).isnan().all()


def test_width_zero_skips_the_layer():
    model = encoder(TOKENS)
    before = model.embed_tokens(INPUTS, [64, 0])
    with torch.no_grad():
        model.blocks[1].attention.o_proj.fill_(5.0)
    assert torch.equal(before, model.embed_tokens(INPUTS, [64, 0]))


@pytest.mark.parametrize("attention", ["bidirectional", "causal"])
@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_an_input_packed_with_others_gives_what_it_gives_alone(attention: str, pooling: str):
    config = replace(TOKENS, attention=attention, pooling=pooling)
    model = encoder(config)
    together = model.embed_tokens(INPUTS, config.widths("L"))
    alone = torch.cat([model.embed_tokens([tokens], config.widths("L")) for tokens in INPUTS])
    assert torch.allclose(together, alone, atol=1e-5)
    assert torch.allclose(together.norm(dim=1), torch.ones(3))


def test_bidirectional_attention_sees_what_follows_and_causal_attention_does_not():
    """Read from the state of the first token in the last layer."""

    def first_state(attention: str, last: int) -> torch.Tensor:
        model = encoder(replace(TOKENS, attention=attention))
        states = []
        handle = model.blocks[1].ffn.register_forward_hook(lambda _, x, y: states.append(x[0][0]))
        model.embed_tokens([[5, 9, last]], TOKENS.widths("XL"))
        handle.remove()
        return states[0]

    assert torch.allclose(first_state("causal", 3), first_state("causal", 4), atol=1e-6)
    assert not torch.allclose(first_state("bidirectional", 3), first_state("bidirectional", 4), atol=1e-3)


def test_a_causal_encoder_that_starts_from_a_matlm_pools_the_matlms_states(tiny_model: MatLM):
    """Last pooling, so that one state is compared."""
    config = replace(TOKENS, attention="causal", pooling="last")
    model = encoder(config)
    model.start_from(tiny_model)
    tokens = torch.tensor(INPUTS[2])
    state = tiny_model.states(tokens, TINY.widths("M"), [0, len(tokens)])[-1]
    expected = torch.nn.functional.normalize(model.projection @ state, dim=0)
    assert torch.allclose(model.embed_tokens([INPUTS[2]], TINY.widths("M"))[0], expected, atol=1e-5)


def test_inputs_are_cut_at_max_input_and_an_empty_one_is_refused():
    model = encoder(TOKENS)
    long = [i % 300 for i in range(50)]
    widths = TOKENS.widths("S")
    assert torch.equal(model.embed_tokens([long], widths), model.embed_tokens([long[:32]], widths))
    with pytest.raises(ValueError, match="input 1 has no tokens"):
        model.embed_tokens([[1], []], widths)


def test_patches_are_row_major_with_the_channels_last():
    picture = torch.arange(8 * 8 * 3, dtype=torch.uint8).view(1, 8, 8, 3)
    patches = patches_of(picture, PICTURES.picture)
    assert patches.shape == (4, 48)
    assert torch.equal(patches[1].view(4, 4, 3), picture[0, :4, 4:].float() / 127.5 - 1)


@pytest.mark.parametrize("config", [TOKENS, PICTURES], ids=["tokens", "pictures"])
def test_an_exported_folder_gives_the_same_embeddings_within_int8(
    config: EncoderConfig, tmp_path: Path, trained_tokenizer: Tokenizer
):
    model = encoder(config)
    tokenizer = None if config.picture else tmp_path / "a.json"
    if tokenizer:
        trained_tokenizer.save(str(tokenizer))
    export(model, tokenizer, tmp_path / "out")
    loaded = load_exported(tmp_path / "out")
    assert loaded.config == (replace(config, shape=replace(TINY, vocabulary=1)) if config.picture else config)
    for name in ("S", "XL"):
        widths = config.widths(name)
        embed = (lambda m, w=widths: m.embed_pictures(pixels(), w)) if config.picture else (
            lambda m, w=widths: m.embed_tokens(INPUTS, w)
        )  # fmt: skip
        similarity = (embed(model) * embed(loaded)).sum(dim=1)
        assert similarity.min() > 0.998
        assert not torch.equal(embed(model), embed(loaded))


def test_a_folder_that_is_no_encoder_is_refused_by_name(tmp_path: Path):
    (tmp_path / "config.json").write_text('{"model_type": "qwen3"}')
    with pytest.raises(SystemExit, match="not the folder of an encoder: model_type is 'qwen3'"):
        load_exported(tmp_path)


def test_a_duplicate_is_no_negative():
    queries, gallery = torch.eye(3), torch.eye(3)[[0, 0, 2]]
    same = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)
    confused = objective.info_nce(torch.eye(3)[[0, 0, 2]], gallery)
    assert objective.info_nce(torch.eye(3)[[0, 0, 2]], gallery, same) < 1e-6 < confused
    hard = torch.cat([gallery, queries[:1]])  # a hard negative that equals the answer to query 0
    assert objective.info_nce(queries[[0, 0, 2]], hard) > confused


def test_every_prefix_has_a_part_in_the_matryoshka_loss():
    queries = torch.nn.functional.normalize(torch.tensor([[1.0, 0, 0, 1], [1, 0, 1, 0]]), dim=1)
    whole, half = (objective.matryoshka(queries, queries, prefixes) for prefixes in ((4,), (2,)))
    assert whole < 0.01 and abs(half - np.log(2)) < 1e-6  # the first two dimensions tell nothing apart
    assert torch.isclose(objective.matryoshka(queries, queries, (2, 4)), (whole + half) / 2)


def test_the_gallery_is_xls_or_of_the_granularity_of_the_queries():
    drawn = [objective.draw(update) for update in range(2000)]
    assert drawn == [objective.draw(update) for update in range(2000)]
    assert all(gallery in ("XL", query) for query, gallery in drawn)
    assert abs(sum(query == "S" for query, _ in drawn) / 2000 - 0.3) < 0.04
    assert abs(sum(gallery == "XL" for query, gallery in drawn if query == "S") / 600 - 0.5) < 0.1


def test_ranks_count_ties_against_the_answer_and_any_correct_entry_counts():
    scores = np.array([[0.9, 0.9, 0.1], [0.2, 0.5, 0.4]])
    assert retrieval.ranks_of(scores, np.array([1, 2])).tolist() == [2, 2]
    assert retrieval.ranks_of(scores, np.array([[1, 1, 0], [0, 1, 1]], dtype=bool)).tolist() == [1, 1]
    found = retrieval.summary(np.array([1, 2, 20]))
    assert found == pytest.approx({"recall@1": 1 / 3, "recall@10": 2 / 3, "mrr": (1 + 0.5 + 0.05) / 3})


def test_the_nearest_neighbours_vote_and_the_nearest_breaks_a_tie():
    gallery = np.array([[1, 0], [0.9, 0.1], [0, 1]])
    labels = np.array(["a", "b", "b"])
    query = np.array([[1.0, 0.0]])
    for k, expected in ((1, 1.0), (2, 1.0), (3, 0.0)):
        assert retrieval.nearest_neighbour_accuracy(query, np.array(["a"]), gallery, labels, k) == expected


TYPESCRIPT = '''
/**
 * Removes the first element of the {@link Queue}.
 * @returns the element
 */
export function removeFirst(queue: Queue): Item | undefined {
  const [first] = queue.items.splice(0, 1);
  return first;
}

class Stack {
  // Adds an element on top of the others.
  pushItem(item: Item) {
    if (this.items.length > this.limit) throw new Error('full');
    this.items.push(item);
  }
}
// eslint-disable-next-line no-console
const drain = (queue: Queue) => {
  while (queue.items.length) console.log(removeFirst(queue));
};
'''  # fmt: skip
PYTHON = '''
def parse_header(line):
    """Split a header into its name and value.

    Args: line
    """
    name, _, value = line.partition(":")
    return name.strip(), value.strip()
'''


def test_documentation_is_the_first_paragraph_and_never_in_the_code():
    first, push, drain = syntax.functions_of(TYPESCRIPT, "TypeScript")
    assert (first.name, first.documentation) == ("removeFirst", "Removes the first element of the Queue.")
    assert push.documentation == "Adds an element on top of the others."
    assert drain.documentation == ""  # a directive describes nothing
    (header,) = syntax.functions_of(PYTHON, "Python")
    assert header.documentation == "Split a header into its name and value."
    for function in (first, push, drain, header):
        assert not function.documentation or function.documentation[:12] not in function.code
    assert first.code.startswith("export function removeFirst") and "@returns" not in first.code
    assert push.code.splitlines()[1] == "  if (this.items.length > this.limit) throw new Error('full');"
    assert header.code.splitlines()[1] == '    name, _, value = line.partition(":")'
    assert "console.log(removeFirst(queue))" in first.call and drain.call == ""


def test_a_masked_name_is_gone_and_longer_names_stay():
    masked = syntax.without_name("get(x) { return this.get(x) ?? getAll($get) }", "get")
    assert masked == "_(x) { return this._(x) ?? getAll($get) }"
    assert syntax.words_of("parseHTTPHeader2_fast") == "parse http header 2 fast"


def corpus(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    held = {"package": "held", "path": "a.ts", "language": "TypeScript", "text": TYPESCRIPT}
    own = TYPESCRIPT.replace("removeFirst", "takeFirst") + "\n".join(
        f"\n/** Multiplies a number by {word} and adds one. */\nexport function times{word.title()}(value: number) {{\n"
        f"  const product = value * {i};\n  return product + 1;\n}}"
        for i, word in enumerate(("three", "four", "five", "six", "seven", "eight"))
    )
    rows = [{"package": p, "path": f"{p}.ts", "language": "TypeScript", "text": own} for p in ("one", "two")]
    (folder / "heldout.jsonl").write_text(json.dumps(held) + "\n")
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_a_held_out_function_is_never_trained_on_and_equal_code_is_kept_once(tmp_path: Path):
    counts = pairs.build(corpus(tmp_path / "corpus"), tmp_path / "pairs", most=100)
    names = [row["name"] for row in pairs.read(tmp_path / "pairs" / "train.jsonl")]
    # takeFirst is the held-out removeFirst under another name; drain calls it by the new name, so its code differs.
    assert names == ["drain", "timesThree", "timesFour", "timesFive", "timesSix", "timesSeven", "timesEight"]
    assert counts["train"]["duplicates"] == 2 + len(names) + 2
    again = pairs.build(tmp_path / "corpus", tmp_path / "pairs", most=100)
    assert again == counts


def batches(tmp_path: Path, tokenizer: Tokenizer) -> Batches:
    pairs.build(corpus(tmp_path / "corpus"), tmp_path / "pairs", most=100)
    return Batches(pairs.read(tmp_path / "pairs" / "train.jsonl"), tokenizer, size=6, code_tokens=24, seed=1)


def test_a_batch_holds_neighbours_of_one_file_and_knows_its_duplicates(tmp_path: Path, trained_tokenizer: Tokenizer):
    source = batches(tmp_path, trained_tokenizer)
    batch = source.batch(3)
    assert len(batch.queries) == len(batch.gallery) == 6
    assert max(map(len, batch.gallery)) <= 24
    assert batch.same.diagonal().all() and torch.equal(batch.same, batch.same.T)
    chosen = source.texts(3)
    for i in range(6):
        for j in range(6):
            assert batch.same[i, j] == (chosen[i][0] == chosen[j][0] or chosen[i][2] == chosen[j][2])
    assert source.texts(3) == chosen != source.texts(4)


def run(tmp_path: Path, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch, out: str, *more: str):
    """A training of a tiny model, of `--stop` updates at a time if given."""
    if not (tmp_path / "pairs").exists():
        pairs.build(corpus(tmp_path / "corpus"), tmp_path / "pairs", most=100)
        tokenizer.save(str(tmp_path / "tokenizer.json"))
    monkeypatch.setattr(train, "new_model", lambda args, dtype: encoder(TOKENS, args.seed))
    given = ["--pairs", str(tmp_path / "pairs"), "--tokenizer", str(tmp_path / "tokenizer.json"), "--batch", "6"]
    args = train.options().parse_args([*given, "--code-tokens", "24", "--out", str(tmp_path / out), *more])
    return load_run(train.train(args))


def test_the_loss_falls_on_a_toy_set_for_every_query_against_xls_gallery(
    tmp_path: Path, trained_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
):
    rates = ("--muon-lr", "5e-3", "--adam-lr", "1e-2")
    trained, state = run(tmp_path, trained_tokenizer, monkeypatch, "run", "--updates", "40", *rates)
    batch = batches(tmp_path, trained_tokenizer).batch(0)

    @torch.inference_mode()
    def loss(model: MatEncoder, name: str) -> float:
        queries = model.embed_tokens(batch.queries, TOKENS.widths(name))
        gallery = model.embed_tokens(batch.gallery, TOKENS.widths("XL"))
        return float(objective.matryoshka(queries, gallery, TOKENS.prefixes, batch.same))

    for name in ("S", "XL"):
        assert loss(trained, name) < 0.7 * loss(encoder(TOKENS, seed=1), name)
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert log[-1]["part_in"] == state["part_in"]
    assert sum(state["part_in"].values()) > 40  # many updates have two granularities


def test_a_resumed_run_ends_as_an_uninterrupted_one(
    tmp_path: Path, trained_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
):
    whole, _ = run(tmp_path, trained_tokenizer, monkeypatch, "whole", "--updates", "12", "--keep-every", "5")
    (tmp_path / "resumed").mkdir()
    (tmp_path / "whole" / "update-5.pt").rename(tmp_path / "resumed" / "checkpoint.pt")
    resumed, state = run(tmp_path, trained_tokenizer, monkeypatch, "resumed", "--updates", "12")
    assert state["update"] == 12
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))
    with pytest.raises(SystemExit, match="was started with --updates 12, not 13; use another --out"):
        run(tmp_path, trained_tokenizer, monkeypatch, "resumed", "--updates", "13")


def test_a_twin_of_s_leaves_the_outer_slices_alone(
    tmp_path: Path, trained_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
):
    twin, state = run(tmp_path, trained_tokenizer, monkeypatch, "twin", "--updates", "4", "--only", "S")
    start = encoder(TOKENS, seed=1)
    assert state["part_in"] == {"S": 4}
    # A run of another version resumes only from a checkpoint of this form.
    progress = {"settings", "update", "elapsed_s", "part_in"}
    assert set(state) == {"shape", "encoder", "model", "adam", "muon"} | progress
    for trained, fresh in zip(twin.blocks, start.blocks, strict=True):
        assert not torch.equal(trained.ffn.gate[0], fresh.ffn.gate[0])
        assert torch.equal(trained.ffn.gate[1], fresh.ffn.gate[1])


def test_fusion_prefers_what_both_rank_high():
    words, meaning = np.array([[3.0, 2.0, 1.0, 0.0]]), np.array([[0.0, 2.0, 1.0, 3.0]])
    assert evaluate.fused(words, meaning).argmax() == 1


def test_bm25_splits_identifiers_and_equal_queries_share_their_answers(tmp_path: Path):
    pairs.build(corpus(tmp_path / "corpus"), tmp_path / "pairs", most=100)
    task = evaluate.read_task(tmp_path / "pairs" / "train.jsonl", distractors=1)
    assert (len(task.queries), len(task.gallery)) == (6, 7)
    assert evaluate.terms("Multiplies the HTTPHeader by_four") == ["multiplies", "http", "header", "four"]
    assert (evaluate.bm25_ranks(task) == 1).all()
    masked = evaluate.read_task(tmp_path / "pairs" / "train.jsonl", masked=True)
    assert not any("times" in code for code in masked.gallery)
