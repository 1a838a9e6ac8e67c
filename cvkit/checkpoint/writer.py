"""`CheckpointWriter`: writes one checkpoint at a time in a thread, while training continues.

The thread calls no function of torch that computes, and almost all of its time is spent in the file system and in
SHA-256, which do not hold Python's lock. A new process would inherit the locks and files of a thread that is at
work, so Python does not fork this process before the thread has ended.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress


class CheckpointWriter:
    """Writes at most one checkpoint at a time. Only one thread may use it."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        _WRITERS.add(self)

    @property
    def busy(self) -> bool:
        """Whether a checkpoint is being written."""
        return self._thread is not None and self._thread.is_alive()

    def begin(self, write: Callable[[], object]) -> None:
        """Call `write` in a thread. Wait before that for the previous checkpoint, and raise its error."""
        self.finish()
        # A daemon thread does not keep a process alive that ends at once. An incomplete checkpoint is never used.
        self._thread = threading.Thread(
            target=self._run, args=(write,), daemon=True, name="cvkit writes a checkpoint"
        )
        self._thread.start()

    def finish(self) -> bool:
        """Wait for the checkpoint that is being written, and raise its error; return whether there was one."""
        if self._thread is None:
            return False
        self._join()
        self._thread, error, self._error = None, self._error, None
        if error is not None:
            raise error
        return True

    def _join(self) -> None:
        thread = self._thread
        if thread is not None and thread.ident is not None:  # a signal may have come before the thread began
            thread.join()

    def _run(self, write: Callable[[], object]) -> None:
        try:
            write()
        except BaseException as error:  # raised again by `finish`
            self._error = error


_WRITERS: weakref.WeakSet[CheckpointWriter] = weakref.WeakSet()


def _end_threads() -> None:
    """Wait for all writers before a fork. Python would drop an interruption that is raised here."""
    with suppress(KeyboardInterrupt):
        for writer in list(_WRITERS):
            writer._join()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_end_threads)
