"""Writes the output of commands to a terminal, a pipe or a file.

Every command writes with `echo`, which escapes control characters, so text from recipes, class names and file names
cannot send commands to a terminal. Data for other programs are written with `echo_data`, which changes nothing unless
it writes to a terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import click

from ..printable import printable
from .exit_code import work

if TYPE_CHECKING:
    from rich.console import Console


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
        text: Text to write. Its line breaks are kept.
        err: Write to standard error instead of standard output.
        nl: Add a line break at the end.
        label: A word before the text, such as ``error:``.
        colour: click's name of the label's colour, used if the terminal has colours.

    Raises:
        OutputLost: Standard output cannot be written.
    """
    front = f"{click.style(label, fg=colour, bold=True) if in_colour(err) else label} " if label else ""
    try:
        click.echo(front + printable(str(text), lines=True), err=err, nl=nl)
    except OSError as error:
        if not err:
            raise OutputLost(error) from error


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


@contextmanager
def bar(total: int | None, label: str) -> Iterator[Callable[[int], None]]:
    """Yield a function that advances a progress bar of `total` images; without a terminal it shows nothing.

    If `total` is None, the bar shows the number of images so far.

    The first call starts the work: an error after it exits with 1.
    """
    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

    columns = [*Progress.get_default_columns()]
    if total is None:
        columns[2:] = [MofNCompleteColumn(), TimeElapsedColumn()]
    shown = Progress(*columns, console=console(err=True), transient=True, disable=not on_terminal(err=True))
    with work() as done_so_far, shown as progress:
        task = progress.add_task(label, total=total)

        def advance(done: int) -> None:
            done_so_far.started = True
            progress.advance(task, done)

        yield advance
