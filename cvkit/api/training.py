"""`train` and `trainer`: a recipe from Python, as the command line runs it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..engine.assembly import build_parts
from ..engine.building import open_dataset
from ..engine.records import EpochRecord
from ..engine.trainer import Step, Trainer
from ..engine.tuning import tune
from ..host.catalog import Catalog
from ..host.discovery import disabled_by_environment, discover, unknown_disabled
from ..recipe import Recipe, as_overrides, read_any, resolve
from ..resource_errors import told_as_machine
from ..runs.data_folder import data_folder
from ..runs.execute import Event, Reported, Tuned, Warned, execute, noted_end
from ..runs.folder import RunFolder
from ..runs.session import Session
from ..seeding import preserved_randomness
from .progress import ProgressBar
from .results import Records, Report, TrainedRun

log = logging.getLogger("cvkit")
RecipeLike = str | Path | Mapping[str, Any]


def train(
    recipe: RecipeLike,
    *,
    set: Mapping[str, Any] | None = None,
    output: str | Path = "runs",
    data: str | Path | None = None,
    plugins: Iterable[str | Path] = (),
    progress: bool = True,
) -> TrainedRun:
    """Train a recipe to its end, as ``cvkit run`` does, and return the run.

    The run has a new folder under `output`, with checkpoints and a report. The global generators of Python, NumPy and
    torch are put back afterwards. The logger ``cvkit`` gets the warnings, the tuned values, a line for each epoch and
    the path of the report. An interrupted run can be continued with ``cvkit resume`` from its last checkpoint.

    Args:
        recipe: The path of a recipe file, the text of a recipe, or a recipe as a mapping.
        set: Values in place of the recipe's, by path: ``{"train.epochs": 2}``.
        output: The folder in which the run's own folder is made.
        data: The data folder; by default ``CVKIT_DATA`` or the user's cache folder.
        plugins: Paths of plugins that are not installed: files, packages' folders or projects' folders.
        progress: Whether to show a bar, in a notebook or on a terminal.

    Returns:
        The trained run, which a notebook shows as a table and its report.

    Raises:
        RecipeError: The recipe has mistakes; the error lists all of them.
        RunError: The run cannot start, or it failed; the run folder has its last checkpoint.
    """
    with preserved_randomness():
        checked, catalog = _checked(recipe, set, plugins)
        root = data_folder(None if data is None else Path(data))
        parts = build_parts(checked, open_dataset(checked, root))
        folder = RunFolder.create(Path(output).expanduser(), checked.name)
        log.info("run folder: %s", folder.path)
        session = Session(parts, folder, root, catalog)
        with noted_end(session), told_as_machine("the run was in progress"):
            report = _followed(session, ProgressBar() if progress else None)
        return TrainedRun(
            folder.path,
            session.recipe,
            Records(session.records),
            session.trainer.final_predictions(),
            Report(report),
            tuple(dict.fromkeys(session.warnings)),
        )


def trainer(
    recipe: RecipeLike,
    *,
    set: Mapping[str, Any] | None = None,
    data: str | Path | None = None,
    plugins: Iterable[str | Path] = (),
) -> Trainer:
    """Return a trainer of a recipe, whose ``fit()`` yields each step and each epoch's record.

    The recipe's tuners have run. Nothing is written; save what you need between two steps. ``fit()`` seeds the global
    generators of Python, NumPy and torch before each step.

    Args:
        recipe: The path of a recipe file, the text of a recipe, or a recipe as a mapping.
        set: Values in place of the recipe's, by path: ``{"train.epochs": 2}``.
        data: The data folder; by default ``CVKIT_DATA`` or the user's cache folder.
        plugins: Paths of plugins that are not installed.

    Returns:
        The trainer, before its first step.

    Raises:
        RecipeError: The recipe has mistakes.
        RunError: The parts of the recipe do not fit together, or a tuner proposes no value.
    """
    with preserved_randomness(), told_as_machine("preparing the run"):
        checked, _ = _checked(recipe, set, plugins)
        parts = build_parts(checked, open_dataset(checked, data_folder(None if data is None else Path(data))))
        for warning in parts.warnings:
            log.warning("%s", warning)
        for tuner, proposal, tuned in tune(parts):
            _log(Tuned(tuner, proposal, tuned.value(tuner.target)))
            parts = replace(parts, recipe=tuned)
        return Trainer(parts)


def _followed(session: Session, bar: ProgressBar | None) -> Path:
    """Execute the session, log what happens, and return the report's path."""
    with closing(execute(session)) as events, bar or nullcontext():
        for event in events:
            _log(event)
            if bar is not None:
                bar.show(event)
    return session.folder.report_path


def _log(event: Event) -> None:
    match event:
        case Warned(message):
            log.warning("%s", message)
        case Tuned(tuner, proposal):
            found = "no value" if proposal.value is None else proposal.value
            log.info("%s for %s: %s (%s)", tuner.entry.component.name, tuner.target, found, proposal.reason)
        case EpochRecord():
            log.info(
                "epoch %d: train loss %.4f, train accuracy %.2f %%, test loss %.4f, test accuracy %.2f %%",
                event.epoch,
                event.train_loss,
                100 * event.train_accuracy,
                event.loss,
                100 * event.accuracy,
            )
        case Reported(path):
            log.info("report: %s", path)
        case Step():
            pass


def _checked(
    recipe: RecipeLike, values: Mapping[str, Any] | None, plugins: Iterable[str | Path]
) -> tuple[Recipe, Catalog]:
    document = read_any(recipe, as_overrides(values or {}))
    reasons = dict.fromkeys(document.disabled, "plugins.disable")
    catalog = discover(reasons, [Path(path).expanduser() for path in plugins])
    for failure in catalog.failures:
        log.warning("%s", failure.line)
    for name in unknown_disabled(catalog, disabled_by_environment()):
        log.warning("CVKIT_DISABLE_PLUGINS names '%s', and no such plugin is installed", name)
    checked = resolve(document, catalog)
    for part in dict(checked.parts()).values():
        if part.entry.component.deprecated:
            log.warning(
                "%s '%s' is deprecated: %s", part.entry.kind.singular, part.entry.id, part.entry.component.deprecated
            )
    return checked, catalog
