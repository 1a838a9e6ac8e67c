"""`Budget`: the time that is left for measuring; and a limit for calls that cannot be measured in parts."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Budget:
    """A number of seconds that have begun.

    Args:
        seconds: How long measuring may take from now on.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """The seconds that are left; at least 0."""
        return max(0.0, self._end - time.monotonic())

    def part(self, share: float) -> Budget:
        """Return a budget of a share of the complete time, or of what is left if that is less."""
        return Budget(min(self.left, share * self.seconds))


class OutOfTimeError(Exception):
    """A call took longer than it may."""


def can_interrupt() -> bool:
    """Whether `within` can end a call: only on systems with SIGALRM, and in the main thread."""
    return hasattr(signal, "SIGALRM") and threading.current_thread() is threading.main_thread()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise `OutOfTimeError` in the block after `seconds`, as soon as Python code runs in it."""

    def end(number: int, frame: FrameType | None) -> None:
        raise OutOfTimeError(f"it takes longer than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.01))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
