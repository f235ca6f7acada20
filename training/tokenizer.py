r"""Byte-level BPE for code, small on purpose: the vocabulary is the part of a MatLM that nesting cannot shrink.

Notable:
- camelCase is split before the merges are learned (`getFooBar` shares `Foo` with `isFoo`): it costs nothing in
  compression on held-out code;
- a line end and the indentation after it are one unit, so that a new line is mostly one token;
- every digit is a token of its own.

    python -m training.tokenizer --corpus build/corpus --out build/tokenizer.json
"""

import argparse
import itertools
import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

VOCABULARY = 4096

END_OF_TEXT = "<|endoftext|>"
FIM_PREFIX = "<|fim_prefix|>"
FIM_MIDDLE = "<|fim_middle|>"
FIM_SUFFIX = "<|fim_suffix|>"
FILE_SEPARATOR = "<|file_sep|>"
# The names of the Qwen2.5-Coder family, which other runtimes know.
SPECIAL = [END_OF_TEXT, FIM_PREFIX, FIM_MIDDLE, FIM_SUFFIX, FILE_SEPARATOR, "<|repo_name|>", "<|fim_pad|>"]

# Alternatives in order: line end with indentation, word part, run of punctuation, digit, blanks.
WORD_PARTS = r"\r?\n[ \t]*| ?[A-Z]?[a-z]+| ?[A-Z]+(?![a-z])| ?[A-Z]| ?[_$]+|[0-9]| ?[^\sA-Za-z0-9_$]+|[^\S\n]+"


def new_tokenizer() -> Tokenizer:
    """An untrained tokenizer: the split, the byte alphabet and the decoder."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORD_PARTS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def train(texts: list[str], vocabulary: int = VOCABULARY) -> Tokenizer:
    """Learn the merges. Ids 0..6 are `SPECIAL`, in that order."""
    tokenizer = new_tokenizer()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=24,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def texts(path: Path, every: int) -> list[str]:
    """The text of each `every`th file of a corpus."""
    with open(path) as lines:
        return [json.loads(line)["text"] for line in itertools.islice(lines, 0, None, every)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, nargs="+", default=[Path("build/corpus")], help="one or several")
    parser.add_argument("--vocabulary", type=int, default=VOCABULARY)
    parser.add_argument("--out", type=Path, default=Path("build/tokenizer.json"))
    args = parser.parse_args()
    # A fifth of the files learns nearly the same merges in a fifth of the time.
    training = [text for folder in args.corpus for text in texts(folder / "train.jsonl", 5)]
    tokenizer = train(training, args.vocabulary)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(args.out))
    held_out = [text for folder in args.corpus for text in texts(folder / "heldout.jsonl", 1)]
    tokens = sum(len(e.ids) for e in tokenizer.encode_batch(held_out))
    print(
        f"{args.out}: {tokenizer.get_vocab_size()} tokens, "
        f"{sum(len(t.encode()) for t in held_out) / tokens:.3f} bytes per token on held-out code"
    )


if __name__ == "__main__":
    main()
