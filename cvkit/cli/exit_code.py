"""The exit code of a command that an error ends: 2 before the command has started its work, and 1 after that.

A command that has done its work, except for files that it could not read, exits with 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

NOTHING_STARTED, FAILED, SOME_FAILED = 2, 1, 3


class Work:
    """The work of a command: to train, to test learning rates, to explain images or to draw a page.

    Attributes:
        started: Whether the work has started. Checks of the recipe, the data, the folders and the machine come first.
    """

    started = False


@contextmanager
def work() -> Iterator[Work]:
    """Yield the work that the block does; an error that ends the block after `Work.started` is set exits with 1."""
    done = Work()
    try:
        yield done
    except Exception as error:
        if done.started:
            mark_failed(error)
        raise


def mark_failed(error: Exception) -> None:
    """Make the command exit with 1, because `error` ended work that had started."""
    error.exit_code = FAILED  # type: ignore[attr-defined]  # not only a CvkitError ends a command


def exit_code_of(error: Exception) -> int:
    """Return the exit code of the command that `error` ended."""
    code: int = getattr(error, "exit_code", NOTHING_STARTED)
    return code
