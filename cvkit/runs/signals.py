"""Handles the signals that end a run or a command, unless they were ignored when it started."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
"""Ctrl-C, a request to terminate, and a closed terminal. Not every system has all of them."""


class Interrupted(KeyboardInterrupt):
    """Raised when a signal ends the command.

    Attributes:
        number: The number of the signal.
        at_once: Whether it is not the first signal, so that nothing is waited for.
    """

    def __init__(self, number: int, *, at_once: bool = False) -> None:
        self.number, self.at_once = number, at_once
        super().__init__(number)

    @property
    def exit_code(self) -> int:
        """The exit code that shells report for a process that a signal ended."""
        return 128 + self.number


def interrupt(number: int) -> None:
    """Raise `Interrupted`: the reaction to a signal if there is no work to finish first."""
    raise Interrupted(number)


def exit_code_of_signal(error: BaseException) -> int:
    """Return the exit code of an interrupted command; `error` may have the interruption as its cause."""
    for cause in (error, error.__cause__):
        if isinstance(cause, Interrupted):
            return cause.exit_code
    return 128 + signal.SIGINT


@contextmanager
def heard(act: Callable[[int], None], names: Sequence[str] = NAMES) -> Iterator[None]:
    """Call `act` with the number of each signal in `names`, while the block runs.

    Signals that are ignored stay ignored: ``nohup`` ignores SIGHUP, and shells ignore SIGINT for background jobs. A
    child process forked in the block is ended by the signal, as it would be without this handler.
    """
    owner = os.getpid()

    def handler(number: int, frame: FrameType | None) -> None:
        if os.getpid() == owner:
            act(number)
        else:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    numbers: list[int] = []
    if threading.current_thread() is threading.main_thread():  # only the main thread may set signal handlers
        numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
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
