"""``cvkit evaluate``: a folder with a page, the predictions and the numbers."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

FILES = ["evaluation.html", "metrics.json", "predictions.csv"]


@pytest.fixture
def labelled(images) -> Path:
    """A folder of one class with an image and a file that is none, and of a class that is misspelt."""
    folder = Path("labelled")
    shutil.copytree("images/star", folder / "star")
    shutil.copy("images/text.png", folder / "star")
    (folder / "rnig").mkdir()
    shutil.copy("images/a.png", folder / "rnig")
    return folder


def test_own_images_are_measured_as_the_run_measured_them(cvkit, run_folder, trained):
    """The numbers are those of its predictions, and the rows have the same digests."""
    answer = cvkit("evaluate", run_folder)
    assert (answer.code, answer.err) == (0, "")
    results = Path("evaluations/run-test")
    assert sorted(path.name for path in results.iterdir()) == FILES
    numbers = json.loads((results / "metrics.json").read_text())
    expected = trained[1].final_predictions()
    assert (numbers["accuracy"], numbers["loss"]) == (expected.accuracy, expected.loss)
    assert numbers["images"] == len(expected.labels)
    assert expected.score_text in answer.out
    with (results / "predictions.csv").open(newline="") as stream:
        rows = [*csv.DictReader(stream)]
    assert len({row["digest"] for row in rows}) == len(rows) == len(expected.labels)
    page = (results / "evaluation.html").read_text()
    assert all(title in page for title in ("Evaluation of small", "Confusion matrix", "Errors"))


def test_other_images_are_measured_and_what_is_left_out_is_said(cvkit, run_folder, labelled, wording):
    """Unknown classes only with the option; the exit code says that a file could not be read."""
    refused = cvkit("evaluate", run_folder, "--data", labelled)
    assert refused.code == 2
    assert refused.err == wording(name="refused")
    assert not Path("evaluations").exists()
    answer = cvkit("evaluate", run_folder, "--data", labelled, "--ignore-unknown")
    assert answer.code == 3
    assert answer.err == wording(name="left out")
    results = Path("evaluations/run-labelled")
    numbers = json.loads((results / "metrics.json").read_text())
    assert (numbers["images"], len(numbers["unread"])) == (1, 1)
    with (results / "predictions.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["file"], row["true"]) == ("star/b.jpg", "star")


def test_earlier_results_are_replaced_and_other_files_are_not(cvkit, run_folder, labelled):
    """A folder with anything else is refused before the evaluation."""
    line = ("evaluate", run_folder, "--data", labelled, "--ignore-unknown")
    assert cvkit(*line).code == 3
    assert cvkit(*line).code == 3
    Path("evaluations/run-labelled/mine.txt").touch()
    answer = cvkit(*line)
    assert answer.code == 2
    assert "mine.txt" in answer.err
    for place in (run_folder, labelled):
        inside = cvkit(*line, "--output", place)
        assert (inside.code, "inside" in inside.err) == (2, True)
        assert str(place) in inside.err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems accept only Unicode as names")
def test_name_of_a_file_that_is_not_unicode_is_written(cvkit, run_folder, images):
    """As an escape, in every file; nothing is lost after all images were evaluated."""
    place = Path("latin")
    shutil.copytree("images/star", place / "star")
    (place / "star" / os.fsdecode(b"caf\xe9.png")).write_text("no image")
    answer = cvkit("evaluate", run_folder, "--data", place)
    assert answer.code == 3, answer.err
    (unread,) = json.loads(Path("evaluations/run-latin/metrics.json").read_text())["unread"]
    assert os.fsdecode(b"caf\xe9.png") in unread


WRONG = [
    (("--ignore-unknown",), "--data"),
    (("--split", "test", "--column", "x"), "--data"),
    (("--split", "tset"), "tset"),
    (("--data", "nowhere"), "nowhere"),
    (("--data", "images", "--column", "x"), "--column"),
    (("--views",), "evaluation.views"),
]


@pytest.mark.parametrize(("options", "said"), WRONG)
def test_command_without_sense_writes_nothing(cvkit, run_folder, images, options, said):
    """It exits with 2."""
    answer = cvkit("evaluate", run_folder, *options)
    assert answer.code == 2
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert not Path("evaluations").exists()


def test_table_is_evaluated(cvkit, run_folder, images):
    """With the columns that the options name."""
    Image.new("RGB", (32, 32)).save("plain.png")
    Path("list.csv").write_text("where,what\nplain.png,ring\nimages/a.png,star\n")
    answer = cvkit("evaluate", run_folder, "--data", "list.csv", "--column", "where", "--label-column", "what")
    assert answer.code == 0
    assert "of 2 images" in answer.out
