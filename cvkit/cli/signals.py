"""Signals that ask a command to end: heard over the whole of it, unless they were ignored when it began."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
"""Ctrl-C, a request to end, and the closing of a terminal, which not every system has."""


class Interrupted(KeyboardInterrupt):
    """A signal ends the command; `number` says which."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)

    @property
    def exit_code(self) -> int:
        """What shells make of a process that a signal ended."""
        return 128 + self.number


def interrupt(number: int) -> None:
    """Raise `Interrupted`: what a signal does where nothing must be brought to an end first."""
    raise Interrupted(number)


def exit_code_of(error: BaseException) -> int:
    """Return the exit code of an interrupted command; `error` may have been raised from the interruption."""
    for told in (error, error.__cause__):
        if isinstance(told, Interrupted):
            return told.exit_code
    return 128 + signal.SIGINT


@contextmanager
def heard(act: Callable[[int], None]) -> Iterator[None]:
    """Call `act` with the number of each signal that asks this process to end, within the block.

    A signal that is ignored stays so: ``nohup`` ignores SIGHUP, and a shell SIGINT for what runs in its background.
    A child that was forked from here ends by the signal, as it would without this.
    """
    owner = os.getpid()

    def handler(number: int, frame: FrameType | None) -> None:
        if os.getpid() == owner:
            act(number)
        else:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    numbers: list[int] = []
    if threading.current_thread() is threading.main_thread():  # Python lets no other thread say what a signal does
        numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    before = {
        number: signal.signal(number, handler)
        for number in numbers
        if signal.getsignal(number) not in (signal.SIG_IGN, None)
    }
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
