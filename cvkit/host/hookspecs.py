"""The hooks a plugin may implement: one for each kind of component, six to watch a run.

A component hook returns an iterable of `Component` records, so a plugin declares itself without importing
what it offers. An observer hook returns nothing and steers nothing; it takes only the arguments it names. What it
takes as keyword-only parameters, each with a default, are options that a recipe sets under ``plugins.observers``.
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
    """Data sets: ``factory(root, *, ...) -> Splits``; `root` is the data folder."""


@hookspec
def cvkit_augmentations() -> Iterable[Component]:  # type: ignore[empty-body]
    """Augmentations: ``factory(info, *, ...)`` -> a callable on float batches (B, C, H, W) in [0, 1]."""


@hookspec
def cvkit_models() -> Iterable[Component]:  # type: ignore[empty-body]
    """Models: ``factory(info, *, ...)`` -> an ``nn.Module`` from images (B, C, H, W) to logits (B, K)."""


@hookspec
def cvkit_losses() -> Iterable[Component]:  # type: ignore[empty-body]
    """Losses: ``factory(info, *, ...)`` -> an ``nn.Module`` from logits and labels to a scalar, the batch's mean."""


@hookspec
def cvkit_optimizers() -> Iterable[Component]:  # type: ignore[empty-body]
    """Optimizers: ``factory(params, *, ...)`` -> a ``torch.optim.Optimizer``."""


@hookspec
def cvkit_schedulers() -> Iterable[Component]:  # type: ignore[empty-body]
    """Schedulers: ``factory(optimizer, plan, *, ...)`` -> an ``LRScheduler`` stepped once an optimizer step."""


@hookspec
def cvkit_tuners() -> Iterable[Component]:  # type: ignore[empty-body]
    """Tuners: ``factory(run, *, ...)`` -> a `Proposal` for one recipe value, leaving the run as it was."""


@hookspec
def cvkit_explainers() -> Iterable[Component]:  # type: ignore[empty-body]
    """Explainers: ``factory(model, *, ...)`` -> a callable from images and target classes to maps (B, H, W)."""


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
