"""A folder that a command writes is put in place whole, over what it wrote earlier and over nothing else."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

from cvkit.errors import FolderError, RunError
from cvkit.files.output_folder import OutputFolder

PAGE = "page.html"
KILLED = """
import os, signal, sys
from pathlib import Path
from cvkit.files.output_folder import OutputFolder
place = OutputFolder(Path(sys.argv[1]), "cvkit show", frozenset(["page.html"]))
rename = Path.rename
def then_die(self, target):
    if Path(target) == place.path or sys.argv[2] == "writing":
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)
Path.rename = then_die
place.write({"page.html": b"2"})
"""


def output(path: Path) -> OutputFolder:
    """Return the output of a command that writes a page, rows and a folder."""
    return OutputFolder(path, "cvkit show", frozenset((PAGE, "rows.csv", "pictures")))


def test_folder_appears_when_all_is_written(tmp_path):
    """Nothing is there before, and nothing besides is there after."""
    place = tmp_path / "out" / "run"
    with output(place).replace_atomically() as making:
        (making / PAGE).write_text("1")
        assert not place.exists()
    assert (place / PAGE).read_text() == "1"
    assert [path.name for path in place.parent.iterdir()] == ["run"]


def test_what_was_there_gives_way_whole(tmp_path):
    """A file that is not written again is gone."""
    own = output(tmp_path / "run")
    paths = own.write({PAGE: b"1", "pictures/a.png": b"2", "pictures/b.png": b"3"})
    assert paths == [tmp_path / "run" / PAGE, tmp_path / "run" / "pictures"]
    assert sorted(path.name for path in paths[1].iterdir()) == ["a.png", "b.png"]
    own.require_safe_to_replace()
    assert own.write({"rows.csv": b"4"}) == [tmp_path / "run" / "rows.csv"]
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["rows.csv"]


def interrupted(place: Path, reason: type[BaseException]) -> None:
    """Write a page in place, but for what comes between."""
    with output(place).replace_atomically() as making:
        (making / PAGE).touch()
        raise reason


def test_folder_in_a_run_folder_is_refused(tmp_path):
    """Neither the run folder itself nor a folder in it, also through links, is one for results."""
    run = tmp_path / "run"
    (run / "figures").mkdir(parents=True)
    (tmp_path / "link").symlink_to(run)
    output(tmp_path / "beside").require_outside([run])
    for name in ("run", "run/new", "run/figures/new", "link/new", "beside/../run"):
        for named in (run, tmp_path / "link"):
            with pytest.raises(FolderError, match="is inside"):
                output(tmp_path / name).require_outside([tmp_path / "other", named])


@pytest.mark.parametrize("reason", [KeyboardInterrupt, RunError, ValueError])
def test_failure_leaves_no_trace(tmp_path, reason):
    """Neither folders nor files, and an earlier page stays."""
    with pytest.raises(reason):
        interrupted(tmp_path / "out" / "run", reason)
    assert not [*tmp_path.iterdir()]
    output(tmp_path / "run").write({PAGE: b"1"})
    with pytest.raises(reason):
        interrupted(tmp_path / "run", reason)
    assert [path.name for path in tmp_path.rglob("*")] == ["run", PAGE]
    assert (tmp_path / "run" / PAGE).read_text() == "1"


def test_foreign_files_are_left_alone(tmp_path, wording):
    """A folder of somebody's, a file, or a link to a folder."""
    (tmp_path / "notes.txt").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    for name, place in (("folder", tmp_path), ("file", tmp_path / "notes.txt"), ("link", tmp_path / "link")):
        with pytest.raises(FolderError) as caught:
            output(place).require_safe_to_replace()
        assert f"'{place}'" in str(caught.value)
        assert str(caught.value) == wording(name=name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "notes.txt"]
    output(tmp_path / "new").require_safe_to_replace()


def test_folder_that_cannot_be_made_is_said(tmp_path, wording):
    """Here a file stands in the way."""
    (tmp_path / "file").touch()
    with pytest.raises(FolderError) as caught:
        output(tmp_path / "file" / "run").write({PAGE: b""})
    assert f"'{tmp_path / 'file' / 'run'}'" in str(caught.value)
    assert "--output" in str(caught.value)
    told = str(caught.value)
    for number in (errno.EEXIST, errno.ENOTDIR):  # which of the two depends on the version of Python
        told = told.replace(os.strerror(number), "<reason>")
    assert told == wording


class Failing:
    """Renames that fail from the one on that puts something in the place `path`, with `error`."""

    def __init__(self, monkeypatch, path: Path, error: BaseException, times: int) -> None:
        self.path, self.error, self.times, self.rename = path, error, times, Path.rename
        monkeypatch.setattr(Path, "rename", lambda *names: self(*names))

    def __call__(self, source: Path, target: Path) -> Path:
        if target == self.path and self.times:
            self.times -= 1
            raise self.error
        return self.rename(source, target)


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyboardInterrupt()], ids=["disk", "Ctrl-C"])
def test_earlier_results_are_put_back_where_new_ones_cannot_take_their_place(tmp_path, monkeypatch, error):
    """The earlier page is moved aside first, and a disk may fail between the two, or a user press Ctrl-C."""
    place = tmp_path / "run"
    output(place).write({PAGE: b"1"})
    Failing(monkeypatch, place, error, times=1)
    with pytest.raises((RunError, KeyboardInterrupt)):
        output(place).write({PAGE: b"2"})
    assert (place / PAGE).read_bytes() == b"1"
    assert os.listdir(tmp_path) == ["run"]


def test_earlier_results_that_cannot_be_put_back_are_kept_and_named(tmp_path, monkeypatch):
    """As where the folder above has become read-only; the next command that may write there puts them back."""
    place = tmp_path / "run"
    output(place).write({PAGE: b"1"})
    with monkeypatch.context() as patch:
        Failing(patch, place, OSError(30, "Read-only file system"), times=2)
        with pytest.raises(FolderError, match="Read-only file system") as told:
            output(place).write({PAGE: b"2"})
    (kept,) = tmp_path.rglob(f"run/{PAGE}")
    assert kept.read_bytes() == b"1"
    assert f"'{kept.parent}'" in str(told.value)
    with pytest.raises(ValueError, match="none"), output(place).replace_atomically():
        raise ValueError("none")
    assert (place / PAGE).read_bytes() == b"1"


def test_two_commands_at_once_do_not_touch_each_others_work(tmp_path):
    """In two containers both are process 1, as both are the same process here; the last to end is what stays."""
    place = tmp_path / "run"
    output(place).write({PAGE: b"0"})
    with output(place).replace_atomically() as first:
        (first / PAGE).write_bytes(b"1")
        with output(place).replace_atomically() as second:
            (second / PAGE).write_bytes(b"2")
        assert (place / PAGE).read_bytes() == b"2"
        assert (first / PAGE).exists()
    assert (place / PAGE).read_bytes() == b"1"
    assert os.listdir(tmp_path) == ["run"]


def test_place_that_another_command_takes_meanwhile_is_taken_over_whole(tmp_path, monkeypatch):
    """Between the two renames of one command another puts its own results there."""
    place = tmp_path / "run"
    output(place).write({PAGE: b"1"})
    rename, others = Path.rename, [b"3"]

    def with_another(source: Path, target: Path) -> Path:
        if target == place and others:
            place.mkdir()
            (place / PAGE).write_bytes(others.pop())
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", with_another)
    output(place).write({PAGE: b"2"})
    assert (place / PAGE).read_bytes() == b"2"
    assert os.listdir(tmp_path) == ["run"]


def killed(place: Path, when: str) -> None:
    """Write a page from a process that is killed before the new one is in place: ``writing``, or ``exchanging``."""
    done = subprocess.run([sys.executable, "-c", KILLED, place, when], capture_output=True, check=False)
    assert done.returncode == -9, done.stderr


def age(folder: Path, hours: float) -> None:
    """Make everything in a folder look that old."""
    then = time.time() - 3600 * hours
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (then, then))


def test_what_killed_commands_left_is_removed_once_it_is_old(tmp_path):
    """A young one may be of a process that is about to lock it."""
    killed(tmp_path / "run", "writing")
    (left,) = tmp_path.iterdir()
    output(tmp_path / "other").write({PAGE: b"1"})
    assert left.exists()
    age(left, 25)
    output(tmp_path / "other").write({PAGE: b"1"})
    assert os.listdir(tmp_path) == ["other"]


def test_what_is_not_surely_left_by_a_killed_command_is_never_removed(tmp_path):
    """What a living one holds, however long it works; a stranger's folder, file or link of such a name."""
    killed(tmp_path / "run", "writing")
    (left,) = tmp_path.iterdir()
    age(left, 1000)
    with FileLock(left / "lock"):
        output(tmp_path / "other").write({PAGE: b"1"})
        assert left.exists()
    shutil.rmtree(left)
    strangers = [left.with_name(f"{left.name[:-1]}{digit}") for digit in "abc"]
    (strangers[0] / "photos").mkdir(parents=True)
    strangers[1].touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "lock").touch()
    strangers[2].symlink_to("elsewhere")
    for stranger in (*strangers[:2], tmp_path / "elsewhere"):
        age(stranger, 1000)
    output(tmp_path / "other").write({PAGE: b"1"})
    assert all(os.path.lexists(stranger) for stranger in strangers)
    assert (strangers[0] / "photos").exists()
    assert (tmp_path / "elsewhere" / "lock").exists()


def test_results_moved_aside_by_a_command_that_was_killed_come_back(tmp_path):
    """Killed between its two renames, it leaves nothing in the place; the next command there puts them back first."""
    place = tmp_path / "run"
    output(place).write({PAGE: b"1"})
    killed(place, "exchanging")
    assert not place.exists()
    with pytest.raises(ValueError, match="none"), output(tmp_path / "other").replace_atomically():
        raise ValueError("none")
    assert (place / PAGE).read_bytes() == b"1"


def test_files_that_somebody_puts_there_meanwhile_are_left_alone(tmp_path):
    """The place was free or the command's own when it began."""
    place = tmp_path / "run"
    output(place).write({PAGE: b"1"})
    with pytest.raises(FolderError, match=r"notes\.txt"), output(place).replace_atomically():
        (place / "notes.txt").write_text("mine")
    assert (place / "notes.txt").read_text() == "mine"
    assert (place / PAGE).read_bytes() == b"1"
    assert os.listdir(tmp_path) == ["run"]
