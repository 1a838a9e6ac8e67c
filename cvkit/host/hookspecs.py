"""The hooks a plugin may implement: one for each kind of component, six to watch a run.

A component hook returns an iterable of `Component` records, so a plugin declares itself without importing
what it offers. An observer hook returns nothing and steers nothing; it takes only the arguments it names. What it
takes as keyword-only parameters, each with a default, are options that a recipe sets under ``plugins.observers``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pluggy

from ..kinds import KINDS, Kind
from .component import Component

hookspec = pluggy.HookspecMarker("cvkit")
hookimpl = pluggy.HookimplMarker("cvkit")


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
def cvkit_run_started(recipe: Any, folder: Path) -> None:
    """A run begins: its checked recipe, and the run folder."""


@hookspec
def cvkit_tuner_finished(tuner: str, sets: str, proposal: Any, folder: Path) -> None:
    """A tuner ended: its id, the place in the recipe it is for, and what it proposes, with what it measured."""


@hookspec
def cvkit_epoch_finished(record: Any, folder: Path) -> None:
    """An epoch ended: what was measured, per-step series included."""


@hookspec
def cvkit_run_interrupted(folder: Path) -> None:
    """A run was stopped, by a signal or by the machine, and can be continued; its state is saved."""


@hookspec
def cvkit_run_failed(error: str, folder: Path) -> None:
    """A run failed: the error's message, as the user sees it."""


@hookspec
def cvkit_run_finished(records: list[Any], predictions: Any, folder: Path) -> None:
    """A run ended: every epoch's record, the final test predictions, and the run folder with its report."""
