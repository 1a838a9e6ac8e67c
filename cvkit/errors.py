"""The exceptions of cvkit.

    CvkitError                   a problem that the user can fix; shown without a traceback
    |-- RecipeError              a recipe is not valid; contains every Problem found
    |-- PluginError              a plugin violates its contract
    |   `-- NameTaken            another plugin already has this name
    |-- ComponentError           a component is not found, ambiguous, or could not be built
    |   |-- UnknownComponent     no installed plugin provides this name
    |   `-- AmbiguousComponent   several plugins provide this short name
    |-- DataError                a data set is missing, damaged or not available
    `-- RunError                 a run cannot start or continue
        |-- FolderError          a folder is not a run folder, is in use or damaged, or cannot be read or written
        |-- DeviceError          a device is missing, does not work, or cannot compute in the precision
        |-- ComponentFailure     a component raised an error or returned a value that its kind does not allow
        |-- DivergedError        the loss is not finite
        |-- MachineError         the machine lacks a resource; the run can continue when it is available
        `-- CheckpointError      a checkpoint is missing, damaged or belongs to another run

Each message says where the problem is, what is wrong and what to do next. A command exits with 2 if an error ended it
before it started its work, and with 1 if the work had started.

All factories follow one rule. If an option has a value that the factory does not accept, or the component does not
support the data or the model, the factory raises `ValueError`; the user sees a `ComponentError` with the id of the
component and this message. If the machine or the data lack something, the factory raises `RunError` or `DataError`,
which the user sees unchanged. Any other exception is a defect of the factory: the user sees a `ComponentError` with
the plugin, its distribution and the place in its code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class CvkitError(Exception):
    """Base class of the errors that a user can fix.

    Attributes:
        exit_code: Exit code of a command that this error ends: 2, or 1 once the command has started its work.
        resumable: Whether the run can continue after the cause is fixed.
    """

    exit_code = 2
    resumable = False


class PluginError(CvkitError):
    """A plugin violates its contract."""


class NameTaken(PluginError):
    """Another plugin already has this name."""


class ComponentError(CvkitError):
    """A component is not found, ambiguous, or could not be built.

    A factory does not raise it: a factory that refuses an option raises `ValueError`, and cvkit adds the component.
    """


class UnknownComponent(ComponentError):
    """No installed plugin provides a component with this name."""


class AmbiguousComponent(ComponentError):
    """Several plugins provide this short name; the full id is required."""


class DataError(CvkitError):
    """A data set is missing, damaged or not available."""


class RunError(CvkitError):
    """A run cannot start or continue."""


class FolderError(RunError):
    """A folder is not a run folder, is in use or damaged, or cannot be read or written."""


class DeviceError(RunError):
    """A device is missing, does not work, or cannot compute in the precision of the recipe."""


class ComponentFailure(RunError):
    """A component raised an error during a run, or returned a value that its kind does not allow.

    Attributes:
        component: The full id of the component.
    """

    def __init__(self, message: str, component: str = "") -> None:
        super().__init__(message)
        self.component = component


class DivergedError(RunError):
    """The training loss is not finite."""


class MachineError(RunError):
    """The machine lacks memory, disk space, processes or open files; the run can continue when they are available."""

    resumable = True


class CheckpointError(RunError):
    """A checkpoint is missing, damaged, or belongs to another run."""


@dataclass(frozen=True)
class Problem:
    """One mistake in a recipe.

    Attributes:
        message: What is wrong.
        hint: How to fix it, or empty.
        file: The recipe or the option, such as ``--set model.width=x``, that contains the mistake.
        line: Line in the file, from 1; 0 if the mistake has no position, as in a ``--set`` override.
        column: Column in the line, from 1; 0 if the mistake has no position.
        source: The text of the line.
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
"""The largest number of problems in the message of a `RecipeError`."""


class RecipeError(CvkitError):
    """A recipe is not valid. The message shows the first `MOST_SHOWN` problems and the number of the others.

    Attributes:
        problems: Every mistake found, in the order of the file.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        rest = len(self.problems) - MOST_SHOWN
        shown = [
            *map(str, self.problems[:MOST_SHOWN]),
            *([f"and {rest:,} more problem{'s' * (rest > 1)}"] if rest > 0 else []),
        ]
        super().__init__("\n".join(shown))


def one_line(error: BaseException) -> str:
    """Return the message of an error on one line, or the name of its class if it has no message."""
    return " ".join(str(error).split()) or type(error).__name__


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, which torch often follows with many more, or its class name."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"Did you mean 'x'?"`` with the known name nearest to `name`, or an empty string."""
    from difflib import get_close_matches  # only mistakes need it, and every program imports this module

    folded = {candidate.casefold(): candidate for candidate in known}
    near = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return f"Did you mean '{folded[near[0]]}'?" if near else ""
