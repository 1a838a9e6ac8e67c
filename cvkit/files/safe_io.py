"""Files of a folder that may come from a stranger: read and written without following a link out of it.

A link, a pipe, a device or a file that is too large is refused with an `OSError` whose ``strerror`` says which of
them it is, so callers need one clause for these and for a full disk. What is written is there whole or not at all.

`below` is the folder whose content is not trusted. It may be reached through links; the folders between it and the
file may not be links.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

TEMPORARY = ".tmp-"
"""What the names of unfinished files and folders begin with."""

# A pipe does not block the opening (NONBLOCK), and a link in the file's place fails it (NOFOLLOW). Windows has
# neither of the two, and there the check before the opening has to do.
_SAFELY = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def read_file(path: Path, limit: int, *, below: Path | None = None) -> bytes:
    """Return what the regular file at `path` holds; raise `OSError` where it is more than `limit` bytes.

    Raises `FileNotFoundError` where there is none, and `OSError` where it is a link or not a regular file, or a
    folder on the way there from `below` is a link.
    """
    with open_file(path, limit, below=below) as file:
        content = file.read(limit + 1)
    if len(content) > limit:  # it has grown since it was opened
        raise _too_large(path, limit)
    return content


def open_file(path: Path, limit: int, *, below: Path | None = None) -> BufferedReader:
    """Open a regular file of at most `limit` bytes for reading; raises as `read_file` does."""
    _require_folders(path, below)
    _require_regular(os.lstat(path), path)
    descriptor = os.open(path, os.O_RDONLY | _SAFELY)
    try:
        found = os.fstat(descriptor)
        _require_regular(found, path)
        if found.st_size > limit:
            raise _too_large(path, limit)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def write_file(path: Path, content: bytes, *, below: Path | None = None, durable: bool = True) -> None:
    """Put a file in place whole: a reader sees the old one or the new one, and a kill leaves one of them.

    It is written under a random name beside its place and renamed; a link that lies there is replaced, not followed.
    Its permissions are those of any new file. `durable`: wait until the disk has it. Raises `OSError` where it cannot
    be written, or a folder on the way there from `below` is a link; nothing is left behind then.
    """
    _require_folders(path, below)
    temporary = temporary_beside(path)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
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
    """Add `content` to the end of a regular file, made where there is none, and wait until the disk has it.

    After an error the file is as long as before. Raises `OSError` where it cannot be written, where it is a link or
    not a regular file, and where it has another name elsewhere (a hard link), under which it would change as well.
    """
    _require_folders(path, below)
    with suppress(FileNotFoundError):
        _require_regular(os.lstat(path), path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _SAFELY, 0o666)
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
    """Raise `OSError` unless there is nothing at `path`, or a regular file that has no other name.

    For files that a library opens by their name, such as a lock's.
    """
    _require_folders(path, below)
    with suppress(FileNotFoundError):
        found = os.lstat(path)
        _require_regular(found, path)
        _require_one_name(found, path)


def make_folder(path: Path, *, below: Path) -> Path:
    """Return the folder `path`, made with those above it up to `below`, which must be there.

    Raises `OSError` where one of them is a link or no folder, or cannot be made.
    """
    for part in (*reversed(_between(path, below)), path):
        with suppress(FileExistsError):
            part.mkdir()
        _require_folder(part)
    return path


def is_folder(path: Path) -> bool:
    """Whether there is a folder at `path`, and no link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def remove(path: Path) -> None:
    """Remove a file, a folder with all in it, or a link but not what it leads to; what cannot be removed stays."""
    if is_folder(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def temporary_beside(path: Path) -> Path:
    """Return a free name for what is about to take the place of `path`; nobody can guess it."""
    return path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")


def clear_temporaries(folder: Path) -> None:
    """Remove what killed processes left unfinished in `folder`; only for the one process that writes there."""
    if is_folder(folder):
        for leftover in folder.glob(f"{TEMPORARY}*"):
            remove(leftover)


def sync_folder(path: Path) -> None:
    """Wait until the disk has the names of a folder's files; systems that cannot open a folder do not offer it."""
    if os.name != "nt":
        sync_file(path)


def sync_file(path: Path) -> None:
    """Wait until the disk has what a file holds; for one that a library wrote, by its name."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _between(path: Path, below: Path | None) -> list[Path]:
    """Return the folders on the way from `below` to `path`, both left out, the nearest to `path` first."""
    if below is None:
        return []
    if below not in path.parents or ".." in path.relative_to(below).parts:
        raise OSError(errno.EINVAL, f"it is not below '{below}'", str(path))
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
        raise OSError(errno.EMLINK, "it has another name elsewhere (a hard link); put a copy in its place", str(path))


def _too_large(path: Path, limit: int) -> OSError:
    return OSError(errno.EFBIG, f"it has more than {limit:,} bytes", str(path))
