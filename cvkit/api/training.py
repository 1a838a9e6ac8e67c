"""`train` and `trainer`: a recipe from Python, as the command line runs it."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..engine.assembly import build_parts
from ..engine.building import open_dataset, open_located
from ..engine.trainer import Trainer
from ..engine.tuning import tune
from ..engine.usual_rate import unusual_rate_used
from ..resource_errors import reporting_shortages
from ..runs.data_folder import data_folder
from ..runs.execute import Reported, Tuned, Warned, execute, noted_end
from ..runs.folder import RunFolder
from ..runs.interruption import ended_by_signals
from ..runs.lines import EventLines, add_way_on, folder_line, stopped_line, tuned_lines
from ..runs.session import Session
from ..runs.summary_lines import closing_lines, opening_lines
from ..runs.together import require_joined
from ..runs.watching import Events
from ..seeding import preserved_randomness
from .catalog import PluginPaths, RecipeLike, checked_recipe
from .progress import ProgressBar
from .results import Records, Report, TrainedRun

log = logging.getLogger("cvkit")


def train(
    recipe: RecipeLike,
    *,
    set: Mapping[str, Any] | None = None,
    output: str | os.PathLike[str] = "runs",
    data: str | os.PathLike[str] | None = None,
    plugins: PluginPaths = (),
    progress: bool = True,
) -> TrainedRun:
    """Train a recipe to its end, as ``cvkit run`` does, and return the run.

    The run has a new folder under `output`, with checkpoints and a report. The global generators of Python, NumPy and
    torch are restored afterwards. The logger ``cvkit`` gets every line that the command line prints. If you interrupt
    the run, cvkit finishes the optimizer step, saves it and raises `KeyboardInterrupt`; continue the run with
    ``cvkit resume``. A second interrupt ends the run immediately.

    Args:
        recipe: The path of a recipe file, the text of a recipe, or a recipe as a mapping.
        set: Values that replace the recipe's, by path: ``{"train.epochs": 2}``.
        output: The folder in which the run folder is created.
        data: The data folder; by default ``CVKIT_DATA`` or the user's cache folder.
        plugins: Paths of plugins that are not installed. Each is a file, a package folder or a project folder.
        progress: Whether to show a bar, in a notebook or on a terminal.

    Returns:
        The trained run, which a notebook shows as a table.

    Raises:
        RecipeError: The recipe has mistakes; the error lists all of them.
        ComponentError: A component refuses its options.
        DataError: The data set is missing or damaged.
        RunError: The run could not start, or it failed; the run folder contains its last checkpoint. `DeviceError`
            and `FolderError` are two of its causes.
    """
    began = time.monotonic()
    with preserved_randomness():
        checked, catalog = checked_recipe(recipe, set, plugins)
        root = data_folder(None if data is None else Path(data))
        require_joined(None)
        parts = build_parts(*open_located(checked, root))
        folder = RunFolder.create(Path(output).expanduser(), checked.name)
        log.info("%s", folder_line(folder))
        session = Session(parts, folder, root, catalog)
        for line in opening_lines(session):
            log.info("%s", line)
        try:
            with (
                noted_end(session, partial(log.warning, "%s")),
                ended_by_signals(session, log.warning, own_signals()),
                reporting_shortages("the run was in progress"),
            ):
                bar = ProgressBar() if progress else None
                followed(execute(session), bar, lambda: closing_lines(session, time.monotonic() - began))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(stopped_line(session)) from None
        except Exception as error:
            add_way_on(error, session)
            raise
        return TrainedRun(
            folder.path,
            session.recipe,
            Records(session.records),
            session.trainer.final_predictions(),
            Report(folder.report_path),
            tuple(dict.fromkeys(session.warnings)),
            session.findings,
        )


def trainer(
    recipe: RecipeLike,
    *,
    set: Mapping[str, Any] | None = None,
    data: str | os.PathLike[str] | None = None,
    plugins: PluginPaths = (),
) -> Trainer:
    """Return a trainer of a recipe, whose ``fit()`` yields each step and each epoch's record.

    The recipe's tuners have run. Nothing is written; save what you need between two steps. ``fit()`` seeds the global
    generators of Python, NumPy and torch before each step.

    Args:
        recipe: The path of a recipe file, the text of a recipe, or a recipe as a mapping.
        set: Values that replace the recipe's, by path: ``{"train.epochs": 2}``.
        data: The data folder; by default ``CVKIT_DATA`` or the user's cache folder.
        plugins: Paths of plugins that are not installed.

    Returns:
        The trainer, before its first step.

    Raises:
        RecipeError: The recipe has mistakes.
        RunError: The parts of the recipe do not fit together, or a tuner proposes no value.
    """
    with preserved_randomness(), reporting_shortages("preparing the run"):
        checked, _ = checked_recipe(recipe, set, plugins)
        require_joined(None)
        parts = build_parts(checked, open_dataset(checked, data_folder(None if data is None else Path(data))))
        for note in parts.finetuning.notes:
            log.info("%s", note)
        for warning in parts.warnings:
            log.warning("%s", warning)
        for event in tune(parts):
            if isinstance(event, str):
                log.info("%s", event)
                continue
            tuner, proposal, tuned = event
            for line in tuned_lines(Tuned(tuner, proposal, tuned.value(tuner.target))):
                log.info("%s", line)
            if unusual := unusual_rate_used(parts.recipe, tuner, proposal):
                log.warning("%s", unusual)
            parts = replace(parts, recipe=tuned)
        return Trainer(parts)


def followed(events: Events, bar: ProgressBar | None, closing_lines: Callable[[], Iterable[str]] = tuple) -> None:
    """Consume the events of a run, and log what happens; `closing_lines` returns the lines before the report's."""
    lines = EventLines()
    with closing(events), bar or nullcontext():
        for event in events:
            level = logging.WARNING if isinstance(event, Warned) else logging.INFO
            for line in (*(closing_lines() if isinstance(event, Reported) else ()), *lines.of(event)):
                log.log(level, "%s", line)
            if bar is not None:
                bar.show(event)


def own_signals() -> tuple[str, ...]:
    """Return the signals to handle: Ctrl-C and a notebook's stop button, unless the program handles them itself."""
    return ("SIGINT",) if signal.getsignal(signal.SIGINT) is signal.default_int_handler else ()
