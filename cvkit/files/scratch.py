"""`Scratch`: a temporary folder in which a replacement for another folder is prepared."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = ".tmp-cvkit-"
_STALE = 24 * 3600.0  # seconds; an unlocked folder without changes for this long was left by a killed command
_ATTEMPTS = 10  # to rename a folder while other commands write to the same place


class Scratch:
    """A folder with a random name in `parent`, locked while its command runs, so that other commands ignore it.

    `new` is the folder for the new results. Earlier results are moved into the scratch folder until the new ones are
    in place, so that neither an error nor a kill loses them.
    """

    def __init__(self, parent: Path, name: str | None = None) -> None:
        self.parent = parent
        self.path = parent / (name or f"{_PREFIX}{secrets.token_hex(8)}")
        self.new, self._earlier = self.path / "new", self.path / "earlier"
        self._lock = FileLock(self.path / "lock", blocking=False)

    def make(self) -> None:
        """Create the folder and its parents; raise `OSError` if that fails or if the name exists."""
        self.parent.mkdir(parents=True, exist_ok=True)
        self.path.mkdir()
        with suppress(
            OSError, NotImplementedError
        ):  # some network drives have no locks; the folder's age protects it there
            self._lock.acquire()
        self.new.mkdir()

    def exchange(self, name: str) -> None:
        """Move `new` to `name` in the parent folder, and the earlier folder aside; raises `OSError`."""
        for attempt in range(_ATTEMPTS):
            self._put_aside(name)
            try:
                self.new.rename(self.parent / name)
            except OSError as error:  # another command may have written there between the two renames
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    def _put_aside(self, name: str) -> None:
        if (self.parent / name).exists():
            shutil.rmtree(self._earlier, ignore_errors=True)
            self._earlier.mkdir()
            with suppress(FileNotFoundError):
                (self.parent / name).rename(self._earlier / name)

    def close(self) -> Path | None:
        """Move earlier results back if their place is free, and remove the folder.

        If they cannot be moved back, keeps the folder and returns the path of the earlier results.
        """
        try:
            self._put_back()
        except OSError:
            self._lock.release()
            return next(self._earlier.iterdir())
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)
        return None

    def _put_back(self) -> None:
        for entry in self._earlier.iterdir() if self._earlier.is_dir() else ():
            if not os.path.lexists(self.parent / entry.name):
                entry.rename(self.parent / entry.name)

    def clear(self) -> None:
        """Move back results that a killed command moved aside, and remove its folder when it is old; never raises.

        Folders that a running command has locked are skipped, and so is anything that no command created.
        """
        with suppress(OSError, Timeout, NotImplementedError):
            old = time.time() - newest_change(self.path) > _STALE
            if old and not any(self.path.iterdir()):
                self.path.rmdir()  # its command was killed before it locked the folder
            if (old or self._earlier.is_dir()) and self._is_own():
                with self._lock:
                    self._put_back()
                if old:
                    shutil.rmtree(self.path, ignore_errors=True)

    def _is_own(self) -> bool:
        lock = self.path / "lock"
        return not self.path.is_symlink() and lock.is_file() and not lock.is_symlink()


def clear_leftovers(parent: Path) -> None:
    """Call `Scratch.clear` for every scratch folder that killed commands left in `parent`."""
    for path in parent.glob(f"{_PREFIX}*"):
        Scratch(parent, path.name).clear()


def newest_change(folder: Path) -> float:
    """Return the time of the last change in a folder, in seconds since 1970.

    The lock file is ignored, because testing the lock changes it. Raises `OSError` if the folder cannot be read.
    """
    inside = (path for path in folder.rglob("*") if path != folder / "lock")
    return max(path.lstat().st_mtime for path in (folder, *inside))
