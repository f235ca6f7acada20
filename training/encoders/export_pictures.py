"""From a run of `train_pictures` to the folders that ship, `pictures` and `words`, and the attribution of the sets.

The attribution of the sets is written beside the weights, because some licences ask for it.

    python -m training.encoders.export_pictures --run build/encoders/pictures --out models/encoders
"""

import argparse
from pathlib import Path

from training.encoders import icons as icon_data
from training.encoders.export import export
from training.encoders.train_pictures import load_run

SETS = """# Sets of icons

The encoders [pictures](README.md) and [words](../words/README.md) were trained and measured on these sets of the
Iconify collection ({name} {version} on npm). Each keeps its own licence; none is in this folder.

"""


def ship(run: Path, out: Path) -> None:
    """Write out/pictures and out/words from the run's last checkpoint."""
    pair, _ = load_run(run)
    export(pair.pictures, None, out / "pictures")
    export(pair.words, run / "tokenizer.json", out / "words")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("build/encoders/pictures"))
    parser.add_argument("--icons", type=Path, default=icon_data.FOLDER)
    parser.add_argument("--out", type=Path, default=Path("models/encoders"))
    args = parser.parse_args()
    ship(args.run, args.out)
    report = icon_data.load(args.icons)[2]
    head = SETS.format(**icon_data.manifest()["collection"])
    (args.out / "pictures" / "SETS.md").write_text(head + icon_data.table(report["sets"]))
    for file in sorted(path for name in ("pictures", "words") for path in (args.out / name).iterdir()):
        print(f"{file}  {file.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
