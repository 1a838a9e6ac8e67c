"""``cvkit predict``: files to a table, with an exit code that says whether all of them were predicted."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path
from unittest.mock import patch

import pytest
from filelock import FileLock
from PIL import Image

import cvkit as package
from cvkit.prediction.predicting import predicted_batches


def rows(text: str) -> list[dict[str, str]]:
    """Return the rows of CSV."""
    return [*csv.DictReader(io.StringIO(text))]


def test_csv_goes_to_standard_output_and_all_else_to_standard_error(cvkit, run_folder, images, wording):
    """So the output can be piped; a file that cannot be read has a row, and the exit code says so."""
    answer = cvkit("predict", run_folder, images, "--top", "2")
    assert answer.code == 3
    assert [row["file"] for row in rows(answer.out)] == ["images/a.png", "images/text.png", "images/star/b.jpg"]
    assert answer.err == wording(name="stderr")
    header = answer.out.splitlines()[0]
    assert header == "file,digest,class,probability,class_2,probability_2,error"


def test_classes_are_those_that_python_predicts(cvkit, run_folder, images):
    """With the same probabilities."""
    answer = cvkit("predict", run_folder, "images/a.png", "images/star/*", "--all")
    assert answer.code == 0
    found = rows(answer.out)
    expected = package.load(run_folder).predict(["images/a.png", "images/star/b.jpg"])
    assert [(row["class"], float(row["probability"])) for row in found] == [
        (each.label, pytest.approx(each.probability, abs=1e-5)) for each in expected
    ]
    chances = [float(value) for name, value in found[0].items() if name.startswith("probability ")]
    assert len(chances) == 10
    assert sum(chances) == pytest.approx(1, abs=1e-4)


def test_paths_come_from_standard_input_and_from_tables(cvkit, run_folder, images, monkeypatch):
    """Both beside files that are named."""
    Path("images/list.csv").write_text("path,label\nstar/b.jpg,star\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"images/a.png\n")))
    answer = cvkit("predict", run_folder, "-", "images/text.png", "--table", "images/list.csv")
    assert [row["file"] for row in rows(answer.out)] == ["images/text.png", "images/star/b.jpg", "images/a.png"]


def test_standard_output_has_the_bytes_of_a_file(cvkit, run_folder, images):
    """Also those of names that could control a terminal, because it is none."""
    shutil.copy("images/a.png", "images/\x1b[31m\r.png")
    assert cvkit("predict", run_folder, images, "--output", "p.csv").code == 3
    answer = cvkit("predict", run_folder, images)
    assert answer.out == Path("p.csv").read_bytes().decode()
    assert "\x1b" in answer.out
    assert "\x1b" not in answer.err


def test_row_of_a_table_without_a_path_has_an_error(cvkit, run_folder, images):
    """The others are predicted; a list without any path is refused before that."""
    Path("list.csv").write_text("path,label\nimages/a.png,ring\n,star\nimages/star/b.jpg,star\n")
    answer = cvkit("predict", run_folder, "--table", "list.csv")
    assert answer.code == 3
    found = rows(answer.out)
    assert [row["file"] for row in found] == ["images/a.png", "", "images/star/b.jpg"]
    assert "row 2" in found[1]["error"]
    Path("none.csv").write_text("path\n")
    refused = cvkit("predict", run_folder, "--table", "none.csv")
    assert (refused.code, refused.out) == (2, "")
    assert "'none.csv' contains no paths" in refused.err


@pytest.mark.parametrize("output", ["p.csv", "p.jsonl", "p.parquet"])
def test_output_is_written_and_never_replaced(cvkit, run_folder, images, output):
    """Its path is on standard output; a second command refuses it before it loads the model."""
    answer = cvkit("predict", run_folder, images, "--output", output)
    assert (answer.code, answer.out) == (3, f"{output}\n")
    content = Path(output).read_bytes()
    again = cvkit("predict", run_folder, images, "--output", output)
    assert again.code == 2
    assert "exists" in again.err
    assert Path(output).read_bytes() == content


def test_interrupted_output_is_continued(cvkit, run_folder, images):
    """After its complete rows; the result is that of a command without an interruption, and so is its exit code."""
    for name in "cdef":
        shutil.copy("images/a.png", f"images/{name}.png")
    line = ("predict", run_folder, images, "--batch-size", "1", "--output")
    assert cvkit(*line, "whole.csv").code == 3

    def interrupted(*arguments, **options):
        for number, batch in enumerate(predicted_batches(*arguments, **options)):
            if number == 3:
                raise KeyboardInterrupt
            yield batch

    with patch("cvkit.prediction.predicting.predicted_batches", interrupted):
        stopped = cvkit(*line, "part.csv")
    assert stopped.code == 130
    assert "--resume" in stopped.err
    assert len(Path("part.csv").read_text().splitlines()) == 4
    with FileLock("part.csv.lock"):
        refused = cvkit(*line, "part.csv", "--resume")
    assert (refused.code, "another command is writing" in refused.err) == (2, True)
    assert len(Path("part.csv").read_text().splitlines()) == 4
    resumed = cvkit(*line, "part.csv", "--resume")
    assert resumed.code == 3
    assert "continuing after 3 images" in resumed.err
    assert Path("part.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert not [*Path().glob("part.csv.*")]
    assert cvkit(*line, "part.csv", "--resume").code == 2


WRONG = [  # the arguments after the run, and a part of the message
    ((), "IMAGES"),
    (("images", "--column", "x"), "--table"),
    (("images", "--resume"), "--output"),
    (("imges",), "Did you mean 'images'"),
    (("images", "--output", "p.txt"), ".csv, .jsonl, .parquet"),
    (("images", "--output", "nowhere/p.csv"), "nowhere"),
    (("empty",), "contains no images"),
    (("images", "--top", "0"), "--top"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_command_without_sense_starts_nothing(cvkit, run_folder, images, arguments, said):
    """It exits with 2, and writes nothing."""
    Path("empty").mkdir()
    answer = cvkit("predict", run_folder, *arguments)
    assert answer.code == 2
    assert said in answer.err
    assert answer.out == ""
    assert "Traceback" not in answer.err


def test_path_that_is_no_run_is_refused(cvkit, run_folder, images):
    """A file, and a folder without a run."""
    for path in ("images/a.png", "images"):
        answer = cvkit("predict", path, "images")
        assert answer.code == 2
        assert path in answer.err


def test_photos_of_any_mode_and_size_are_predicted(cvkit, run_folder):
    """Framed as by cvkit explain."""
    for number, mode in enumerate(("L", "RGBA", "P")):
        Image.new(mode, (70 + number, 300)).save(f"{mode}.png")
    answer = cvkit("predict", run_folder, "?.png", "RGBA.png")
    assert answer.code == 0
    assert len(rows(answer.out)) == 3
