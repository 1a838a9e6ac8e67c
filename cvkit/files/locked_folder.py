"""`LockedFolder`: a folder that one process at a time writes to, and that must not move while it is locked."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import FolderError
from ..printable import shell_words
from .confined import ConfinedFolder
from .safe_io import require_own_file


class LockedFolder(ConfinedFolder):
    """The files of a run folder. While it is locked, writing fails if the folder was moved or replaced."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lock = FileLock(self.path / ".lock", blocking=False)
        self._identity: tuple[int, int] | None = None  # device and inode of the folder while it is locked

    def lock(self) -> None:
        """Lock the folder until this process ends; raise `FolderError` if another process has locked it."""
        self.lock_within(0)

    def lock_within(self, seconds: float) -> None:
        """Lock the folder as `lock` does, and wait so long for a process that has locked it for a moment."""
        try:
            require_own_file(self.path / ".lock", below=self.path)
            self._lock.acquire(timeout=seconds, blocking=seconds > 0)
            self._identity = _identity(self.path)
        except Timeout:
            raise FolderError(f"another process is using '{self.path}'") from None
        except NotImplementedError as error:
            raise FolderError(
                f"the file system of '{self.path}' does not support locks, which prevent two processes from writing "
                "to one run; choose another output folder"
            ) from error
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise FolderError(f"could not lock '{self.path / '.lock'}': {error.strerror}; remove it") from error
            raise FolderError(
                f"could not write to '{self.path}': {error.strerror}; check its permissions, or continue elsewhere: "
                f"{shell_words('cvkit', 'extend', self.path)} --epochs N --output FOLDER"
            ) from error

    def unlock(self) -> None:
        """Release the lock; `is_there` still compares with the folder that was locked."""
        self._lock.release()

    def is_there(self) -> bool:
        """Whether the folder that was locked is still there and was not removed, renamed or replaced."""
        with suppress(OSError):
            return self._identity in (None, _identity(self.path))
        return False

    def require_there(self) -> None:
        """Raise `FolderError` unless `is_there`, because files would be lost or written to another folder."""
        if not self.is_there():
            raise FolderError(
                f"the run folder '{self.path}' was removed, renamed or replaced during the run, so the run "
                "stops here. If the folder has a new name, continue with: cvkit resume NEW_NAME"
            )

    def _written(self, name: str, write: Callable[[Path], None]) -> None:
        self.require_there()
        super()._written(name, write)


def _identity(path: Path) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino
