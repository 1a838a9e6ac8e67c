"""`LockedFolder`: a folder in which one process works at a time, and that must stay where it is meanwhile."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import RunError
from ..printable import shell_words
from .confined import ConfinedFolder
from .safe_io import require_own_file


class LockedFolder(ConfinedFolder):
    """The files of a run's folder; while it is locked, nothing is written once the folder is no longer the same."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lock = FileLock(self.path / ".lock", blocking=False)
        self._identity: tuple[int, int] | None = None  # of the folder, while it is locked

    def lock(self) -> None:
        """Keep other processes out until this one ends; raise `RunError` if one is at work here."""
        try:
            require_own_file(self.path / ".lock", below=self.path)
            self._lock.acquire()
            self._identity = _identity(self.path)
        except Timeout:
            raise RunError(f"another process is at work in '{self.path}'") from None
        except NotImplementedError as error:
            raise RunError(
                f"the file system of '{self.path}' has no locks, which keep two processes from writing to one run; "
                "choose another --output"
            ) from error
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise RunError(f"'{self.path / '.lock'}' cannot be locked: {error.strerror}; remove it") from error
            raise RunError(
                f"'{self.path}' cannot be written: {error.strerror}; see who may write there, or train on elsewhere: "
                f"{shell_words('cvkit', 'extend', self.path)} --epochs N --output FOLDER"
            ) from error

    def unlock(self) -> None:
        """Let other processes in again."""
        self._identity = None
        self._lock.release()

    def is_there(self) -> bool:
        """Whether this is still the folder that was locked: nobody has removed, renamed or replaced it since."""
        with suppress(OSError):
            return self._identity in (None, _identity(self.path))
        return False

    def require_there(self) -> None:
        """Raise `RunError` unless `is_there`, as what is written would be lost, or land in another folder."""
        if not self.is_there():
            raise RunError(
                f"the run folder '{self.path}' is gone: it was removed, renamed or replaced while its run was at "
                "work, so the run ends here. If the folder has another name now, continue with: cvkit resume NEW_NAME"
            )

    def _written(self, name: str, write: Callable[[Path], None]) -> None:
        self.require_there()
        super()._written(name, write)


def _identity(path: Path) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino
