"""The figures behind test_parity.py as a table for docs/results/import.md: how far the engine's logits are from those
of transformers with the same weights, and in brackets how far 8 bits for activations move transformers' own, both as a
share of the logits' spread.

    python test/python/parity_table.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from checkpoints import FORMS, write_checkpoint
from families import DISTINCT, FAMILIES, draw, draw_tokens
from matcoder_engine import Engine
from reference import error, logits_of, rounded_activations


def row(name: str, engine: Engine, folder: Path) -> list[str]:
    family = FAMILIES[name]
    tokens, cells = draw_tokens(family), [name]
    for form in FORMS:
        model = write_checkpoint(draw(family.config()), form, folder)
        expected = logits_of(model, tokens)
        with rounded_activations(model, form):
            explained = error(logits_of(model, tokens), expected)
        found = error(engine.ask(folder, tokens[0].tolist()).logits, expected)
        cells.append(f"{100 * found:.2f} ({100 * explained:.2f})")
    return cells


def main() -> None:
    print(f"| % of the spread | {' | '.join(FORMS)} |\n| --- |{' ---: |' * len(FORMS)}")
    with TemporaryDirectory() as folder, torch.no_grad():
        engine = Engine(Path(folder))
        for name in DISTINCT:
            print(f"| {' | '.join(row(name, engine, Path(folder)))} |", flush=True)
        engine.close()


if __name__ == "__main__":
    main()
