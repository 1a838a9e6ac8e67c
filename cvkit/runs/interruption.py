"""Ends a run on a signal without losing a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from .session import Session
from .signals import NAMES, Interrupted, heard


@contextmanager
def ended_by_signals(session: Session, tell: Callable[[str], None], names: Sequence[str] = NAMES) -> Iterator[None]:
    """End the session on a signal in `names`: after the current step if it is not saved yet, otherwise immediately.

    A second signal always ends it immediately. `tell` is called with a line for the user. Raises `Interrupted` in
    both cases.
    """
    received: list[int] = []

    def stop(number: int) -> None:
        received.append(number)
        session.stop = True  # always: Python drops exceptions raised in some places, such as __del__
        if len(received) > 1 or session.saved:
            raise Interrupted(number)
        with suppress(RuntimeError):  # raised if the signal interrupts a write to the same stream
            tell("finishing the step and saving it; send the signal again to stop immediately")

    with heard(stop, names):
        yield
        if received:
            raise Interrupted(received[0])
