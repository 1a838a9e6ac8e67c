"""A folder that a command writes is put in place whole, over what it wrote earlier and over nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvkit.errors import RunError
from cvkit.output import Output

PAGE = "page.html"


def output(path: Path) -> Output:
    """Return the output of a command that writes a page, rows and a folder."""
    return Output(path, "cvkit show", frozenset((PAGE, "rows.csv", "pictures")))


def test_folder_appears_when_all_is_written(tmp_path):
    """Nothing is there before, and nothing besides is there after."""
    place = tmp_path / "out" / "run"
    with output(place).made_anew() as making:
        (making / PAGE).write_text("1")
        assert not place.exists()
    assert (place / PAGE).read_text() == "1"
    assert [path.name for path in place.parent.iterdir()] == ["run"]


def test_what_was_there_gives_way_whole(tmp_path):
    """A file that is not written again is gone."""
    own = output(tmp_path / "run")
    paths = own.put({PAGE: b"1", "pictures/a.png": b"2", "pictures/b.png": b"3"})
    assert paths == [tmp_path / "run" / PAGE, tmp_path / "run" / "pictures"]
    assert sorted(path.name for path in paths[1].iterdir()) == ["a.png", "b.png"]
    own.require_own()
    assert own.put({"rows.csv": b"4"}) == [tmp_path / "run" / "rows.csv"]
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["rows.csv"]


def interrupted(place: Path, reason: type[BaseException]) -> None:
    """Write a page in place, but for what comes between."""
    with output(place).made_anew() as making:
        (making / PAGE).touch()
        raise reason


@pytest.mark.parametrize("reason", [KeyboardInterrupt, RunError, ValueError])
def test_failure_leaves_no_trace(tmp_path, reason):
    """Neither folders nor files, and an earlier page stays."""
    with pytest.raises(reason):
        interrupted(tmp_path / "out" / "run", reason)
    assert not [*tmp_path.iterdir()]
    output(tmp_path / "run").put({PAGE: b"1"})
    with pytest.raises(reason):
        interrupted(tmp_path / "run", reason)
    assert [path.name for path in tmp_path.rglob("*")] == ["run", PAGE]
    assert (tmp_path / "run" / PAGE).read_text() == "1"


def test_foreign_files_are_left_alone(tmp_path):
    """A folder of somebody's, a file, or a link to a folder."""
    (tmp_path / "notes.txt").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(RunError, match=r"holds what `cvkit show` did not write \(link, notes\.txt\)"):
        output(tmp_path).require_own()
    for name in ("notes.txt", "link"):
        with pytest.raises(RunError, match=f"{name}' is not a folder, and is left as it is; choose another --output"):
            output(tmp_path / name).require_own()
    output(tmp_path / "new").require_own()


def test_folder_that_cannot_be_made_is_said(tmp_path):
    """Here a file stands in the way."""
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"run' cannot be written: .*choose another --output"):
        output(tmp_path / "file" / "run").put({PAGE: b""})
