"""Fits the gate of the memory (`training.memory`) on held-out packages, and measures it on others.

Every package is one workspace. About an eighth of its bytes is being typed, all other files are known. Of a file that
is typed, the text outside of the window is known too. The windows are of two kinds, half of the tokens each: text from
the path on, up to the whole context, and prompts as the editor builds them, with the text after the cursor first.

The packages of the half `fit` are for fitting. Every figure that is printed is of the half `figures`, which
`src/cli/heldout.ts` draws alike. Standard errors are by bootstrap over packages, paired with the model alone.

    python -m training.gate --model models/matlm-46m            # the figures of the gate that the checkpoint has
    python -m training.gate --model models/matlm-46m --fit      # writes the gate into config.json before that
"""

import argparse
import hashlib
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from training.data import Encoder, FimSplit, read_files
from training.evaluate import NAMES, print_table
from training.export import SHIPPED, load_exported
from training.memory import COMPONENTS, INPUTS, Components, Gate, Index, look_up, read_gate
from training.model import MatLM, best_device

TYPED_SHARE = 1 / 8
LARGEST_TYPED = 0.15  # no file that is most of its package is typed
# Characters of a prompt, about as the editor's (src/completion/prompt/prompt.ts), and of the text to complete.
PREFIX, MIDDLE, SUFFIX = 2000, 300, 500
HIDDEN = 16
FITTED = ("S", "XL")  # the sizes whose predictions the gate is fitted on; it serves all of them
CANDIDATES = 4  # top continuations of each component that may be the mixture's most likely token


def half_of(package: str) -> str:
    """'fit' or 'figures'; as `halfOf` of src/cli/heldout.ts, over the random numbers of src/replay/random.ts."""

    def mix(h: int) -> int:  # the finaliser of MurmurHash3
        h = (h ^ h >> 16) * 0x85EBCA6B & 0xFFFFFFFF
        h = (h ^ h >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
        return h ^ h >> 16

    state = 0
    for character in package:
        state = mix(state ^ ord(character))
    return "fit" if mix((state + 0x9E3779B9) & 0xFFFFFFFF) < 2**31 else "figures"


def split_typed(files: list[dict]) -> tuple[list[dict], list[dict]]:
    """The files of a package that are being typed, in an order by hash, and those that are known."""
    total, typed, size = sum(len(f["text"]) for f in files), [], 0
    for file in sorted(files, key=lambda f: hashlib.md5(f["path"].encode()).digest()):
        if size >= TYPED_SHARE * total and len(typed) >= 3:
            break
        if len(file["text"]) <= LARGEST_TYPED * total:
            typed.append(file)
            size += len(file["text"])
    paths = {f["path"] for f in typed}
    return typed, [f for f in files if f["path"] not in paths]


DECLARED = re.compile(
    r"^(?:export\s+)?(?:default\s+)?(?:(?:declare|abstract|async)\s+)*"
    r"(?:class|function\s*\*?|interface|type|enum|const|let|var|namespace)\s+([A-Za-z_$][\w$]*)",
    re.MULTILINE,
)


def strangers(file: dict, files: list[dict]) -> list[dict]:
    """The other files that know nothing of this one: none names a symbol that it alone declares at its top level."""
    others = [f for f in files if f["path"] != file["path"]]
    symbols = set(DECLARED.findall(file["text"])) - {name for f in others for name in DECLARED.findall(f["text"])}
    return [f for f in others if not symbols & set(re.findall(r"[A-Za-z_$][\w$]*", f["text"]))]


@dataclass(frozen=True)
class Passage:
    """A window of a typed file, with its tokens to score, and the documents that hold the rest of the file."""

    package: str
    file: dict
    tokens: list[int]
    scored: list[int]  # indices in `tokens`, rising
    rest: tuple[list[int], list[int]]  # the file's text before and after the window
    is_prompt: bool


def passages(package: str, file: dict, encoder: Encoder, context: int) -> Iterator[Passage]:
    """All windows of a file, of both kinds."""
    head, body = encoder.head(file["path"]), encoder.ids(file["text"])
    room = context - len(head)
    for start in range(0, len(body), room):
        tokens = head + body[start : start + room]
        scored = list(range(len(head), len(tokens)))
        yield Passage(package, file, tokens, scored, (body[:start], body[start + room :]), False)
    text = file["text"]
    for start in range(0, len(text), PREFIX + MIDDLE):
        cursor, after = start + PREFIX, start + PREFIX + MIDDLE
        split = FimSplit(text[start:cursor], text[cursor:after], text[after : after + SUFFIX])
        prompt, middle = encoder.spm(file["path"], split), encoder.ids(split.middle)
        if not middle or len(prompt) + len(middle) > context:
            continue
        begin = len(head) + len(encoder.after(split)) + 1
        scored = [*range(begin, len(prompt) - 1), *range(len(prompt), len(prompt) + len(middle))]
        rest = encoder.ids(text[:start]), encoder.ids(text[after + SUFFIX :])
        yield Passage(package, file, prompt + middle, scored, rest, True)


def chosen_passages(
    package: str, typed: list[dict], encoder: Encoder, context: int, max_tokens: int
) -> Iterator[Passage]:
    """Of both kinds about `max_tokens` / 2 scored tokens."""
    found = [p for file in typed for p in passages(package, file, encoder, context)]
    random.Random(5).shuffle(found)
    for is_prompt in (False, True):
        left = max_tokens / 2
        for passage in found:
            if passage.is_prompt == is_prompt and left > 0:
                left -= len(passage.scored)
                yield passage


@dataclass
class Places:
    """What one submodel and the memory say at the scored tokens of some passages. The first column is the model's."""

    inputs: np.ndarray  # [n, INPUTS]
    present: np.ndarray  # [n, COMPONENTS]
    chances: np.ndarray  # [n, COMPONENTS + 1] of the token that comes
    candidates: np.ndarray  # [n, candidates, COMPONENTS + 1] of tokens that may be the most likely
    is_next: np.ndarray  # [n, candidates] whether the candidate is the token that comes

    @staticmethod
    def joined(parts: Iterable["Places"]) -> "Places":
        parts = list(parts)
        names = ("inputs", "present", "chances", "candidates", "is_next")
        return Places(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))

    def mixed(self, gate: Gate | None) -> tuple[np.ndarray, np.ndarray]:
        """[n] the probability of the token that comes, and whether it is the most likely one. None: the model alone."""
        n = len(self.inputs)
        weights = gate.weights(self.inputs, self.present) if gate else np.eye(1, COMPONENTS + 1).repeat(n, axis=0)
        best = (self.candidates * weights[:, None]).sum(-1).argmax(1)
        return (self.chances * weights).sum(-1), self.is_next[np.arange(n), best]


@torch.inference_mode()
def predictions(model: MatLM, widths: list[int], passage: Passage) -> np.ndarray:
    """The model's probabilities at the scored tokens: [n, vocabulary]."""
    row = torch.tensor(passage.tokens[:-1], device=model.device)
    states = model.states(row, widths, [0, len(row)])[np.array(passage.scored) - 1]
    return F.softmax(F.linear(states, model.embedding.to(model.dtype)).float(), dim=-1).cpu().numpy()


def look_up_scored(passage: Passage, known: list[Index], marks: frozenset[int]) -> Components:
    """What the memory says at the scored tokens; the look-up passes over the marks, as the engine does."""
    is_text = np.array([token not in marks for token in passage.tokens])
    return look_up(np.array(passage.tokens)[is_text], (np.cumsum(is_text) - 1)[passage.scored], known)


def places(passage: Passage, found: Components, chances: np.ndarray) -> Places:
    """`found` and the model's `chances` at the scored tokens."""
    target = np.array(passage.tokens)[passage.scored]
    row, best = np.arange(len(target))[:, None], chances.argmax(1)
    tops = np.full((len(target), COMPONENTS, CANDIDATES), -1)
    width = min(CANDIDATES, found.tokens.shape[2])
    tops[..., :width] = found.tokens[..., :width]
    candidates = np.concatenate([best[:, None], tops.reshape(len(target), -1)], axis=1)
    by_source = [np.where(candidates < 0, 0, chances[row, candidates])]
    for k in range(COMPONENTS):
        same = (found.tokens[:, k, :, None] == candidates[:, None]) & (candidates[:, None] >= 0)
        by_source.append((found.shares[:, k, :, None] * same).sum(1))
    shares = (found.shares * (found.tokens == target[:, None, None])).sum(-1)
    return Places(
        found.features(chances[row, tops[..., 0]], best, chances[row[:, 0], best]),
        found.lengths > 0,
        np.concatenate([chances[row, target[:, None]], shares], axis=1),
        np.stack(by_source, axis=2),
        candidates == target[:, None],
    )


def fit(seen: Places, hidden: int = HIDDEN, epochs: int = 40, seed: int = 0) -> Gate:
    """The gate with the least mean loss, by AdamW on batches of 1024 places."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # the matrices are so small that a second thread only waits
    inputs, present, chances = (torch.from_numpy(x) for x in (seen.inputs, seen.present, seen.chances))
    layers = torch.nn.Linear(INPUTS, hidden), torch.nn.Linear(hidden, COMPONENTS + 1)
    torch.nn.init.zeros_(layers[1].weight)
    layers[1].bias.data = torch.tensor([3.0] + [0.0] * COMPONENTS)  # begins near the model alone
    steps = max(1, epochs * len(inputs) // 1024)
    optimizer = torch.optim.AdamW([p for layer in layers for p in layer.parameters()], weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-2, total_steps=steps)
    with torch.enable_grad():
        for _ in range(steps):
            batch = torch.randint(0, len(inputs), (1024,))
            scores = layers[1](F.relu(layers[0](inputs[batch])))
            absent = F.pad(~present[batch], (1, 0))
            weights = scores.masked_fill(absent, -torch.inf).softmax(-1)
            loss = -torch.log((weights * chances[batch]).sum(-1) + 1e-9).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    matrices = (torch.cat([layer.weight, layer.bias[:, None]], dim=1).detach().numpy() for layer in layers)
    return Gate.from_json(Gate(*matrices).to_json())  # as rounded as what ships


@dataclass
class Row:
    """Sums over the scored tokens of a passage, by the model alone and with the memory."""

    package: str
    language: str
    is_prompt: bool
    text_bytes: int
    tokens: int
    bits: tuple[float, float]
    right: tuple[int, int]


def measure(seen: list[tuple[Passage, Places]], gate: Gate, encoder: Encoder) -> list[Row]:
    rows = []
    for passage, at in seen:
        text = encoder.tokenizer.decode([passage.tokens[i] for i in passage.scored], skip_special_tokens=False)
        pairs = [at.mixed(g) for g in (None, gate)]
        bits = tuple(float(-np.log2(np.maximum(p, 1e-12)).sum()) for p, _ in pairs)
        right = tuple(int(r.sum()) for _, r in pairs)
        language, size = passage.file["language"], len(text.encode())
        rows.append(Row(passage.package, language, passage.is_prompt, size, len(passage.scored), bits, right))
    return rows


HEAD = ["Tokens", "Bits per byte", "with memory", "less, % (se)", "Next right", "with memory", "more (se)"]


def summary(rows: list[Row], draws: int = 2000) -> list[str]:
    """Bits per byte without and with, the gain and its standard error, and the same of the next token right."""
    if not rows:
        return ["0", *[""] * (len(HEAD) - 1)]
    packages = sorted({row.package for row in rows})
    sums = np.array(
        [
            np.sum([(*r.bits, *r.right, r.text_bytes, r.tokens) for r in rows if r.package == package], axis=0)
            for package in packages
        ]
    )
    drawn = np.random.default_rng(0).integers(0, len(packages), (draws, len(packages)))

    def gains(s: np.ndarray) -> np.ndarray:
        return np.stack([100 * (1 - s[..., 1] / s[..., 0]), 100 * (s[..., 3] - s[..., 2]) / s[..., 5]], axis=-1)

    alone, mixed, right, right_mixed, size, tokens = sums.sum(0)
    gain, error = gains(sums.sum(0)), gains(sums[drawn].sum(1)).std(0)
    return [
        f"{int(tokens):,}", f"{alone / size:.4f}", f"{mixed / size:.4f}", f"{gain[0]:.1f} ({error[0]:.1f})",
        f"{right / tokens:.1%}", f"{right_mixed / tokens:.1%}", f"{gain[1]:+.1f} ({error[1]:.1f})",
    ]  # fmt: skip


def collect(
    model: MatLM,
    encoder: Encoder,
    packages: dict[str, list[dict]],
    max_tokens: int,
    names: Sequence[str] = NAMES,
    is_new: bool = False,
) -> list[tuple[Passage, dict[str, Places]]]:
    """Passages of every package, and what the named granularities and the memory say at their scored tokens.

    is_new: the typed files are new. Nothing after the window exists, and no other file of the package names a symbol of
    the typed one: those that do are left out of the memory (`strangers`).
    """
    shapes, seen = {name: model.config.widths(name) for name in names}, []
    for package, files in packages.items():
        typed, known = split_typed(files)
        indices: dict[str, Index] = {}  # by the path of the typed file; '' for all
        for passage in chosen_passages(package, typed, encoder, model.config.context, max_tokens):
            if is_new and passage.is_prompt:
                continue
            key = passage.file["path"] if is_new else ""
            if key not in indices:
                kept = strangers(passage.file, known) if is_new else known
                indices[key] = Index([encoder.ids(f["text"]) for f in kept])
            rest = passage.rest[:1] if is_new else passage.rest
            found = look_up_scored(passage, [indices[key], Index(rest)], encoder.marks)
            chances = {name: predictions(model, widths, passage) for name, widths in shapes.items()}
            seen.append((passage, {name: places(passage, found, chances[name]) for name in shapes}))
    return seen


def report(model: MatLM, encoder: Encoder, packages: dict[str, list[dict]], gate: Gate, max_tokens: int) -> None:
    """The tables: by size, by kind of window, by language, by package, and for new files."""
    seen = collect(model, encoder, packages, max_tokens)
    new = collect(model, encoder, packages, max_tokens, ("S", "XL"), is_new=True)

    def rows(name: str, of: list[tuple[Passage, dict[str, Places]]] = seen) -> list[Row]:
        return measure([(passage, at[name]) for passage, at in of], gate, encoder)

    by_size = {name: rows(name) for name in NAMES}
    print_table(["Submodel", *HEAD], [[name, *summary(found)] for name, found in by_size.items()])
    kinds = (("windows from the path on", False), ("prompts, the text after the cursor first", True))
    for name in ("S", "XL"):
        found = by_size[name]
        lines = [[what, *summary([r for r in found if r.is_prompt == kind])] for what, kind in kinds]
        lines.append(["new files", *summary(rows(name, new))])
        for key in ("language", "package"):
            for value in sorted({getattr(r, key) for r in found}):
                lines.append([value, *summary([r for r in found if getattr(r, key) == value])])
        print_table([name, *HEAD], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--corpus", type=Path, default=Path("build/corpus"))
    parser.add_argument("--max-tokens", type=int, default=6000, help="scored tokens of each package, about")
    parser.add_argument("--hidden", type=int, default=HIDDEN, help="hidden units of the gate")
    parser.add_argument("--fit", action="store_true", help="write the gate into config.json")
    args = parser.parse_args()
    model = load_exported(args.model).to(best_device())
    encoder = Encoder(Tokenizer.from_file(str(args.model / "tokenizer.json")))
    halves: dict[str, dict[str, list[dict]]] = {"fit": defaultdict(list), "figures": defaultdict(list)}
    for file in read_files(args.corpus / "heldout.jsonl"):
        halves[half_of(file["package"])][file["package"]].append(file)
    if args.fit:
        seen = collect(model, encoder, halves["fit"], args.max_tokens, FITTED)
        gate = fit(Places.joined(at[name] for _, at in seen for name in FITTED), args.hidden)
        path = args.model / "config.json"
        raw = json.loads(path.read_text())
        raw["matformer"]["memory"] = gate.to_json()
        path.write_text(json.dumps(raw, indent=2) + "\n")
        print(f"{path}: gate written\n")
    gate = read_gate(args.model)
    if gate is None:
        raise SystemExit(f"{args.model}: its config.json has no gate; --fit makes one")
    report(model, encoder, halves["figures"], gate, args.max_tokens)


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
