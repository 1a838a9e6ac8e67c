"""A run on photos with odd names and damaged files, from its first line to its report and its explanations."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path

import pytest
from commands import call
from photos import photo
from torchvision.io import write_jpeg, write_png

from cvkit import load
from cvkit.cli import main

RECIPE = """\
name: odd
dataset: {name: image_folder, path: photos, size: 32, validation: 6, on_error: skip}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.05}
train: {epochs: 1, batch_size: 8, workers: 0}
explainers: [grad_cam]
report: {misclassified: 30, augmented: 0}
"""
COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"
FORMULA = '=1+1, "x"'
NAMES = ["a, \"b\"\n'c'.png", "<i>x<i>.png", "=2.png", os.fsdecode(b"n\xe9.png"), "UPPER.PNG"]
"""A comma, quotes and a line break; HTML; a formula; not UTF-8; an upper-case ending."""
STORED = [*NAMES[:3], "n\\xe9.png", NAMES[4]]

pytestmark = pytest.mark.usefixtures("one_thread")


def write(folder: Path, name: str, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_png(photo(seed, 32), str(folder / "new.png"))
    (folder / "new.png").rename(folder / name)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A finished run beside its photos: four classes in train/, three of them in test/."""
    place = tmp_path_factory.mktemp("odd")
    for number, name in enumerate(("2", "10", COMPOSED, FORMULA)):
        for image in range(6):
            write(place / "photos" / "train" / name, f"{image}.png", 10 * number + image)
    for number, name in enumerate(("2", "10", DECOMPOSED)):
        write(place / "photos" / "test" / name, "0.png", 50 + number)
    for number, name in enumerate(NAMES):
        write(place / "photos" / "test" / "2", name, 60 + number)
    write_jpeg(photo(9, 64), str(place / "photos" / "test" / "10" / "short.jpg"))
    damaged = place / "photos" / "test" / "10" / "short.jpg"
    damaged.write_bytes(damaged.read_bytes()[:700])
    (place / "photos" / "test" / "10" / "gone.png").symlink_to("nowhere")
    write(place / "photos" / "test" / "10", ".hidden.png", 70)
    (place / "odd.yaml").write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["cvkit", "run", str(place / "odd.yaml"), "--output", str(place / "runs")])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code
    return place


@pytest.fixture
def run(made) -> Path:
    (folder,) = (made / "runs").iterdir()
    return folder


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_tables_have_a_row_for_each_photo_whatever_its_name(run):
    """The file as it is on the disk, the class in one spelling; columns stay apart, and no cell is a formula."""
    rows = table(run / "predictions.csv")
    expected = [f"test/2/{name}" for name in ("0.png", *STORED)] + ["test/10/0.png", f"test/{DECOMPOSED}/0.png"]
    assert sorted(row["file"] for row in rows) == sorted(expected)
    assert {row["file"]: row["true"] for row in rows}[f"test/{DECOMPOSED}/0.png"] == COMPOSED
    assert [row["true"] for row in rows if row["file"].startswith("test/10/")] == ["10"]
    cells = [cell for row in (*rows, *table(run / "data.csv")) for cell in row.values() if cell]
    assert not [cell for cell in cells if cell.startswith("=")]


def test_what_was_left_out_and_guessed_is_in_the_run_folder(run):
    """The damaged photo of the test half was found before the first step; the missing class is named."""
    account = json.loads((run / "run.json").read_text())["data_account"]
    for words in ("short.jpg: damaged", "gone.png: broken link", ".hidden.png: hidden"):
        assert any(words in line for line in account), words
    assert any("the test images lack" in line and FORMULA in line for line in account)
    assert any("2 spellings" in line for line in account)
    left_out = {row["file"] for row in table(run / "data.csv") if row["split"] == "left out"}
    assert {"test/10/short.jpg", "test/10/gone.png", "test/10/.hidden.png"} <= left_out


def test_report_shows_names_as_text(run):
    """HTML in a name is no HTML of the page."""
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<i>x<i>" not in page
    assert COMPOSED in page


def test_explanations_know_the_classes_of_all_folders(capsys, run, made, tmp_path):
    """Also of the one that is spelled otherwise in the test half; the damaged photo is named and left out."""
    answer = call(capsys, "explain", run, made / "photos" / "test", "--output", tmp_path / "explained")
    assert answer.code == 0, answer.err
    assert "short.jpg" in answer.err
    rows = table(tmp_path / "explained" / run.name / "explanations.csv")
    classes = {Path(next(iter(row.values()))).parent.name: row["true"] for row in rows}
    assert classes == {"2": "2", "10": "10", DECOMPOSED: COMPOSED}
    found = load(run).predict(made / "photos" / "test" / "2" / NAMES[3])
    assert "\\xe9" in found.name
