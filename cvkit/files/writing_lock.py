"""`writing_lock`: lets one process at a time write a file, with a lock file beside it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import FolderError
from .safe_io import require_own_file

_WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


@contextmanager
def writing_lock(path: Path, *, unlocked: list[str]) -> Iterator[None]:
    """Lock the file at `path`, which need not exist, until the block ends.

    The lock file ``NAME.lock`` is beside it. It is removed at the end, unless the block raises an error: removing it
    is only safe if nobody continues the file. If the file system has no locks, the file is not locked, and
    `unlocked` gets a line about that. Raises `FolderError` if another process has locked the file, or if the lock
    file cannot be written.
    """
    lock_file = path.with_name(f"{path.name}.lock")
    lock = FileLock(lock_file, blocking=False)
    try:
        require_own_file(lock_file)
        lock.acquire()
    except Timeout:
        raise FolderError(
            f"another command is writing '{path}'; wait until it has ended, or choose another --output"
        ) from None
    except (NotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _WITHOUT_LOCKS:
            raise FolderError(f"could not lock '{path}' with '{lock_file}': {error.strerror}") from error
        unlocked.append(
            f"the file system of '{path}' has no locks, so no other command may write to this file meanwhile"
        )
    complete = False
    try:
        yield
        complete = True
        _remove_if(os.name != "nt", lock_file)  # while it is locked, so that nobody else has it
    finally:
        lock.release()
        _remove_if(complete and os.name == "nt", lock_file)  # Windows removes no open file


def _remove_if(wanted: bool, file: Path) -> None:
    if wanted:
        with suppress(OSError):
            file.unlink()
