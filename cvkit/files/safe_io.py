"""Reads and writes the files of untrusted folders without following links out of them.

A link, a pipe, a device or a file that is too large raises an `OSError` whose ``strerror`` names the problem, so
callers handle these and a full disk in one clause. A file is written completely or not at all.

The argument `below` is the untrusted folder. Its own path may contain links; the path from it to the file may not.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterable
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

TEMPORARY = ".tmp-"
"""Prefix of the names of unfinished files and folders."""

# Opening a pipe does not block (NONBLOCK), and opening a link fails (NOFOLLOW). Windows has neither flag and relies
# on the check before the file is opened.
SAFELY = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
"""Flags for `os.open` that every file of an untrusted folder is opened with."""


def read_file(path: Path, limit: int, *, below: Path | None = None) -> bytes:
    """Return the content of the regular file at `path`.

    Raises `FileNotFoundError` if there is none, and `OSError` if it has more than `limit` bytes, is a link or not a
    regular file, or if a folder between `below` and the file is a link.
    """
    with open_file(path, limit, below=below) as file:
        content = file.read(limit + 1)
    if len(content) > limit:  # it grew after it was opened
        raise _too_large(path, limit)
    return content


def open_file(path: Path, limit: int, *, below: Path | None = None) -> BufferedReader:
    """Open a regular file of at most `limit` bytes for reading; raises the same errors as `read_file`."""
    _require_folders(path, below)
    _require_regular(os.lstat(path), path)
    descriptor = os.open(path, os.O_RDONLY | SAFELY)
    try:
        found = os.fstat(descriptor)
        _require_regular(found, path)
        if found.st_size > limit:
            raise _too_large(path, limit)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def write_file(
    path: Path, content: bytes | Iterable[bytes], *, below: Path | None = None, durable: bool = True
) -> None:
    """Write a file atomically: a reader sees the old file or the new one, even if the process is killed.

    Content of several pieces is written piece by piece. The file is written under a random name in the same folder
    and then renamed, so a link at `path` is replaced, not followed. It has the permissions of a new file. With
    `durable`, waits until it is on the disk. Raises `OSError`,
    leaving nothing behind, if it cannot be written or if a folder between `below` and the file is a link.
    """
    _require_folders(path, below)
    temporary = temporary_beside(path)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFELY, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in (content,) if isinstance(content, bytes) else content:
                file.write(piece)
            if durable:
                file.flush()
                os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def append_file(path: Path, content: bytes, *, below: Path | None = None) -> None:
    """Append `content` to a regular file, or create it, and wait until it is on the disk.

    After an error, the file has its earlier length. Raises `OSError` if the file cannot be written, is a link or not
    a regular file, or has a second name (a hard link), because that other file would change too.
    """
    _require_folders(path, below)
    with suppress(FileNotFoundError):
        _require_regular(os.lstat(path), path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | SAFELY, 0o666)
    try:
        found = os.fstat(descriptor)
        _require_regular(found, path)
        _require_one_name(found, path)
        try:
            with os.fdopen(descriptor, "ab", buffering=0, closefd=False) as file:
                rest = memoryview(content)
                while rest:
                    rest = rest[file.write(rest) :]
            os.fsync(descriptor)
        except BaseException:
            with suppress(OSError):
                os.ftruncate(descriptor, found.st_size)
            raise
    finally:
        os.close(descriptor)


def require_own_file(path: Path, *, below: Path | None = None) -> None:
    """Raise `OSError` if there is anything at `path` other than a regular file without hard links.

    Used for files that a library opens by name, such as lock files.
    """
    _require_folders(path, below)
    with suppress(FileNotFoundError):
        found = os.lstat(path)
        _require_regular(found, path)
        _require_one_name(found, path)


def make_folder(path: Path, *, below: Path) -> Path:
    """Create the folder `path` and its parents up to `below`, which must exist, and return `path`.

    Raises `OSError` if one of them is a link or not a folder, or cannot be created.
    """
    for part in (*reversed(_between(path, below)), path):
        with suppress(FileExistsError):
            part.mkdir()
        _require_folder(part)
    return path


def is_folder(path: Path) -> bool:
    """Whether `path` is a folder and not a link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def remove(path: Path) -> None:
    """Remove a file, a folder with its content, or a link without its target; ignore errors."""
    if is_folder(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def temporary_beside(path: Path) -> Path:
    """Return an unpredictable temporary name in the folder of `path`."""
    return path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")


def clear_temporaries(folder: Path) -> None:
    """Remove unfinished files of killed processes; only call this from the one process that writes to `folder`."""
    if is_folder(folder):
        for leftover in folder.glob(f"{TEMPORARY}*"):
            remove(leftover)


def sync_folder(path: Path) -> None:
    """Wait until the entries of a folder are on the disk; does nothing on systems that cannot open folders."""
    if os.name != "nt":
        sync_file(path)


def sync_file(path: Path) -> None:
    """Wait until the content of a file, for example one that a library wrote, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _between(path: Path, below: Path | None) -> list[Path]:
    """Return the folders between `below` and `path`, without these two, starting with the one nearest to `path`."""
    if below is None:
        return []
    if below not in path.parents or ".." in path.relative_to(below).parts:
        raise OSError(errno.EINVAL, f"it is not inside '{below}'", str(path))
    return [parent for parent in path.parents if below in parent.parents]


def _require_folders(path: Path, below: Path | None) -> None:
    for folder in _between(path, below):
        _require_folder(folder)


def _require_folder(path: Path) -> None:
    mode = os.lstat(path).st_mode
    if not stat.S_ISDIR(mode):
        what = "a link, which is not followed" if stat.S_ISLNK(mode) else "not a folder"
        raise OSError(errno.ENOTDIR, f"'{path.name}' is {what}", str(path))


def _require_regular(found: os.stat_result, path: Path) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, "it is a link, which is not followed", str(path))
    if stat.S_ISDIR(found.st_mode):
        raise OSError(errno.EISDIR, "it is a folder", str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def _require_one_name(found: os.stat_result, path: Path) -> None:
    if found.st_nlink > 1:
        raise OSError(errno.EMLINK, "the file has a second name (a hard link); replace it with a copy", str(path))


def _too_large(path: Path, limit: int) -> OSError:
    return OSError(errno.EFBIG, f"it has more than {limit:,} bytes", str(path))
