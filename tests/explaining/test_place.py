"""Explanations are put in place whole, over earlier explanations and over nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvkit.errors import RunError
from cvkit.explaining.place import PAGE, made_anew, require_own


def test_folder_appears_when_all_is_written(tmp_path):
    """Nothing is there before, and nothing besides is there after."""
    place = tmp_path / "out" / "run"
    with made_anew(place) as making:
        (making / PAGE).write_text("1")
        assert not place.exists()
    assert (place / PAGE).read_text() == "1"
    assert [path.name for path in place.parent.iterdir()] == ["run"]


def test_earlier_explanations_give_way_whole(tmp_path):
    """A file that is not written again is gone."""
    place = tmp_path / "run"
    for name in ("explanations.csv", PAGE):
        with made_anew(place) as making:
            (making / name).touch()
    require_own(place)
    assert [path.name for path in place.iterdir()] == [PAGE]


def interrupted(place: Path, reason: type[BaseException]) -> None:
    """Write a page in place, but for what comes between."""
    with made_anew(place) as making:
        (making / PAGE).touch()
        raise reason


@pytest.mark.parametrize("reason", [KeyboardInterrupt, RunError, ValueError])
def test_failure_leaves_no_trace(tmp_path, reason):
    """Neither folders nor files, and an earlier page stays."""
    with pytest.raises(reason):
        interrupted(tmp_path / "out" / "run", reason)
    assert not [*tmp_path.iterdir()]
    with made_anew(tmp_path / "run") as making:
        (making / PAGE).write_text("1")
    with pytest.raises(reason):
        interrupted(tmp_path / "run", reason)
    assert [path.name for path in tmp_path.rglob("*")] == ["run", PAGE]
    assert (tmp_path / "run" / PAGE).read_text() == "1"


def test_foreign_files_are_left_alone(tmp_path):
    """A folder of somebody's, or a file."""
    (tmp_path / "notes.txt").touch()
    for place in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(RunError, match=r"holds what no explanation wrote \(notes\.txt\)"):
            require_own(place)
    require_own(tmp_path / "new")


def test_folder_that_cannot_be_made_is_said(tmp_path):
    """Here a file stands in the way."""
    (tmp_path / "file").touch()
    with (
        pytest.raises(RunError, match=r"cannot be written to '.*run': .*choose another --output"),
        made_anew(tmp_path / "file" / "run"),
    ):
        pass
