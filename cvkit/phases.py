"""The phases of a long computation, such as evaluating or explaining, for whoever shows them. It does not need torch.

The code that works names its phases and counts what it has done. A terminal that shows them watches; without a
watcher, phases cost nothing. Only the main thread of the process has phases: threads and forked processes that help
it have none.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar, Protocol


@dataclass
class Phase:
    """What is being done, and how far it is.

    Attributes:
        name: What is being done, as in "evaluating".
        total: How many there are to do; None if that is not known.
        noun: What is counted, in the singular.
        done: How many are done.
        first: How many were done before the phase began, for example by an earlier session.
        details: Short texts about the current state, the most important first.
        began: When the phase began, in seconds of `time.monotonic`.
        shown: Whether somebody watches.
    """

    name: str
    total: int | None = None
    noun: str = "image"
    done: int = 0
    first: int = 0
    details: tuple[str, ...] = ()
    began: float = field(default_factory=time.monotonic)
    shown: bool = False

    def advance(self, count: int = 1) -> None:
        """Count what was just done."""
        self.done += count

    def seconds_left(self, now: float) -> float | None:
        """Return the seconds that the rest will take at the mean speed so far; None if that cannot be estimated."""
        counted = self.done - self.first
        if self.total is None or counted <= 0:
            return None
        return (now - self.began) / counted * max(0, self.total - self.done)


class Watcher(Protocol):
    """Shows phases."""

    def begin(self, phase: Phase) -> None:
        """Show a phase, within the phases that have begun and not ended."""
        ...

    def end(self, phase: Phase) -> None:
        """Stop to show a phase, the one that began last."""
        ...


class _Now:
    """The watcher, and the phases that have begun and not ended."""

    watcher: Watcher | None = None
    begun: ClassVar[list[Phase]] = []


@contextmanager
def phase(name: str, total: int | None = None, *, noun: str = "image", first: int = 0) -> Iterator[Phase]:
    """Name what the block does, for the terminal that shows it.

    Args:
        name: What the block does, as in "reading masks".
        total: How many there are to do, at least 0; None if that is not known.
        noun: What is counted, in the singular, as in "image"; "byte" for amounts of data.
        first: How many are already done, from 0 to `total`.

    Yields:
        The phase: call its `advance` with the number that was just done.
    """
    watcher = _Now.watcher
    begun = Phase(name, total, noun, first, first)
    if watcher is None or threading.current_thread() is not threading.main_thread():
        yield begun
        return
    begun.shown = True
    _Now.begun.append(begun)
    watcher.begin(begun)
    try:
        yield begun
    finally:
        if begun in _Now.begun:  # a child process has none
            _Now.begun.remove(begun)
            watcher.end(begun)


def advance(count: int = 1) -> None:
    """Count what was just done in the innermost phase, for code that does not know which one that is."""
    if _Now.begun and threading.current_thread() is threading.main_thread():
        _Now.begun[-1].advance(count)


@contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """Let `watcher` show the phases of the block."""
    before, _Now.watcher = _Now.watcher, watcher
    try:
        yield
    finally:
        _Now.watcher = before


def _forget() -> None:
    """Let a forked process have no phases, because the terminal belongs to its parent."""
    _Now.watcher = None
    _Now.begun.clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget)
