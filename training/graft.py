"""A public dense checkpoint as the start of a MatLM: the folder that `training.elastic` makes elastic.

The model keeps its layers. Its vocabulary becomes one that begins with our special tokens, in their order, so that
`training.data` and the trainer read it as our own:

- `own`: all of its tokens but the special ones that are not ours;
- a number, as `own`, but only the tokens that `--text` uses most, and those that they are merged from: every row is a
  trained one, and such text is hardly cut otherwise than the model has seen;
- a `tokenizer.json`: that vocabulary. The row of a token is the mean of those that spell the same bytes.

A special token begins with the row of the one that means the same, or with the mean of those that spell its name.

    python -m training.graft --model build/models/smollm2-135m-q4_1.gguf --vocabulary own --out build/start
    python -m training.data --tokenizer build/start/tokenizer.json --out build/tokens-start

`--measure` prints the held-out bits per byte of each `--vocabulary` without training.
"""

import argparse
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import gguf
import torch
from tokenizers import Tokenizer, pre_tokenizers
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from training import metrics
from training.data import Encoder, read_files
from training.elastic.checkpoint import load_gguf
from training.elastic.measure import score
from training.elastic.nested import make_nested
from training.evaluate import print_table
from training.tokenizer import SPECIAL, texts

# What our special tokens are called in StarCoder's family and in Llama 3, if not the same. SmolLM2 has all of
# StarCoder's, but its rows of `<file_sep>` and of the ten from `<gh_stars>` on are the same untrained one; files began
# with `<filename>`.
SAME = {"<|endoftext|>": "<|end_of_text|>", "<|file_sep|>": "<filename>", "<|repo_name|>": "<repo_name>"}
EVERY = 20  # every twentieth file of the corpus is read for the tokens that it uses
SHORT_TEXT = 2400  # characters of a held-out file that are measured


def read_checkpoint(path: Path) -> tuple[PreTrainedModel, Tokenizer]:
    """A GGUF file, dequantised, or a folder that transformers saved; float32."""
    if path.suffix == ".gguf":
        model = load_gguf(path)
        tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name).backend_tokenizer
        kind = gguf.GGUFReader(path).fields.get("tokenizer.ggml.pre")
        if kind and kind.contents() == "smollm":  # transformers reads all as GPT-2's
            digits = pre_tokenizers.Digits(individual_digits=True)
            bytes_of_words = pre_tokenizers.ByteLevel(add_prefix_space=False)
            tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, bytes_of_words])
    elif (path / "config.json").exists():
        model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(path).backend_tokenizer
    else:
        raise SystemExit(f"{path}: neither a .gguf file nor a folder with a config.json")
    if not model.config.tie_word_embeddings:
        raise SystemExit(f"{path}: its output layer is not its embedding; expected a model that ties them")
    return model.eval(), tokenizer


def halves(merges: list[tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """For each token that merges make, the two that BPE merges last to spell it.

    A vocabulary that was converted from tiktoken lists a merge for every place where a token can be cut into two
    tokens. BPE uses one of them; the others need parts that a smaller vocabulary may not have.
    """
    order = {merge: i for i, merge in enumerate(merges)}
    found = {left + right: (left, right) for left, right in merges}
    for token, count in Counter(left + right for left, right in merges).items():
        if count == 1:
            continue
        parts = list(token)
        while len(parts) > 2:
            known = [(order[pair], i) for i, pair in enumerate(pairwise(parts)) if pair in order]
            if not known:
                break
            i = min(known)[1]
            parts[i : i + 2] = [parts[i] + parts[i + 1]]
        if len(parts) == 2 and tuple(parts) in order:
            found[token] = tuple(parts)
    return found


def most_used(tokenizer: Tokenizer, texts: list[str], size: int) -> set[str]:
    """About `size` tokens, none more: the alphabet, those that the texts use most, and what these are merged from."""
    raw = json.loads(tokenizer.to_str())["model"]
    parts = halves([tuple(merge) for merge in raw["merges"]])
    encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
    counts = Counter(token for encoding in encoded for token in encoding.tokens)
    kept = {token for token in raw["vocab"] if token not in parts}

    def needed(token: str) -> set[str]:
        if token in kept:
            return set()
        return {token}.union(*(needed(part) for part in parts[token]))

    for token, _ in counts.most_common():
        if token in parts and len(kept | needed(token)) <= size:
            kept |= needed(token)
    return kept


def with_our_marks(tokenizer: Tokenizer, kept: set[str] | None = None) -> tuple[Tokenizer, list[list[int]]]:
    """The tokenizer with `SPECIAL` as its first tokens, and for each of its tokens the old ones it comes from.

    kept: the only other tokens that stay, all but the old special ones by default.
    """
    raw = json.loads(tokenizer.to_str())
    old = {token["content"] for token in raw["added_tokens"] if token["special"]}
    vocabulary = raw["model"]["vocab"]

    def source(name: str) -> list[int]:
        for same in (name, SAME.get(name, name)):
            row = tokenizer.token_to_id(same)  # `vocabulary` may lack it: Qwen's are in added_tokens alone
            if row is not None:
                return [row]
        return tokenizer.encode(name.strip("<|>").replace("_", " "), add_special_tokens=False).ids

    plain = [
        token
        for token in sorted(vocabulary, key=vocabulary.get)
        if token not in old and token not in SPECIAL and (kept is None or token in kept)
    ]
    new = raw["model"]["vocab"] = {token: i for i, token in enumerate([*SPECIAL, *plain])}
    raw["model"]["merges"] = [m for m in raw["model"]["merges"] if m[0] in new and m[1] in new and "".join(m) in new]
    raw["model"]["unk_token"] = None
    if tokenizer.encode("").ids:  # Llama 3 puts a special token before every text, by its old number
        raw["post_processor"] = None
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    raw["added_tokens"] = [{"id": i, "content": name} | flags for i, name in enumerate(SPECIAL)]
    return Tokenizer.from_str(json.dumps(raw)), [source(name) for name in SPECIAL] + [[vocabulary[t]] for t in plain]


def spelled_by(tokenizer: Tokenizer, ours: Tokenizer) -> list[list[int]]:
    """For each token of `ours` those of `tokenizer` with the same bytes; byte-level tokenizers both."""
    _, marks = with_our_marks(tokenizer)
    vocabulary = sorted(ours.get_vocab().items(), key=lambda item: item[1])
    return [
        marks[SPECIAL.index(token)] if token in SPECIAL else [piece.id for piece in tokenizer.model.tokenize(token)]
        for token, _ in vocabulary
    ]


def mean_rows(embedding: Tensor, sources: list[list[int]]) -> Tensor:
    """The mean of the rows of each source; of all rows for a token that none spells. [sources, hidden]"""
    centre = embedding.mean(dim=0)
    return torch.stack([embedding[rows].mean(dim=0) if rows else centre for rows in sources])


def vocabulary_of(tokenizer: Tokenizer, wanted: str, text: Path) -> tuple[Tokenizer, list[list[int]]]:
    """The tokenizer that `--vocabulary` names, and the sources of its rows."""
    if wanted == "own":
        return with_our_marks(tokenizer)
    if wanted.isdigit():
        return with_our_marks(tokenizer, most_used(tokenizer, texts(text, EVERY), int(wanted) - len(SPECIAL)))
    ours = Tokenizer.from_file(wanted)
    return ours, spelled_by(tokenizer, ours)


@torch.no_grad()
def set_embedding(model: PreTrainedModel, rows: Tensor) -> None:
    """Another tied embedding. rows: [vocabulary, hidden]"""
    model.resize_token_embeddings(len(rows), mean_resizing=False)
    model.get_input_embeddings().weight.copy_(rows)
    model.config.bos_token_id, model.config.eos_token_id, model.config.pad_token_id = None, 0, None


def short_windows(files: list[dict], encoder: Encoder, count: int, context: int = 1024) -> list[metrics.Window]:
    """The beginnings of `count` held-out files, the same text for every vocabulary."""
    files = [file for file in files if len(file["text"]) >= SHORT_TEXT]
    files = files[:: max(1, len(files) // count)][:count]
    found = []
    for file in files:
        text = file["text"][:SHORT_TEXT]
        head = encoder.head(file["path"])
        tokens = (head + encoder.ids(text))[:context]
        read = len(encoder.tokenizer.decode(tokens[len(head) :], skip_special_tokens=False).encode())
        found.append(metrics.Window(tokens, len(head), read, file["language"]))
    return found


def measure(
    model: PreTrainedModel, tokenizer: Tokenizer, wanted: list[str], text: Path, heldout: Path, count: int
) -> None:
    """Every vocabulary without training: a row with its sizes and its bits per byte."""
    make_nested(model)
    files, own = read_files(heldout), model.get_input_embeddings().weight.detach().clone()
    body, table = sum(p.numel() for p in model.parameters()) - own.numel(), []
    for name in wanted:
        new, sources = vocabulary_of(tokenizer, name, text)
        set_embedding(model, mean_rows(own, sources))
        found = short_windows(files, Encoder(new), count)
        read, tokens = sum(w.text_bytes for w in found), sum(len(w.tokens) - w.first for w in found)
        bits = score(model, {}, found)["XL"].bits_per_byte
        rows = len(sources) * own.shape[1]
        # 4.5 bits a weight: groups of 32 with a scale of 16 bits; 8.5 for the embedding.
        table.append([name, f"{len(sources):,}", f"{read / tokens:.2f}", f"{bits:.4f}",
                      f"{(body * 4.5 + rows * 4.5) / 8e6:.1f}", f"{(body * 4.5 + rows * 8.5) / 8e6:.1f}",
                      f"{(body + rows) / 1e6:.1f}"])  # fmt: skip
    print_table(["Vocabulary", "Tokens", "Bytes a token", "Bits per byte", "MB, all in 4 bits",
                 "MB, embedding in 8", "MB, all in 8 bits"], table)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="GGUF file or folder of a dense checkpoint")
    parser.add_argument("--vocabulary", nargs="+", default=["own"], help="own, a number of tokens, or a tokenizer.json")
    parser.add_argument(
        "--text", type=Path, default=Path("build/corpus/train.jsonl"), help="whose tokens a number keeps"
    )
    parser.add_argument("--out", type=Path, help="folder to write")
    parser.add_argument("--measure", action="store_true", help="print a table instead")
    parser.add_argument("--heldout", type=Path, default=Path("build/corpus/heldout.jsonl"))
    parser.add_argument("--files", type=int, default=24, help="held-out files that are measured")
    args = parser.parse_args()
    if args.measure == bool(args.out) or (args.out and len(args.vocabulary) > 1):
        raise SystemExit("give --out and one --vocabulary, or --measure")
    model, tokenizer = read_checkpoint(args.model)
    if args.measure:
        measure(model, tokenizer, args.vocabulary, args.text, args.heldout, args.files)
        return
    new, sources = vocabulary_of(tokenizer, args.vocabulary[0], args.text)
    set_embedding(model, mean_rows(model.get_input_embeddings().weight.detach(), sources))
    model.config.architectures = [type(model).__name__]
    model.save_pretrained(args.out)
    PreTrainedTokenizerFast(tokenizer_object=new, eos_token=SPECIAL[0]).save_pretrained(args.out)
    print(f"{args.out}: {len(sources)} tokens, {sum(p.numel() for p in model.parameters()) / 1e6:.1f}M parameters")


if __name__ == "__main__":
    main()
