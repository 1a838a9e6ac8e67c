"""Writes the output of commands to a terminal, a pipe or a file.

Every command writes with `echo`, which escapes control characters, so text from recipes, class names and file names
cannot send commands to a terminal. Data for other programs are written with `echo_data`, which changes nothing unless
it writes to a terminal.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from ..phases import Phase, phase, watched_by
from ..printable import printable
from .exit_code import work
from .links import linked

if TYPE_CHECKING:
    from rich.console import Console

    from .phase_display import PhaseDisplay


class OutputLost(Exception):
    """Standard output cannot be written: the disk is full, or the reader has closed the pipe, as in ``| head``."""

    resumable = True  # the run can continue when there is an output again

    def __init__(self, error: OSError) -> None:
        self.reader_gone = isinstance(error, BrokenPipeError)
        super().__init__(f"could not write standard output: {error.strerror}")


def keep_standard_streams() -> None:
    """Open standard input, output and error as the null device if they are closed (``>&-``).

    Otherwise the next file that is opened, such as a checkpoint, would get their number, and libraries would print
    into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number


def flush_standard_output() -> None:
    """Flush standard output; if that fails, discard the rest, because Python's flush at exit would fail too."""
    if sys.stdout is None:  # it was closed when the process started
        return
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def tolerate_narrow_encodings() -> None:
    """Let standard output and error escape characters that their encoding lacks, for example cp1252."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")


def echo(text: object = "", *, err: bool = False, nl: bool = True, label: str = "", colour: str = "") -> None:
    """Write `text` with control characters escaped.

    Errors while writing to standard error are ignored, because there is nowhere to report them.

    Args:
        text: Text to write. Its line breaks are kept. A path is a link if the terminal supports that.
        err: Write to standard error instead of standard output.
        nl: Add a line break at the end.
        label: A word before the text, such as ``error:``.
        colour: click's name of the label's colour, or empty; used if the terminal has colours.

    Raises:
        OutputLost: Standard output cannot be written.
    """
    front = f"{click.style(label, fg=colour or None, bold=True) if in_colour(err) else label} " if label else ""
    shown = printable(str(text), lines=True)
    if isinstance(text, Path) and on_terminal(err):
        shown = linked(shown, text)
    try:
        if (drawn := _Drawing.console(err)) is not None:  # above the phases
            from rich.text import Text

            drawn.print(Text.from_ansi(front + shown), soft_wrap=True, end="\n" if nl else "")
        else:
            click.echo(front + shown, err=err, nl=nl)
    except OSError as error:
        if not err:
            raise OutputLost(error) from error


def echo_after_signal(text: str) -> None:
    """Write a line to standard error after Ctrl-C, for which a terminal has written ``^C`` on the current line.

    A signal handler may call it: while phases are drawn, the line is drawn with them, because printing could wait
    for a lock that the interrupted code holds.
    """
    if (drawn := _Drawing.display) is not None and on_terminal(err=True):
        drawn.remark = text
        return
    if sys.stderr is not None and sys.stderr.isatty():
        echo(err=True)
    echo(text, err=True)


def echo_data(content: bytes) -> None:
    """Write UTF-8 text that programs read to standard output: its bytes, or as by `echo` if that is a terminal.

    Raises:
        OutputLost: Standard output cannot be written.
    """
    if sys.stdout is not None and sys.stdout.isatty():
        echo(content.decode(), nl=False)
        return
    try:
        click.echo(content, nl=False)
    except OSError as error:
        raise OutputLost(error) from error


def on_terminal(err: bool = False) -> bool:
    """Whether standard output, or with `err` standard error, is a terminal that can redraw a line."""
    stream: IO[str] | None = sys.stderr if err else sys.stdout
    return stream is not None and stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def in_colour(err: bool = False) -> bool:
    """Whether to write colours: only to a terminal, and not if ``NO_COLOR`` is set (https://no-color.org)."""
    return on_terminal(err) and not os.environ.get("NO_COLOR")


def console(err: bool = False) -> Console:
    """Return a rich console for standard output or error.

    ``FORCE_COLOR`` is ignored if the stream is not a terminal, so that progress bars never go to a file. ``COLUMNS``
    is ignored unless it is a positive number, because rich would use a width of 0 and write nothing.
    """
    from rich.console import Console

    if (drawn := _Drawing.console(err)) is not None:
        return drawn
    columns = os.environ.get("COLUMNS", "")
    environment = {key: value for key, value in os.environ.items() if key != "FORCE_COLOR"}
    if not (columns.isdecimal() and int(columns) > 0):
        environment.pop("COLUMNS", None)
    return Console(
        stderr=err,
        highlight=False,
        markup=False,
        force_terminal=on_terminal(err),
        no_color=not in_colour(err),
        _environ=environment,
    )


class _Drawing:
    """Draws phases on standard output, or on standard error if only that is a terminal.

    While another program reads standard output from a pipe, as `tee` does, nothing is drawn, because that program may
    write to the same terminal.
    """

    display: PhaseDisplay | None = None

    def __init__(self) -> None:
        self._first: Phase | None = None

    @classmethod
    def console(cls, err: bool) -> Console | None:
        """Return the console that phases are drawn on, if they are and the stream is a terminal."""
        return cls.display.console if cls.display is not None and on_terminal(err) else None

    def begin(self, phase: Phase) -> None:
        """Draw a phase, if there is a terminal."""
        if self._first is None:
            self._first = phase
        else:
            self._first.name = "working"
        if _Drawing.display is None:
            err = not on_terminal()
            if err and not on_terminal(err=True):
                return
            from .phase_display import PhaseDisplay

            _Drawing.display = PhaseDisplay(console(err), on_terminal(), on_terminal(err=True))
        _Drawing.display.begin(phase)

    def end(self, phase: Phase) -> None:
        """Stop drawing a phase."""
        if _Drawing.display is not None and _Drawing.display.end(phase):
            _Drawing.display = None


def _forget_drawing() -> None:
    """Let a forked process print without the drawing of its parent, whose locks it may never get."""
    _Drawing.display = None


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget_drawing)


@contextmanager
def drawn_phases() -> Iterator[None]:
    """Draw the phases of the block on the terminal, from its start to its end; nothing if a pipe reads the output."""
    if _reads_pipe():
        yield
        return
    with watched_by(_Drawing()), phase("loading"):
        yield


def _reads_pipe() -> bool:
    """Whether standard output is a pipe."""
    try:
        return stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError, AttributeError):  # closed, or replaced by something without a number
        return False


@contextmanager
def bar(total: int | None, label: str) -> Iterator[Callable[[int], None]]:
    """Yield a function that counts images of a phase named `label`; `total` is their number if that is known.

    The first call starts the work: an error after it exits with 1.
    """
    with work() as done_so_far, phase(label, total) as begun:

        def advance(done: int) -> None:
            done_so_far.started = True
            begun.advance(done)

        yield advance
