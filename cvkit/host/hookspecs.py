"""The hooks that a plugin may implement: one for each kind of component, and six that observe a run.

A component hook returns an iterable of `Component` declarations, so a plugin declares components without importing
them. An observer hook returns nothing and cannot change the run; it receives the arguments that it names. Its
keyword-only parameters, each with a default, are options that a recipe sets in ``plugins.observers``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pluggy

from .component import Component

hookspec = pluggy.HookspecMarker("cvkit")
hookimpl = pluggy.HookimplMarker("cvkit")


@hookspec
def cvkit_datasets() -> Iterable[Component]:  # type: ignore[empty-body]  # a specification has no body
    """Declare data sets: ``factory(root, *, ...) -> Splits``, where `root` is the data folder."""


@hookspec
def cvkit_augmentations() -> Iterable[Component]:  # type: ignore[empty-body]
    """Declare augmentations: ``factory(info, *, ...)`` returns a callable on batches (B, C, H, W) in [0, 1]."""


@hookspec
def cvkit_models() -> Iterable[Component]:  # type: ignore[empty-body]
    """Declare models: ``factory(info, *, ...)`` returns a module from images (B, C, H, W) to logits (B, K)."""


@hookspec
def cvkit_losses() -> Iterable[Component]:  # type: ignore[empty-body]
    """Declare losses: ``factory(info, *, ...)`` returns a module from logits and labels to the mean loss."""


@hookspec
def cvkit_optimizers() -> Iterable[Component]:  # type: ignore[empty-body]
    """Declare optimizers: ``factory(params, *, ...)`` returns a ``torch.optim.Optimizer``."""


@hookspec
def cvkit_schedulers() -> Iterable[Component]:  # type: ignore[empty-body]
    """Declare schedulers: ``factory(optimizer, plan, *, ...)`` returns an ``LRScheduler`` stepped once per step."""


@hookspec
def cvkit_tuners() -> Iterable[Component]:  # type: ignore[empty-body]
    """Declare tuners: ``factory(run, *, ...)`` returns a `Proposal` for one option and does not change the run."""


@hookspec
def cvkit_explainers() -> Iterable[Component]:  # type: ignore[empty-body]
    """Declare explainers: ``factory(model, *, ...)`` returns a callable from images and classes to maps (B, H, W)."""


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
