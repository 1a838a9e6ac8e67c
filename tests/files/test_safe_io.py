"""Reading and writing in a folder that may come from a stranger: nothing outside is read, changed or waited for."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from cvkit.files import safe_io as files
from cvkit.files.safe_io import (
    append_file,
    clear_temporaries,
    make_folder,
    read_file,
    remove,
    require_own_file,
    write_file,
)


@pytest.fixture
def canary(tmp_path):
    """A file outside the folder, which stays as it is."""
    path = tmp_path / "outside" / "canary"
    path.parent.mkdir()
    path.write_bytes(b"untouched")
    yield path
    assert path.read_bytes() == b"untouched"
    assert [item.name for item in path.parent.iterdir()] == ["canary"]


def refused(act: Callable[[], object], number: int) -> str:
    """Return what is said where the system's error `number` is raised."""
    with pytest.raises(OSError, match=f"Errno {number}") as caught:
        act()
    return caught.value.strerror


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    return path


def test_file_is_read_whole_up_to_its_limit(folder, wording):
    """One byte more is refused, with the limit."""
    (folder / "a").write_bytes(b"12345")
    assert read_file(folder / "a", 5, below=folder) == b"12345"
    assert refused(lambda: read_file(folder / "a", 4, below=folder), errno.EFBIG) == wording
    with pytest.raises(FileNotFoundError):
        read_file(folder / "b", 5, below=folder)


def test_link_is_neither_read_nor_written_through(folder, canary, wording):
    """A link in a file's place is refused for reading and adding, and replaced by a file that is written."""
    (folder / "a").symlink_to(canary)
    acts = (
        lambda: read_file(folder / "a", 100),
        lambda: append_file(folder / "a", b"more"),
        lambda: require_own_file(folder / "a"),
    )
    assert {refused(act, errno.ELOOP) for act in acts} == wording
    write_file(folder / "a", b"new", below=folder)
    assert not (folder / "a").is_symlink()
    assert (folder / "a").read_bytes() == b"new"


def test_link_on_the_way_is_refused(folder, canary, wording):
    """Whether for reading, writing or making folders below it; the folder itself may be reached through one."""
    (folder / "sub").symlink_to(canary.parent)
    acts = (
        lambda: read_file(folder / "sub" / "canary", 100, below=folder),
        lambda: write_file(folder / "sub" / "new", b"", below=folder),
        lambda: append_file(folder / "sub" / "canary", b"more", below=folder),
        lambda: make_folder(folder / "sub", below=folder),
        lambda: make_folder(folder / "sub" / "deeper", below=folder),
    )
    assert {refused(act, errno.ENOTDIR) for act in acts} == wording
    clear_temporaries(folder / "sub")
    through = folder.with_name("through")
    through.symlink_to(folder)
    write_file(make_folder(through / "x" / "y", below=through) / "z", b"1", below=through)
    assert read_file(folder / "x" / "y" / "z", 1, below=folder) == b"1"


def test_path_that_leads_out_is_refused(folder, canary, wording):
    """Names are not trusted to stay below."""
    said = set()
    for path in ("../outside/canary", "sub/../../outside/canary", "/etc/hostname"):
        said.add(refused(lambda path=path: read_file(folder / path, 100, below=folder), errno.EINVAL))
        said.add(refused(lambda path=path: write_file(folder / path, b"", below=folder), errno.EINVAL))
    assert said == wording


def test_pipe_device_and_folder_do_not_hang_a_reader(folder, wording):
    """They are recognised before anything waits for them."""
    os.mkfifo(folder / "pipe")
    said = set()
    for path, number in ((folder / "pipe", errno.EINVAL), (folder, errno.EISDIR), (Path("/dev/zero"), errno.EINVAL)):
        said.add(refused(lambda path=path: read_file(path, 100), number))
        said.add(refused(lambda path=path: append_file(path, b""), number))
    assert said == wording
    write_file(folder / "pipe", b"now a file")
    assert read_file(folder / "pipe", 100) == b"now a file"


def test_file_with_another_name_is_not_added_to(folder, canary, wording):
    """A hard link to a file outside; writing it again gives it content of its own."""
    os.link(canary, folder / "a")
    acts = (lambda: append_file(folder / "a", b"more"), lambda: require_own_file(folder / "a"))
    assert {refused(act, errno.EMLINK) for act in acts} == wording
    write_file(folder / "a", b"own")
    append_file(folder / "a", b" and more")
    assert read_file(folder / "a", 100) == b"own and more"


def test_failed_write_leaves_what_was_there_and_nothing_else(folder, monkeypatch):
    """As on a full disk: the old content, no temporary; what was added in part is taken back."""
    write_file(folder / "a", b"old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(files.os, "fsync", full)
    for act in (lambda: write_file(folder / "a", b"new"), lambda: append_file(folder / "a", b"more")):
        assert refused(act, errno.ENOSPC) == "full"
    monkeypatch.undo()
    assert [(item.name, item.read_bytes()) for item in folder.iterdir()] == [("a", b"old")]


def test_pieces_are_written_as_one_file_or_not_at_all(folder):
    """If the pieces end with an error, the old file stays and nothing else is left."""
    path = folder / "table.csv"
    write_file(path, iter([b"one,", b"two"]))
    assert path.read_bytes() == b"one,two"

    def broken():
        yield b"three"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        write_file(path, broken())
    assert path.read_bytes() == b"one,two"
    assert not [each for each in folder.iterdir() if each.name.startswith(files.TEMPORARY)]


def test_new_file_has_the_permissions_of_any_other(folder):
    """The umask decides, not the way it is written."""
    before = os.umask(0o027)
    try:
        write_file(folder / "a", b"")
        append_file(folder / "b", b"")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(item.stat().st_mode) for item in folder.iterdir()} == {0o640}


def test_temporaries_are_cleared_and_links_among_them_not_followed(folder, canary):
    """Files, folders with content, and links themselves."""
    (folder / ".tmp-1").write_bytes(b"")
    (folder / ".tmp-2").mkdir()
    (folder / ".tmp-2" / "x").write_bytes(b"")
    (folder / ".tmp-3").symlink_to(canary)
    (folder / ".tmp-4").symlink_to(canary.parent)
    (folder / ".tmp-2" / "y").symlink_to(canary.parent)
    (folder / "kept").write_bytes(b"")
    clear_temporaries(folder)
    assert [item.name for item in folder.iterdir()] == ["kept"]


def test_removing_a_link_leaves_what_it_leads_to(folder, canary):
    """Also where that is a folder; what is not there needs no removing."""
    (folder / "a").symlink_to(canary.parent)
    remove(folder / "a")
    remove(folder / "a")
    assert list(folder.iterdir()) == []


def test_folder_that_is_gone_is_not_made_again(folder):
    """Who writes there learns of it."""
    with pytest.raises(FileNotFoundError):
        make_folder(folder / "gone" / "sub", below=folder / "gone")
    with pytest.raises(FileNotFoundError):
        write_file(folder / "gone" / "file", b"", below=folder / "gone")
