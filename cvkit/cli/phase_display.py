"""Shows the phases of a command on the terminal: a name, a bar, a count, the time and what the phase reports.

The lines are drawn again several times a second by a thread of rich, so that a phase without a count moves too.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.file_proxy import FileProxy
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.text import Text

from ..formatting import counted
from ..phases import Phase
from ..printable import on_one_line

_SPARE = 4  # columns that stay free, so that the "^C" of the terminal does not wrap the line and break the drawing
_BAR = (8, 30)  # the smallest and the largest width of a bar
_SOON = 1.0  # seconds after which the time is shown
_A_SECOND = 5  # drawings
_MB = 1_000_000


class PhaseDisplay:
    """Draws the phases that have begun on `console`, which must be a terminal.

    `out` and `err` are whether standard output and error are terminals: what libraries print there meanwhile appears
    above the phases, and a progress bar that a library draws on standard error below them.

    Attributes:
        remark: A line below the phases. A signal handler may set it; printing there could wait forever for a lock
            that the interrupted code holds.
    """

    def __init__(self, console: Console, out: bool, err: bool) -> None:
        self._phases: list[Phase] = []
        self.remark = self._bar = ""
        self._err = sys.stderr if err else None
        self._spinner = Spinner("dots")
        console.file = console.file  # now fixed: code that silences a library replaces sys.stdout for a while
        self._live = Live(
            console=console,
            transient=True,
            refresh_per_second=_A_SECOND,
            get_renderable=self._drawn,
            redirect_stdout=out,
            redirect_stderr=False,
        )

    @property
    def console(self) -> Console:
        """The console; what is printed on it appears above the phases."""
        return self._live.console

    def begin(self, phase: Phase) -> None:
        """Draw another phase; the first one starts the drawing."""
        self._phases = [*self._phases, phase]
        if not self._live.is_started:
            with suppress(OSError):  # the terminal may be gone, and the work goes on
                self._live.start()
            if self._err is not None:
                sys.stderr = _StandardError(self.console, self._err, self._show_bar)

    def end(self, phase: Phase) -> bool:
        """Stop drawing a phase, and return whether it was the last one; then the drawing is erased."""
        rest = [each for each in self._phases if each is not phase]
        if not rest:
            with suppress(OSError):
                self._live.stop()
            if self._err is not None:
                sys.stderr = self._err
        self._phases = rest
        return not rest

    def _drawn(self) -> RenderableType:
        return _Lines(self._phases, self._spinner, [line for line in (self._bar, self.remark) if line])

    def _show_bar(self, text: str) -> None:
        self._bar = text


class _StandardError(FileProxy):
    """Prints what libraries write above the phases, and gives a bar that is drawn with carriage returns to `show`."""

    def __init__(self, console: Console, file: IO[str], show: Callable[[str], None]) -> None:
        super().__init__(console, file)
        self._show, self._shown = show, ""

    def write(self, text: str) -> int:
        """Write a text; the end of a bar, which is a line break or blanks, removes it."""
        if "\r" in text or (self._shown and not text.strip()):
            self._shown = text.rpartition("\r")[2].strip()
            self._show(self._shown)
            return len(text)
        return super().write(text)


class _Lines:
    """The lines of those phases that have a count, and of the innermost one; then `others`."""

    def __init__(self, phases: list[Phase], spinner: Spinner, others: list[str]) -> None:
        self._others = others
        self._phases = [phase for phase in phases if phase.total is not None or phase is phases[-1]]
        self._spinner = spinner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        now = time.monotonic()
        width = max(1, options.max_width - _SPARE)
        for number, phase in enumerate(self._phases):
            mark = self._spinner.render(console.get_time()) if number == 0 else Text(" ")
            yield _line(phase, Text.assemble(mark, " ") if isinstance(mark, Text) else Text(), width, now, console)
            if phase.details:
                yield Text("  " + "  ".join(fitting(phase.details, width - 2)), no_wrap=True, overflow="crop")
        for other in self._others:
            line = Text("  " + on_one_line(other), no_wrap=True)
            line.truncate(width, overflow="ellipsis")
            yield line


def fitting(texts: tuple[str, ...], width: int, gap: int = 2) -> list[str]:
    """Return the first texts that fit into `width` columns, with `gap` columns between them."""
    found: list[str] = []
    for text in texts:
        if sum(map(cell_len, found)) + gap * len(found) + cell_len(text) > width:
            break
        found.append(text)
    return found


def count_of(phase: Phase) -> str:
    """Return how many are done: ``40/69``, ``57 steps`` or ``12.5/170.5 MB``; empty if nothing is counted."""
    if phase.noun == "byte":
        whole = "" if phase.total is None else f"/{phase.total / _MB:,.1f}"
        return f"{phase.done / _MB:,.1f}{whole} MB" if phase.done or phase.total else ""
    if phase.total is not None:
        return f"{phase.done:,}/{phase.total:,}"
    return counted(phase.done, phase.noun) if phase.done else ""


def time_of(phase: Phase, now: float) -> str:
    """Return how long the phase has taken, and how long the rest will take if that can be estimated."""
    elapsed = now - phase.began
    if elapsed < _SOON:
        return ""
    left = phase.seconds_left(now)
    return f"{_clock(elapsed)} elapsed" + (f", ETA {_clock(left)}" if left is not None else "")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _line(phase: Phase, mark: Text, width: int, now: float, console: Console) -> Text:
    """Return the line of a phase; what does not fit is left out, first the bar and then the time."""
    name, count, clock = on_one_line(phase.name), count_of(phase), time_of(phase, now)
    used = mark.cell_len + cell_len(name)
    pieces = fitting(tuple(filter(None, (count, clock))), max(0, width - used - 2))
    rest = width - used - sum(map(cell_len, pieces)) - 2 * len(pieces) - 1
    line = Text.assemble(mark, name, no_wrap=True, overflow="ellipsis")
    if phase.total and rest >= _BAR[0]:
        bar = ProgressBar(total=phase.total, completed=min(phase.done, phase.total), width=min(rest, _BAR[1]))
        line.append(" ")
        for segment in console.render(bar):
            line.append(segment.text.rstrip("\n"), segment.style)
    for piece in pieces:
        line.append("  " + piece)
    line.truncate(width, overflow="ellipsis")
    return line


def _plain_streams() -> None:
    """Let a forked process write to its streams itself: a lock of rich may be held by a thread that it lacks."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, FileProxy):
            setattr(sys, name, stream.rich_proxied_file)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_plain_streams)
