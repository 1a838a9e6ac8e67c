"""Where the command line meets a terminal, a pipe or a file: what is written, in which colours, and how wide.

Every command writes through `echo`, so no text from a recipe, a class name or a file name can steer a terminal.
"""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING

import click

from ..printable import printable

if TYPE_CHECKING:
    from rich.console import Console


class OutputLost(Exception):
    """Standard output takes no more: a full disk, or a reader that has gone, as in ``| head``."""

    resumable = True  # a run can go on once there is somewhere to write to

    def __init__(self, error: OSError) -> None:
        self.reader_gone = isinstance(error, BrokenPipeError)
        super().__init__(f"standard output cannot be written: {error.strerror}")


def keep_standard_streams() -> None:
    """Open what is closed of standard input, output and error (``>&-``) to nowhere.

    Otherwise the next file that is opened, such as a checkpoint, would be what libraries print into.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # which takes the lowest number that is free


def flush_standard_output() -> None:
    """Write what is left for standard output; drop what cannot be, as Python's own last flush would fail too."""
    if sys.stdout is None:  # it was closed from the beginning
        return
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def tolerate_narrow_encodings() -> None:
    """Let standard output and error write an escape for a character that their encoding lacks, as cp1252 does."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")


def echo(text: object = "", *, err: bool = False, nl: bool = True, label: str = "", colour: str = "") -> None:
    """Write `text`, made printable, to standard output or with `err` to standard error.

    Args:
        text: what to write; its line breaks stay.
        err: write to standard error.
        nl: end with a line break.
        label: a word in front of the text, such as ``error:``, shown in `colour` where the terminal has colours.
        colour: the label's, as click names it.

    Raises `OutputLost` where standard output cannot be written. An error of standard error is passed over, as there
    is no place left to tell it.
    """
    front = f"{click.style(label, fg=colour, bold=True) if in_colour(err) else label} " if label else ""
    try:
        click.echo(front + printable(str(text), lines=True), err=err, nl=nl)
    except OSError as error:
        if not err:
            raise OutputLost(error) from error


def on_terminal(err: bool = False) -> bool:
    """Whether standard output, or with `err` standard error, is a terminal that can redraw a line."""
    stream: IO[str] | None = sys.stderr if err else sys.stdout
    return stream is not None and stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def in_colour(err: bool = False) -> bool:
    """Whether to write colours: only to a terminal, and not where ``NO_COLOR`` is set (https://no-color.org)."""
    return on_terminal(err) and not os.environ.get("NO_COLOR")


def console(err: bool = False) -> Console:
    """Return a rich console for standard output or error.

    It is a terminal where the stream is one, whatever ``FORCE_COLOR`` says, as bars must not fill a file. A
    ``COLUMNS`` that is no positive number is passed over: rich would take a width of 0 and write nothing.
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
