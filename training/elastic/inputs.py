"""Options that cannot be used are refused, and so are those that a run was not begun with: what is kept in its `--out`
would be used in their place without a word.
"""

import hashlib
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable
from pathlib import Path

from transformers import PreTrainedModel

from training.elastic.text import EpochStream

DATA_START = 1 << 19  # tokens of --data that identify it: later epochs may be added while training runs

# By the name of the option: (what identifies its value, how a message shows it, None if it was not given). Files are
# identified by their content, so that they may be moved.
Inputs = dict[str, tuple[str | float | None, str | None]]


def at_least(least: float) -> Callable[[str], float]:
    """The type of an option: a number of the kind of `least`, and no smaller one."""

    def number(text: str) -> float:
        value = type(least)(text)
        if not value >= least:
            raise ArgumentTypeError(f"{text}: expected {least:g} or more")
        return value

    return number


def digest(parts: Iterable) -> str:
    """Of bytes, or of arrays."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()


def weights_digest(model: PreTrainedModel) -> str:
    """Of all weights; half a gigabyte takes about a second."""
    return digest(
        part for name, t in model.state_dict().items() for part in (name.encode(), t.cpu().contiguous().numpy())
    )


def texts_digest(files: list[dict]) -> str:
    """Of files of `training.elastic.text`, in their order."""
    return digest(part for file in files for part in (file["text"].encode(errors="surrogatepass"), b"\0"))


def inputs_of(args: Namespace, options: Iterable[str], model: PreTrainedModel, texts: dict[str, list[dict]]) -> Inputs:
    """The values of `options`, the model as it was read, its tokenizer, and `texts` by the option that names them."""
    found: Inputs = {name: (getattr(args, name), str(getattr(args, name))) for name in options}
    found["model"] = (weights_digest(model), str(args.model))
    tokenizer = args.tokenizer or args.model / "tokenizer.json"
    found["tokenizer"] = (digest([tokenizer.read_bytes()]), str(tokenizer)) if tokenizer.is_file() else (None, None)
    for name, files in texts.items():
        found[name] = (texts_digest(files), " ".join(map(str, getattr(args, name))))
    return found


def data_input(stream: EpochStream | None, folder: Path | None) -> Inputs:
    """`--data`, without which training reads `--text`."""
    return {"data": (digest([stream.tokens.epochs[0][:DATA_START]]), str(folder)) if stream else (None, None)}


def require_same(path: Path, begun: Inputs | None, now: Inputs) -> None:
    """Raises ValueError if `path` was begun with other inputs. begun: those that it holds."""
    if begun is None:
        raise ValueError(f"{path}: an earlier version made it, which did not keep its inputs; use another --out")

    def said(name: str, shown: str | None) -> str:
        flag = "--" + name.replace("_", "-")
        return f"without {flag}" if shown is None else f"with {flag} {shown}"

    for name, (value, shown) in now.items():
        before, shown_before = begun.get(name, (None, None))
        if before != value:
            other = f"not {said(name, shown)}" if shown != shown_before else "whose content has changed since"
            raise ValueError(f"{path}: was started {said(name, shown_before)}, {other}; use another --out")
