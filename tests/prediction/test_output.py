"""Files of predictions: valid at every time, the same in every format, and continued only by the same command."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch

import cvkit
from cvkit.prediction.columns import Columns
from cvkit.prediction.output import Earlier, PredictionsFile, require_writable
from cvkit.prediction.predicting import FilePrediction

CLASSES = ("cat", "=dog", "an|owl")
COLUMNS = Columns(CLASSES, several=False, top=2, every=True)
SETS = Columns(CLASSES, several=True)
NAMES = ["a.png", "=b.png", 'c "d".png', "line\nbreak.png", "carriage\rreturn.png", "\r.png", "\udcff.png", "f.png"]


def prediction(name: str) -> FilePrediction:
    """Return a prediction of the classes 2 and 0; the file f.png could not be read."""
    if name == "f.png":
        return FilePrediction(Path(name), "", f"{name}: no image")
    chances = torch.tensor([0.3, 0.1, 0.6])
    return FilePrediction(Path(name), "0" * 64, "", chances.log(), chances, (2, 0))


def rows(columns: Columns, names: list[str]) -> list[list[object]]:
    """Return the rows of files."""
    return [columns.row(prediction(name)) for name in names]


def written(path: Path, columns: Columns = COLUMNS, names: list[str] = NAMES, model: str = "m") -> PredictionsFile:
    """Write a complete file."""
    file = PredictionsFile(path, columns, model)
    with file.opened() as output:
        output.write(rows(columns, names[:2]))
        output.write(rows(columns, names[2:]))
    return file


def paths() -> Iterator[Path]:
    """Return the files again."""
    return iter([Path(name) for name in NAMES])


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as stream:
        return [*csv.DictReader(stream)]


def test_formats_have_the_same_columns_and_values(tmp_path):
    """CSV as text, JSON lines and Parquet as numbers."""
    parquet = pytest.importorskip("pyarrow.parquet")
    for ending in ("csv", "jsonl", "parquet"):
        written(tmp_path / f"p.{ending}")
    expected = ["file", "digest", "class", "probability", "class_2", "probability_2"]
    expected += ["probability cat", "probability =dog", "probability an|owl", "error"]
    text = read(tmp_path / "p.csv")
    lines = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    table = parquet.read_table(tmp_path / "p.parquet").to_pylist()
    for found in (text, lines, table):
        assert [[*row] for row in found] == [expected] * len(NAMES)
    assert (text[0]["class"], text[0]["probability"], text[0]["class_2"]) == ("an|owl", "0.600000", "cat")
    assert (text[-1]["class"], text[-1]["error"]) == ("", "f.png: no image")
    for found in (lines, table):
        assert (found[0]["class"], found[0]["class_2"], found[-1]["class"]) == ("an|owl", "cat", None)
        assert found[0]["probability =dog"] == pytest.approx(0.1)
        assert [row["file"] for row in found][:2] == NAMES[:2]
    assert text[1]["file"] == "'=b.png"  # a spreadsheet would run it


def test_sets_of_labels_have_a_probability_for_each(tmp_path):
    """With the sign between them that the predictions of a run have."""
    written(tmp_path / "p.csv", SETS, ["a.png"])
    (row,) = read(tmp_path / "p.csv")
    assert (row["labels"], row["probabilities"]) == ("an|owl|cat", "0.600000|0.300000")


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_interrupted_file_is_valid_and_is_continued_to_the_same_bytes(tmp_path, ending):
    """Wherever it was cut: a last line that is not complete is removed."""
    whole = tmp_path / f"whole.{ending}"
    written(whole)
    content = whole.read_bytes()
    for size in {*range(0, len(content), 23), len(content)}:
        path = tmp_path / f"part.{ending}"
        file = PredictionsFile(path, COLUMNS, "m")
        with pytest.raises(KeyboardInterrupt), file.opened():
            raise KeyboardInterrupt
        path.write_bytes(content[:size])
        rest = paths()
        earlier = file.earlier(rest)
        with file.opened(earlier) as output:
            output.write(rows(COLUMNS, [str(path) for path in rest]))
        assert path.read_bytes() == content
        assert not file.note.exists()
        path.unlink()


def test_error_keeps_complete_rows_and_says_how_many_failed(tmp_path):
    """A later command counts them."""
    file = PredictionsFile(tmp_path / "p.csv", COLUMNS, "m")
    with pytest.raises(RuntimeError):
        fail_after(file, rows(COLUMNS, ["f.png", *NAMES[:2]]), RuntimeError())
    assert len(read(tmp_path / "p.csv")) == 3
    earlier = file.earlier(iter([Path(name) for name in ("f.png", *NAMES)]))
    assert earlier == Earlier(3, 1, (tmp_path / "p.csv").stat().st_size)


def interrupted(path: Path, model: str = "m", columns: Columns = COLUMNS) -> None:
    """Write two rows, and leave the note of an interrupted command."""
    with pytest.raises(KeyboardInterrupt):
        fail_after(PredictionsFile(path, columns, model), rows(columns, NAMES[:2]), KeyboardInterrupt())


def fail_after(file: PredictionsFile, written_rows: list[list[object]], error: BaseException) -> None:
    """Write rows, and raise an error."""
    with file.opened() as output:
        output.write(written_rows)
        raise error


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_only_the_same_command_continues_a_file(tmp_path, ending):
    """Another model, other columns and other images are refused, and the file is not changed."""
    path = tmp_path / f"p.{ending}"
    interrupted(path)
    content = path.read_bytes()
    other = Columns(CLASSES, several=False)
    cases = [
        (PredictionsFile(path, COLUMNS, "n"), NAMES, "another model"),
        (PredictionsFile(path, other, "m"), NAMES, "other columns"),
        (PredictionsFile(path, COLUMNS, "m"), ["a.png", "z.png"], "row 2.*image 2 is 'z.png'"),
        (PredictionsFile(path, COLUMNS, "m"), ["a.png"], "more rows"),
    ]
    for file, names, said in cases:
        with pytest.raises(cvkit.FolderError, match=said):
            file.earlier(iter([Path(name) for name in names]))
    assert path.read_bytes() == content


def test_file_that_is_complete_or_foreign_is_not_continued(tmp_path):
    """There is nothing to do, or nothing to rely on."""
    file = written(tmp_path / "p.csv")
    with pytest.raises(cvkit.FolderError, match="complete"):
        file.earlier(paths())
    interrupted(tmp_path / "q.csv")
    (tmp_path / "q.csv").write_text("name,price\n" * 99)
    with pytest.raises(cvkit.FolderError, match="header"):
        PredictionsFile(tmp_path / "q.csv", COLUMNS, "m").earlier(paths())
    with pytest.raises(cvkit.FolderError, match="Parquet"):
        PredictionsFile(tmp_path / "q.parquet", COLUMNS, "m").earlier(paths())


def test_interrupted_parquet_file_is_complete_and_has_the_rows_so_far(tmp_path):
    """It is put in its place at the end, so a killed command leaves none; one without rows leaves none either."""
    parquet = pytest.importorskip("pyarrow.parquet")
    interrupted(tmp_path / "p.parquet")
    assert parquet.read_table(tmp_path / "p.parquet").num_rows == 2
    with pytest.raises(KeyboardInterrupt), PredictionsFile(tmp_path / "q.parquet", COLUMNS, "m").opened():
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["p.parquet"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit for the size of a file")
@pytest.mark.parametrize("name", ["p.parquet", "p.csv"])
def test_file_that_cannot_be_written_leaves_nothing(tmp_path, name):
    """A limit for the size of a file ends the write as a full disk does; the error names the file."""
    pytest.importorskip("pyarrow")
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(cvkit.FolderError, match=rf"could not write .*{name}"):
            written(tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [*tmp_path.iterdir()] == []


def test_parquet_file_is_written_in_row_groups(tmp_path):
    """So that memory does not grow with the number of rows."""
    parquet = pytest.importorskip("pyarrow.parquet")
    with PredictionsFile(tmp_path / "p.parquet", SETS, "m").opened() as output:
        for _ in range(3):
            output.write(rows(SETS, ["a.png"]) * 6_000)
    found = parquet.ParquetFile(tmp_path / "p.parquet").metadata
    assert (found.num_rows, found.num_row_groups) == (18_000, 2)


def test_output_that_cannot_be_written_is_refused(tmp_path):
    """Another ending, an absent folder, a file that exists, and one that appears meanwhile."""
    (tmp_path / "there.csv").touch()
    for name, said in (("p.cvs", "Did you mean '.csv'"), ("absent/p.csv", "not a folder"), ("there.csv", "--resume")):
        with pytest.raises(cvkit.FolderError, match=said):
            require_writable(tmp_path / name, resume=False)
    with pytest.raises(cvkit.FolderError, match="exists"):
        fail_after(PredictionsFile(tmp_path / "there.csv", SETS, "m"), [], KeyboardInterrupt())
    assert (tmp_path / "there.csv").read_bytes() == b""


def test_link_is_not_followed(tmp_path):
    """The file that it names keeps its content."""
    (tmp_path / "mine.csv").write_text("mine")
    interrupted(tmp_path / "p.csv")
    (tmp_path / "p.csv").unlink()
    (tmp_path / "p.csv").symlink_to(tmp_path / "mine.csv")
    file = PredictionsFile(tmp_path / "p.csv", COLUMNS, "m")
    with pytest.raises(cvkit.FolderError), file.opened(Earlier(1, 0, 2)):
        pass
    assert (tmp_path / "mine.csv").read_text() == "mine"


def test_file_that_another_command_writes_is_refused(tmp_path):
    """Also by a command that would continue it; it can be continued once the other has ended."""
    path = tmp_path / "p.csv"
    first, second = (PredictionsFile(path, COLUMNS, "m") for _ in range(2))
    with first.locked(), first.opened() as output:
        output.write(rows(COLUMNS, NAMES[:2]))
        with pytest.raises(cvkit.FolderError, match="another command is writing"), second.locked():
            raise AssertionError
    assert sorted(file.name for file in tmp_path.iterdir()) == ["p.csv"]


def test_lock_of_an_interrupted_command_does_not_stay(tmp_path):
    """The lock file does, because the file can be continued; it is removed with the last row."""
    path = tmp_path / "p.csv"
    file = PredictionsFile(path, COLUMNS, "m")
    with suppress(KeyboardInterrupt), file.locked() as warning, file.opened() as output:
        output.write(rows(COLUMNS, NAMES[:2]))
        raise KeyboardInterrupt
    assert warning == ""
    with file.locked(), file.opened(file.earlier(paths())) as output:
        output.write(rows(COLUMNS, NAMES[2:]))
    assert len(read(path)) == len(NAMES)
    assert [file.name for file in tmp_path.iterdir()] == ["p.csv"]


def test_link_in_the_place_of_the_lock_is_not_followed(tmp_path):
    """The library that locks would empty the file that the link leads to."""
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "p.csv.lock").symlink_to(tmp_path / "mine.txt")
    with (
        pytest.raises(cvkit.FolderError, match=r"p\.csv\.lock"),
        PredictionsFile(tmp_path / "p.csv", COLUMNS, "m").locked(),
    ):
        raise AssertionError
    assert (tmp_path / "mine.txt").read_text() == "mine"
