"""The encoders of pictures and words: their data, their batches, a short training, and the folders that ship."""

import argparse
import io
import json
import random
import tarfile

import numpy as np
import pytest
import torch

from training.encoders import evaluate_pictures, export, export_pictures, icons, pictures, train_pictures, words
from training.encoders.icons import Icon
from training.model import GRANULARITIES

SHAPES = {
    "square": '<path fill="currentColor" d="M4 4h16v16H4z"/>',
    "bar": '<path fill="currentColor" d="M4 10h16v4H4z"/>',
    "corner": '<path fill="currentColor" d="M4 4h16v4H8v12H4z"/>',
    "disc": '<circle cx="12" cy="12" r="9" fill="currentColor"/>',
    "cross": '<path fill="none" stroke="currentColor" stroke-width="2" d="M5 5l14 14M19 5L5 19"/>',
    "tee": '<path fill="none" stroke="currentColor" stroke-width="3" d="M4 5h16M12 5v15"/>',
    "dots": '<path fill="currentColor" d="M3 3h6v6H3zM15 15h6v6h-6z"/>',
    "steps": '<path fill="currentColor" d="M4 20V4h5v6h5v5h6v5z"/>',
}
# The first two are in every set, the others in the training sets only.
COMMON = ("square", "corner")


def turned(body: str, degrees: int) -> str:
    return f'<g transform="rotate({degrees} 12 12)">{body}</g>'


def set_of(prefix: str, licence: str, names: dict[str, str], **more) -> dict:
    info = {"name": prefix.title(), "author": {"name": "A", "url": "https://example.org"}, "version": "1.0.0",
            "license": {"spdx": licence, "title": licence}, "category": "General"}  # fmt: skip
    rows = {name: {"body": body} for name, body in names.items()}
    return {"prefix": prefix, "info": info, "icons": rows, "width": 24, "height": 24} | more


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Data of four toy sets: one held out, one under the GPL."""
    path = tmp_path_factory.mktemp("icons")
    sets = [
        set_of("one", "MIT", {f"{n}-outline": b for n, b in SHAPES.items()} | {"brand-acme": SHAPES["disc"]}),
        set_of("two", "CC-BY-4.0", {f"{n}-24": turned(b, 7) for n, b in SHAPES.items()},
               aliases={"plus-square": {"parent": "cross-24"}, "stairs": {"parent": "steps-24"}}),
        set_of("apart", "ISC", {n: turned(SHAPES[n], 20) for n in COMMON} | {"copy": SHAPES["tee"]}),
        set_of("copyleft", "GPL-3.0", {"lock": SHAPES["disc"]}),
    ]  # fmt: skip
    archive = path / "collection.tgz"
    with tarfile.open(archive, "w:gz") as sink:
        for raw in sets:
            content = json.dumps(raw).encode()
            entry = tarfile.TarInfo(f"package/json/{raw['prefix']}.json")
            entry.size = len(content)
            sink.addfile(entry, io.BytesIO(content))
    rules = {"collection": {}, "words": [], "split": {"held_out": ["apart"], "held_out_one_of": 1},
             "left_out": {"categories": ["Logos"], "sets": {}}}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(icons, "archive_of", lambda row, folder: archive)
        icons.build(path, rules)
    return path


def options(out, data, **more) -> argparse.Namespace:
    args = train_pictures.options().parse_args(["--updates", "12", "--no-wordnet"])
    vars(args).update(out=out, icons=data, batch=4, hidden=32, layers=2, word_hidden=32, word_layers=1, vocabulary=300,
                      muon_lr=1e-3, adam_lr=1e-3)  # fmt: skip
    vars(args).update(more)
    return args


@pytest.mark.parametrize(
    ("name", "affixes", "text"),
    [
        ("trash-can-outline-24", (), "trash can"),
        ("bin-bold-duotone", ("bold", "bold-duotone"), "bin"),
        ("folder-2", (), "folder"),
        ("home2", (), "home"),
        ("trafficLight", (), "traffic light"),
        ("chart-line", (), "chart line"),
        ("chart-line", ("line",), "chart"),
        ("outline", (), "outline"),
        ("24-hours", (), "24 hours"),
        ("4k", (), ""),
    ],
)
def test_name_gives_its_words_without_the_style(name, affixes, text):
    assert words.of_name(name, affixes) == text


def test_held_out_name_is_found_in_longer_texts_and_in_the_plural():
    held = icons.HeldOut(["rocket", "cloud upload"])
    assert held.find("launch rockets now") == "rocket"
    assert held.find("cloud upload off") == "cloud upload"
    assert held.find("upload cloud") is None
    assert held.find("rocketry") is None


@pytest.mark.parametrize(
    ("licence", "reason"),
    [("MIT", None), ("CC-BY-4.0", None), ("OFL-1.1", None), ("CC-BY-SA-4.0", "licence CC-BY-SA-4.0"),
     ("CC-BY-NC-4.0", "licence CC-BY-NC-4.0"), ("GPL-3.0", "licence GPL-3.0"), ("MPL-2.0", "licence MPL-2.0")],
)  # fmt: skip
def test_only_permissive_sets_are_used(licence, reason):
    info = {"license": {"spdx": licence}, "category": "General"}
    assert icons.allowed(info, "mdi", icons.manifest()) == reason


def test_logos_are_left_out_whatever_their_licence():
    info = {"license": {"spdx": "MIT"}, "category": "Logos"}
    assert icons.allowed(info, "marks", icons.manifest()) == "logos"


def test_training_has_no_held_out_set_name_or_picture(folder):
    found, _, report = icons.load(folder)
    assert sorted(report["held_out_names"]) == sorted(COMMON)
    training = [icon for icon in found if icon.split == "train"]
    held = icons.HeldOut(report["held_out_names"])
    texts = [text for icon in training for text in (icon.name, *(t for k in icon.captions.values() for t in k))]
    assert training and not [text for text in texts if held.find(text)]
    assert {icon.set for icon in training} == {"one", "two"}
    # "copy" of the held-out set is the drawing of one:tee, which training therefore does not have ...
    assert ("one", "tee") not in {(icon.set, icon.name) for icon in training}
    # ... and whose name is another name of the held-out icon.
    copy = next(icon for icon in found if icon.name == "copy")
    assert "tee" in copy.captions["elsewhere"]
    assert not [icon for icon in found if icon.name in ("brand acme", "lock")]


def test_aliases_are_captions_unless_they_have_a_held_out_name(folder):
    found, _, _ = icons.load(folder)
    captions = {icon.name: icon.captions["alias"] for icon in found if icon.set == "two"}
    assert captions["steps"] == ["stairs"]
    assert captions["cross"] == []  # "plus square" has "square"


def test_rendering_is_deterministic_and_strokes_are_drawn_wider():
    drawing = icons.Drawing(SHAPES["cross"], 0, 0, 24, 24)
    first, second, wide = icons.render(drawing.svg()), icons.render(drawing.svg()), icons.render(drawing.svg(1.5))
    assert np.array_equal(first, second)
    assert first.shape == (64, 64, 4) and first[..., :3].max() == 0
    assert 1.3 < wide[..., 3].sum() / first[..., 3].sum() < 1.6
    assert icons.render("<svg") is None
    assert icons.render(icons.Drawing("", 0, 0, 24, 24).svg()) is None


def test_the_same_drawing_is_found_at_another_size_and_place():
    drawn = [icons.Drawing(SHAPES["steps"], 0, 0, 24, 24), icons.Drawing(SHAPES["steps"], -4, -2, 40, 40),
             icons.Drawing(SHAPES["corner"], 0, 0, 24, 24), icons.Drawing(SHAPES["dots"], 0, 0, 24, 24)]  # fmt: skip
    vectors = np.stack([icons.cropped(icons.render(drawing.svg())) for drawing in drawn])
    assert icons.same_drawings(vectors) == [(0, 1)]
    assert icons.clusters(4, [(0, 2), (2, 3)]) == [0, 1, 0, 0]


def test_white_picture_is_put_on_black_and_any_other_on_white():
    drawing = icons.render(icons.Drawing(SHAPES["disc"], 0, 0, 24, 24).svg())
    white = drawing.copy()
    white[..., :3] = 255
    on = pictures.on_plain(np.stack((drawing, white)))
    assert on[0, 0, 0].tolist() == [255] * 3 and on[0, 32, 32].tolist() == [0] * 3
    assert on[1, 0, 0].tolist() == [0] * 3 and on[1, 32, 32].tolist() == [255] * 3


def test_augmented_pictures_stay_visible():
    drawing = icons.render(icons.Drawing(SHAPES["tee"], 0, 0, 24, 24).svg())
    many = torch.from_numpy(np.repeat(drawing[None], 200, axis=0))
    drawn = pictures.augment(many, torch.Generator().manual_seed(1))
    assert drawn.shape == (200, 64, 64, 3) and drawn.dtype == torch.uint8
    contrast = pictures.luminance(drawn.float().flatten(1, 2) / 255)
    assert (contrast.amax(1) - contrast.amin(1)).min() > 0.2
    again = pictures.augment(many, torch.Generator().manual_seed(1))
    assert torch.equal(drawn, again)


def test_rows_of_one_name_one_drawing_or_a_shared_text_are_no_negatives():
    made = [
        Icon("a", "1", "bin", "train", captions={"alias": ["trash"]}, same=1),
        Icon("b", "2", "trash", "train", captions={}, same=2),
        Icon("c", "3", "bin", "train", captions={}, same=3),
        Icon("d", "4", "bucket", "train", captions={}, same=2),
        Icon("e", "5", "star", "train", captions={}, same=5),
    ]
    batches = pictures.Batches(made, np.zeros((5, 64, 64, 4), np.uint8), None, 5)
    same = batches.same([0, 1, 2, 3, 4], ["bin", "trash", "bin", "bucket", "star"])
    expected = {(0, 1), (0, 2), (1, 3)}
    assert {(i, j) for i in range(5) for j in range(i) if same[i, j]} == {(b, a) for a, b in expected}
    assert torch.equal(same, same.T) and same.diagonal().all()


def test_captions_are_the_name_half_of_the_time(folder):
    found, stored, _ = icons.load(folder)
    batches = pictures.Batches(found, stored, None, 4)
    icon = Icon("a", "1", "bin", "train", captions={"alias": ["trash"]})
    rng = random.Random(1)
    drawn = [batches.caption(icon, rng) for _ in range(1000)]
    assert set(drawn) == {"bin", "trash"}
    assert 400 < drawn.count("trash") < 600  # no WordNet here, so its share goes to the other texts


def test_small_query_learns_to_find_its_picture_in_a_gallery_of_the_largest(folder):
    found, stored, _ = icons.load(folder)
    tokenizer = train_pictures.make_tokenizer(found, None, 300)
    batches = pictures.Batches(found, stored, tokenizer, 8)
    pair, batch = train_pictures.new_pair(options(None, folder), tokenizer.get_vocab_size()), batches.batch(0)
    optimizer = torch.optim.AdamW(pair.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        losses.append(train_pictures.loss_of(pair, batch, "S", "XL", 0.1))
        losses[-1].backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < 0.75 * losses[0]


def test_interrupted_training_resumes_as_if_it_never_had_been(folder, tmp_path):
    train_pictures.train(options(tmp_path / "whole", folder))
    log = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert sum(log[-1]["part_in"].values()) > log[-1]["update"] == 12
    pair, _ = train_pictures.load_run(tmp_path / "whole")

    part = options(tmp_path / "part", folder)
    real, calls = train_pictures.loss_of, []

    def stops(*args):
        calls.append(args)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return real(*args)

    part.checkpoint_minutes = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_pictures, "loss_of", stops)
        with pytest.raises(KeyboardInterrupt):
            train_pictures.train(part)
    train_pictures.train(part)
    again, _ = train_pictures.load_run(tmp_path / "part")
    for name, parameter in pair.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], parameter, rtol=1e-4, atol=1e-5)
    with pytest.raises(SystemExit, match="started with --batch 4, not 3; use another --out"):
        train_pictures.train(options(tmp_path / "part", folder, batch=3))


def test_twin_takes_part_at_its_own_size_only(folder, tmp_path):
    train_pictures.train(options(tmp_path / "twin", folder, only="S", updates=2))
    state = torch.load(tmp_path / "twin" / "checkpoint.pt", weights_only=True)
    assert state["part_in"] == {"S": 2}
    # A run of another version resumes only from a checkpoint of this form.
    assert set(state) == {"settings", "model", "adam", "muons", "update", "elapsed_s", "part_in"}


def test_exported_towers_load_and_the_evaluation_reads_them(folder, tmp_path):
    args = options(tmp_path / "run", folder, updates=2)
    train_pictures.train(args)
    export_pictures.ship(tmp_path / "run", tmp_path / "models")
    pair, tokenizer = train_pictures.load_run(tmp_path / "run")
    found, stored, data = icons.load(folder)
    pixels = torch.from_numpy(pictures.on_plain(stored[:4]))
    for name in GRANULARITIES:
        shipped = export.load_exported(tmp_path / "models" / "pictures")
        near = shipped.embed_pictures(pixels, shipped.config.widths(name))
        exact = pair.pictures.embed_pictures(pixels, pair.pictures.config.widths(name))
        assert ((near * exact).sum(1) > 0.99).all()
    assert json.loads((tmp_path / "models" / "pictures" / "config.json").read_text())["encoder"]["picture"] == {
        "size": 64, "patch": 16, "channels": 3,
    }  # fmt: skip
    gallery = evaluate_pictures.gallery_of(found, 10)
    tasks = evaluate_pictures.tasks_of(found, gallery, data["held_out_names"], 10)
    assert set(tasks) == {"names", "drawings"}  # there is one held-out set, without tags
    assert tasks["drawings"].queries == ["tee"]
    evaluate_pictures.write_tasks(tmp_path / "tasks", found, stored, gallery, tasks)
    written = json.loads((tmp_path / "tasks" / "tasks.json").read_text())
    names = written["tasks"]["names"]
    answers = [{written["gallery"][k]["name"] for k in rows} for rows in names["answers"]]
    assert answers == [{query} for query in names["queries"]]
    first = np.fromfile(tmp_path / "tasks" / "gallery.u8", dtype=np.uint8).reshape(len(gallery), 64, 64, 3)[0]
    assert (first == pictures.on_plain(stored[gallery[:1]])[0]).all()
    embedder = evaluate_pictures.Embedder(pair, tokenizer, gallery, stored)
    report = evaluate_pictures.evaluate(embedder, {"twin of S": ("S", embedder)}, found, {"names": tasks["names"]})
    rows = report["tasks"]["names"]
    assert rows["gallery of XL"]["twin of S"] == rows["gallery of XL"]["S"]  # its own twin, in its own gallery
    assert rows["file names"]["substring"]["all"]["recall@1"] == 1.0
    assert "names, prefixes" in evaluate_pictures.markdown(report)


def test_file_names_do_not_find_what_no_name_says():
    made = [Icon("a", "1", "trash can", "heldout"), Icon("a", "2", "house", "heldout")]
    texts = {"trash": {0}, "delete": {0}, "hous": {1}}
    task = evaluate_pictures.text_task(texts, [0, 1], set(), set(), 10)
    by_query = dict(zip(task.queries, range(3), strict=True))
    for scorer, found in ((evaluate_pictures.substring_scores, {"trash", "hous"}), (evaluate_pictures.bm25_scores, {"trash"})):  # fmt: skip  # noqa: E501
        ranks = evaluate_pictures.file_names(task, made, scorer)
        assert {query for query, row in by_query.items() if ranks[row] == 1} == found
        assert ranks[by_query["delete"]] > 2
