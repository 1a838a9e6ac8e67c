"""What a repeat reads from the run of a seed."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from cvkit import FolderError, RunFolder
from cvkit.repeats.results import result_of_seed

pytestmark = pytest.mark.usefixtures("unrendered")


@pytest.fixture
def seed(repeated, tmp_path) -> Path:
    """A copy of the run of seed 0."""
    shutil.copytree(repeated / "seed-0", tmp_path / "seed-0")
    return tmp_path / "seed-0"


def test_class_names_are_those_of_the_data_set(seed):
    """Without the apostrophe that protects spreadsheets, also in the names of files."""
    with (seed / "predictions.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    with (seed / "predictions.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["index", "file", *[name for name in rows[0] if name != "index"]])
        writer.writeheader()
        for row in rows:
            writer.writerow(row | {"true": "'=sum", "predicted": "'tis", "file": f"'-{row['index']}a.png"})
    found = result_of_seed(0, RunFolder(seed))
    assert set(found.true) == {"=sum"}
    assert set(found.predicted) == {"'tis"}
    assert found.names[0] == "-0a.png"


def test_images_without_files_are_named_by_their_position(seed):
    """The images of `shapes` have no files."""
    assert result_of_seed(0, RunFolder(seed)).names[:2] == ("0", "1")


@pytest.mark.parametrize(
    "damage", ["5", "5,ring", "5,ring,ring,1,x,y,z,w", ""], ids=["short", "cut", "words", "empty"]
)
def test_damaged_row_is_refused_with_its_line(seed, damage):
    """A short row has no class, so nothing is counted; the message names the line and what to do."""
    file = seed / "predictions.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:6], *([damage] if damage else []), *lines[7:]]))
    with pytest.raises(
        FolderError, match=r"predictions\.csv' is damaged: line 7 .*remove '.*seed-0' to train seed 0"
    ):
        result_of_seed(0, RunFolder(seed))


def test_unfinished_run_has_no_result(tmp_path):
    """Neither has one that does not exist."""
    assert result_of_seed(0, RunFolder(tmp_path / "seed-0")) is None
