"""`CheckpointWriter`: writes one checkpoint at a time in a thread, while training continues.

The thread calls no function of torch that computes, and almost all of its time is spent in the file system and in
SHA-256, which do not hold Python's lock. A new process would inherit the locks and files of a thread that is at
work, so Python does not fork this process before the thread has ended.

The end of a write is an event that the thread sets, and not `Thread.join`: if a signal handler raises during a join,
Python before 3.13 takes the thread for ended, and the next join returns at once.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress


class _Write:
    """A write that a thread does, unless it is cancelled before the thread begins with it."""

    def __init__(self, write: Callable[[], object]) -> None:
        self.error: BaseException | None = None
        self.ended = threading.Event()
        self.started = False
        self._write = write
        self._taken: dict[str, str] = {}

    def run(self) -> None:
        """Write in this thread, unless the write was cancelled."""
        try:
            if self._taken.setdefault("by", "thread") == "thread":
                self._write()
        except BaseException as error:  # raised again by `finish`
            self.error = error
        finally:
            self.ended.set()

    @property
    def runs(self) -> bool:
        """Whether the thread writes, or has written. If its start was interrupted, this cancels a late beginning."""
        # A signal may interrupt this too. The first value that is set stays, so the next call gets the same answer.
        return self.started or self._taken.setdefault("by", "nobody") == "thread"


class CheckpointWriter:
    """Writes at most one checkpoint at a time. Only one thread may use it."""

    def __init__(self) -> None:
        self._current: _Write | None = None
        _WRITERS.add(self)

    @property
    def busy(self) -> bool:
        """Whether a checkpoint is being written."""
        current = self._current
        return current is not None and current.runs and not current.ended.is_set()

    @property
    def pending(self) -> bool:
        """Whether nothing has waited yet for the end of the last write, so that its success is not known."""
        return self._current is not None

    def begin(self, write: Callable[[], object]) -> None:
        """Call `write` in a thread. Wait before that for the previous checkpoint, and raise its error."""
        self.finish()
        current = self._current = _Write(write)
        # A daemon thread does not keep a process alive that ends at once. An incomplete checkpoint is never used.
        threading.Thread(target=current.run, daemon=True, name="cvkit writes a checkpoint").start()
        current.started = True

    def finish(self) -> bool:
        """Wait for the checkpoint that is being written, and raise its error; return whether there was one.

        If a signal interrupts the wait, the checkpoint is still being written, and the next call waits for it.
        """
        current = self._current
        if current is None:
            return False
        wrote = self._wait()
        self._current = None
        if current.error is not None:
            raise current.error
        return wrote

    def _wait(self) -> bool:
        """Wait until the thread has ended its write; return whether it wrote at all."""
        current = self._current
        if current is None or not current.runs:
            return False
        current.ended.wait()
        return True

    def _forget(self) -> None:
        self._current = None


_WRITERS: weakref.WeakSet[CheckpointWriter] = weakref.WeakSet()


def _end_threads() -> None:
    """Wait for all writers before a fork, also after one interruption. Python would drop one that is raised here."""
    for writer in list(_WRITERS):
        for _ in range(2):  # a second interruption means that the disk does not respond
            with suppress(KeyboardInterrupt):
                writer._wait()
                break


def _forget_threads() -> None:
    """Forget the writes in a forked process, which has no thread that could end them."""
    for writer in list(_WRITERS):
        writer._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_end_threads, after_in_child=_forget_threads)
