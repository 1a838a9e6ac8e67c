"""Ends a run on a signal without losing a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

from ..engine.parts import RunParts
from .signals import NAMES, Interrupted, heard, interrupt


class Ending(Protocol):
    """A session, or what another of several processes does in it."""

    stop: bool
    saved: bool
    parts: RunParts


@contextmanager
def ended_by_signals(session: Ending, tell: Callable[[str], None], names: Sequence[str] = NAMES) -> Iterator[None]:
    """End the session on a signal in `names`: after the current step if it is not saved yet, otherwise immediately.

    A second signal always ends it immediately. `tell` is called with a line for the user. Raises `Interrupted` in
    both cases. Several processes end at the same step, also if only one of them receives the signal.
    """
    received: list[int] = []
    agreed_on: list[int] = []
    world = session.parts.world

    def agreed(number: int) -> None:
        agreed_on.append(number)
        session.stop = True
        if session.saved:
            world.leave(told=True)
            raise Interrupted(number)

    def stop(number: int) -> None:
        received.append(number)
        if world.size > 1 and not world.apart and len(received) == 1:
            world.ask_to_stop(number)  # all processes take the same steps
        else:
            session.stop = True  # always: Python drops exceptions raised in some places, such as __del__
            if len(received) > 1 or session.saved:
                raise Interrupted(number, at_once=len(received) > 1)
        with suppress(RuntimeError):  # raised if the signal interrupts a write to the same stream
            tell("finishing the step and saving it; send the signal again to stop immediately")

    world.on_stop, world.interrupt = agreed, interrupt
    with heard(stop, names):
        yield
        if ended := agreed_on or (received if world.size == 1 else []):
            world.leave(told=True)
            raise Interrupted(ended[0])
