"""The hooks that a plugin may implement: one for each kind of component, one for commands, and
seven that observe a run.

A component hook returns an iterable of `Component` declarations, so a plugin declares components without importing
them. An observer hook returns nothing and cannot change the run; it receives the arguments that it names. Its
keyword-only parameters, each with a default, are options that a recipe sets in ``plugins.observers``. The hooks see
every run; an observer that only watches the runs whose recipe names it is a component.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ..kinds import KINDS, Kind
from .component import Command, Component
from .markers import hookspec

if TYPE_CHECKING:
    from pathlib import Path  # 8 ms with all that it imports, which `import cvkit` does without


def _component_hook(kind: Kind) -> Callable[[], Iterable[Component]]:
    """Return the specification of the hook that declares components of a kind."""

    def specification() -> Iterable[Component]:
        raise NotImplementedError  # only implementations are called

    specification.__name__ = specification.__qualname__ = kind.hook
    arguments = ", ".join([*kind.arguments, "*", "..."])
    specification.__doc__ = f"{kind.name.capitalize()}: ``factory({arguments})`` returns {kind.returns}."
    return hookspec(specification)


for _kind in KINDS.values():
    globals()[_kind.hook] = _component_hook(_kind)


@hookspec
def cvkit_commands() -> Iterable[Command]:
    """Declare commands of the command line: each `Command` names a click command, which a user calls by its name."""
    raise NotImplementedError  # only implementations are called


@hookspec
def cvkit_run_started(recipe: Any, folder: Path) -> None:
    """Observe the start of a run.

    Args:
        recipe: The checked recipe.
        folder: The run folder.
    """


@hookspec
def cvkit_tuner_finished(tuner: str, sets: str, proposal: Any, folder: Path) -> None:
    """Observe the end of a tuner.

    Args:
        tuner: The full id of the tuner.
        sets: The path of the option that it sets.
        proposal: The proposed value and the measurements.
        folder: The run folder.
    """


@hookspec
def cvkit_epoch_finished(record: Any, folder: Path) -> None:
    """Observe the end of an epoch.

    Args:
        record: The `EpochRecord`, including the values of each step.
        folder: The run folder.
    """


@hookspec
def cvkit_run_interrupted(folder: Path) -> None:
    """Observe that a signal or a lack of resources stopped a run. Its state is saved, and it can be resumed.

    Args:
        folder: The run folder.
    """


@hookspec
def cvkit_run_failed(error: str, folder: Path) -> None:
    """Observe that a run failed.

    Args:
        error: The error message that the user sees.
        folder: The run folder.
    """


@hookspec
def cvkit_run_finished(records: list[Any], predictions: Any, folder: Path) -> None:
    """Observe the end of a run.

    Args:
        records: The `EpochRecord` of every epoch.
        predictions: The final `Predictions` for the test images.
        folder: The run folder, which contains the report.
    """


@hookspec
def cvkit_run_ended(status: str, error: str, folder: Path) -> None:
    """Observe the end of a session, however it ends, after the hook for this end.

    Args:
        status: ``finished``, ``interrupted`` or ``failed``.
        error: The error message that the user sees; empty if there is none.
        folder: The run folder.
    """
