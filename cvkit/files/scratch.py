"""`Scratch`: a folder beside a place, in which what will take that place is made."""

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
_STALE = 24 * 3600.0  # seconds without a change, after which a folder that nobody holds was left by a killed command
_ATTEMPTS = 10  # to put a folder in a place that other commands put theirs in, at the same time


class Scratch:
    """A folder of a random name in `parent`, locked for as long as its command works, so that others leave it alone.

    `new` is for what is made. Results that give way to it are kept here until it is in their place, so that neither
    an error nor a kill loses them.
    """

    def __init__(self, parent: Path, name: str | None = None) -> None:
        self.parent = parent
        self.path = parent / (name or f"{_PREFIX}{secrets.token_hex(8)}")
        self.new, self._earlier = self.path / "new", self.path / "earlier"
        self._lock = FileLock(self.path / "lock", blocking=False)

    def make(self) -> None:
        """Make the folder and those above it; raise `OSError` where that fails, or where its name is taken."""
        self.parent.mkdir(parents=True, exist_ok=True)
        self.path.mkdir()
        with suppress(OSError, NotImplementedError):  # some network drives have no locks: there its age protects it
            self._lock.acquire()
        self.new.mkdir()

    def exchange(self, name: str) -> None:
        """Put `new` in its place, `name` in the parent folder, and what was there aside; raises `OSError`."""
        for attempt in range(_ATTEMPTS):
            self._put_aside(name)
            try:
                self.new.rename(self.parent / name)
            except OSError as error:  # between the two renames, another command may have put its results there
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
        """Put back what was moved aside, if its place is free, and remove the folder.

        Returns where the earlier results lie, if they cannot be put back; the folder stays then.
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
        for kept in self._earlier.iterdir() if self._earlier.is_dir() else ():
            if not os.path.lexists(self.parent / kept.name):
                kept.rename(self.parent / kept.name)

    def clear(self) -> None:
        """Put back what a killed command had moved aside, and remove what it left, once that is old; never raises.

        A folder that a living command holds is left alone, and so is whatever may not be of a command.
        """
        with suppress(OSError, Timeout, NotImplementedError):
            old = time.time() - newest_change(self.path) > _STALE
            if old and not any(self.path.iterdir()):
                self.path.rmdir()  # killed before it was locked
            if (old or self._earlier.is_dir()) and self._is_own():
                with self._lock:
                    self._put_back()
                if old:
                    shutil.rmtree(self.path, ignore_errors=True)

    def _is_own(self) -> bool:
        lock = self.path / "lock"
        return not self.path.is_symlink() and lock.is_file() and not lock.is_symlink()


def clear_leftovers(parent: Path) -> None:
    """Do for everything that killed commands left in `parent` what `Scratch.clear` does."""
    for path in parent.glob(f"{_PREFIX}*"):
        Scratch(parent, path.name).clear()


def newest_change(folder: Path) -> float:
    """Return when something in a folder was last changed, in seconds since 1970.

    The lock does not count, as looking at it changes it. Raises `OSError` where that cannot be seen.
    """
    inside = (path for path in folder.rglob("*") if path != folder / "lock")
    return max(path.lstat().st_mtime for path in (folder, *inside))
