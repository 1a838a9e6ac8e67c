"""What can go wrong, as one family.

    CvkitError                   everything a user can mend; shown without a traceback
    |-- RecipeError              a recipe does not read or does not check; holds every Problem found
    |-- PluginError              a plugin breaks the contract it declared itself under
    |   `-- NameTaken            another plugin has the name already
    |-- ComponentError
    |   |-- UnknownComponent     no installed plugin provides that name
    |   `-- AmbiguousComponent   several do, and the short name does not say which
    |-- DataError                a data set is missing, damaged or cannot be had
    `-- RunError                 a run cannot start or go on
        |-- ComponentFailure     a component raised something, or gave what its kind does not
        |-- DivergedError        the loss is no longer a finite number
        |-- MachineError         the machine lacks something, and the run can go on once it is there
        `-- CheckpointError      a checkpoint is missing, damaged or belongs to something else

An error says where, what, and what next. `exit_code` is 2 where nothing was started, 1 where a run failed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class CvkitError(Exception):
    """Base of every error a user can act on.

    `exit_code`: the command line's. `resumable`: the run itself is sound, and can go on once the cause is gone.
    """

    exit_code = 2
    resumable = False


class PluginError(CvkitError):
    """A plugin breaks the contract it declared itself under."""


class NameTaken(PluginError):
    """Another plugin has the name already."""


class ComponentError(CvkitError):
    """A name does not lead to exactly one component."""


class UnknownComponent(ComponentError):
    """No installed plugin provides a component of that name."""


class AmbiguousComponent(ComponentError):
    """Several plugins provide the short name; the full id says which is meant."""


class DataError(CvkitError):
    """A data set is missing, damaged or cannot be had."""


class RunError(CvkitError):
    """A run cannot start or cannot go on."""

    exit_code = 1


class ComponentFailure(RunError):
    """A component at work in a run raised an error, or gave what its kind does not; `component` is its id."""

    def __init__(self, message: str, component: str = "") -> None:
        super().__init__(message)
        self.component = component


class DivergedError(RunError):
    """The training loss is no longer a finite number."""


class MachineError(RunError):
    """The machine lacks memory, room, a process or a file; nothing of the run itself is wrong, and it can go on."""

    resumable = True


class CheckpointError(RunError):
    """A checkpoint is missing, damaged, or belongs to another run."""


@dataclass(frozen=True)
class Problem:
    """One mistake in a recipe: the place, what is wrong, and what would be right.

    `line` and `column` count from 1; 0 where the mistake has no place in a file, as in a `--set` override.
    """

    message: str
    hint: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    source: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: " if self.file else ""
        text = place + self.message
        if self.source:
            number = f"{self.line:>5} | "
            text += f"\n{number}{self.source}\n{' ' * (len(number) + self.column - 1)}^"
        if self.hint:
            text += f"\n  {self.hint}"
        return text


MOST_SHOWN = 20
"""Problems that a recipe's error shows; more do not help anyone who reads them."""


class RecipeError(CvkitError):
    """A recipe does not read or does not check; `problems` holds every mistake found, in the order of the file.

    Its text shows the first `MOST_SHOWN` and says how many more there are.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        rest = len(self.problems) - MOST_SHOWN
        shown = [*map(str, self.problems[:MOST_SHOWN]), *([f"and {rest:,} more problems"] if rest > 0 else [])]
        super().__init__("\n".join(shown))


def one_line(error: BaseException) -> str:
    """Return the error's message in one line, or its class's name where it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def first_line(error: BaseException) -> str:
    """Return the first line of the error's message, or its class's name where it has none: torch's go on for long."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"Did you mean 'x'?"`` for the known name nearest to `name`, or an empty string."""
    folded = {candidate.casefold(): candidate for candidate in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return f"Did you mean '{folded[near[0]]}'?" if near else ""
