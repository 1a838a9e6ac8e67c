"""`search`: search values of a recipe from Python, as ``cvkit search`` does."""

from __future__ import annotations

import html
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Problem, RecipeError, RunError
from ..formatting import counted, in_words
from ..recipe import as_overrides, deprecations, overrides_named
from ..runs.session import Session
from ..runs.watching import Events, Watch
from ..runs.worker_processes import run_workers
from ..searches.advisor import require_optuna
from ..searches.definition import SearchDefinition
from ..searches.folder import SearchFolder
from ..searches.lines import best_lines, counts_line, header, rows
from ..searches.reading import SearchFile, source_of
from ..searches.trials import State, Trial, best_of, saved_epochs
from ..searches.work import SearchJob
from ..searches.worker import MODULE, jobs_of
from ..seeding import preserved_randomness
from .catalog import PluginPaths, RecipeLike, catalog_of
from .progress import ProgressBar
from .results import Report, table
from .training import followed, own_signals

if TYPE_CHECKING:
    from pandas import DataFrame

log = logging.getLogger("cvkit")


@dataclass(frozen=True)
class SearchTrial:
    """A trial of a search.

    Attributes:
        number: Its number, from 0.
        values: The value of each place of the recipe that was searched.
        state: ``complete``, ``pruned``, ``failed``, or ``running`` if it is not finished.
        value: The metric on the validation images, of the epoch whose weights are its result; None unless complete.
        curve: The metric after each epoch.
        seconds: The time of training.
        error: Why it failed.
        folder: Its run folder. It has checkpoints only if the trial is the best one or unfinished, or with
            ``checkpoints: all``.
    """

    number: int
    values: Mapping[str, Any]
    state: State
    value: float | None
    curve: tuple[float, ...]
    seconds: float
    error: str
    folder: Path


class SearchTrials(tuple[SearchTrial, ...]):
    """The trials of a search, in the order of their numbers."""

    __slots__ = ()

    def to_pandas(self) -> DataFrame:
        """Return a table with a row for each trial.

        Raises:
            ImportError: pandas is not installed.
        """
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "trial": trial.number,
                    "value": trial.value,
                    "state": trial.state,
                    "epochs": len(trial.curve),
                    "seconds": trial.seconds,
                    **trial.values,
                }
                for trial in self
            ]
        ).set_index("trial")


@dataclass(frozen=True)
class SearchResult:
    """A search with at least one complete trial.

    Attributes:
        folder: The folder of the search, with a run folder for each trial.
        metric: The name of the value that was searched by, measured on the validation images.
        value: The best value. It is too optimistic, because it was chosen among many.
        values: The value of each searched place in the best trial, by path.
        recipe: The path of the best recipe, which `cvkit.train` and `cvkit.repeat` accept.
        run: The run folder of the best trial; `cvkit.load` accepts it.
        trials: All trials.
        saved: The fraction of the epochs of complete and pruned trials that pruning saved, in [0, 1].
        report: The page of the search; a path, and in a notebook the page itself.
        warnings: What is unfinished or could not be written.
    """

    folder: Path
    metric: str
    value: float
    values: Mapping[str, Any]
    recipe: Path
    run: Path
    trials: SearchTrials
    saved: float
    report: Report
    warnings: tuple[str, ...]
    _lines: tuple[str, ...]
    _table: tuple[tuple[str, ...], ...]

    @classmethod
    def _of(cls, job: SearchJob, goal: str, metric: str, trials: list[Trial], warnings: list[str]) -> SearchResult:
        best = best_of(trials, goal)
        if best is None or best.value is None:
            failed = "; ".join(f"trial {trial.number}: {trial.error}" for trial in trials if trial.error)
            why = f"; {failed}" if failed else ""
            raise RunError(f"no trial of '{job.folder.path}' is complete, so there is no best recipe{why}")
        search, folder = job.search, job.folder
        saved, epochs = saved_epochs(trials)
        found = SearchTrials(_trial_of(search, folder, trial) for trial in trials)
        return cls(
            folder=folder.path,
            metric=metric,
            value=best.value,
            values=found[best.number].values,
            recipe=folder.best_path,
            run=found[best.number].folder,
            trials=found,
            saved=saved / epochs,
            report=Report(folder.page_path),
            warnings=tuple(warnings),
            _lines=(*best_lines(search, trials, metric, goal), counts_line(trials), *warnings),
            _table=(header(search, metric), *rows(search, trials, goal)),
        )

    def __repr__(self) -> str:
        best = f"best validation {in_words(self.metric)} {self.value:.4f}"
        return f"SearchResult({counted(len(self.trials), 'trial')}, {best}, folder={str(self.folder)!r})"

    def _repr_html_(self) -> str:
        lines = "".join(f"<p>{html.escape(line)}</p>" for line in self._lines)
        return table(self._table[0], self._table[1:]) + lines


def search(
    search: RecipeLike,
    *,
    set: Mapping[str, Any] | None = None,
    output: str | os.PathLike[str] | None = None,
    data: str | os.PathLike[str] | None = None,
    plugins: PluginPaths = (),
    processes: int = 1,
    progress: bool = True,
) -> SearchResult:
    """Search values of a recipe that are best on the validation images, as ``cvkit search`` does.

    Called again with the same `output`, it continues unfinished trials and trains those that are missing. If you
    interrupt it, the running step is saved first. The test images are not evaluated.

    Args:
        search: The path of a SEARCH.yaml, the text of one, or a search as a mapping with the same keys. In a text or
            a mapping, relative paths start in the current folder.
        set: Values that replace those of the search, ``{"max_trials": 50}``, or of its recipe,
            ``{"recipe.train.epochs": 2}``.
        output: The folder of the search; by default ``runs/NAME``, with the name of the search.
        data: The data folder; by default ``CVKIT_DATA`` or the user's cache folder.
        plugins: Paths of plugins that are not installed.
        processes: The number of trials that train at once, at least 1, each in a process of its own.
        progress: Whether to show a bar for each trial, in a notebook or on a terminal.

    Returns:
        The result, which a notebook shows as a table of the trials.

    Raises:
        RecipeError: The search or its recipe has mistakes; the error lists all of them.
        FolderError: `output` contains another search or other files.
        RunError: Optuna is not installed, there are no validation images, or no trial is complete.
    """
    if isinstance(processes, bool) or not isinstance(processes, int) or processes < 1:
        raise RecipeError([Problem("processes must be an integer of at least 1", file=f"processes={processes!r}")])
    overrides = as_overrides(set or {})
    with preserved_randomness():
        with overrides_named(overrides):
            read = SearchFile(source_of(search, [*overrides]))
            catalog = catalog_of(read.document.disabled, plugins)
            definition = read.resolve(catalog)
        for line in deprecations(definition.recipe):
            log.warning("%s", line)
        require_optuna()
        name = definition.settings.name
        folder = SearchFolder(Path("runs") / name if output is None else Path(output).expanduser())
        folder.require(definition)
        job = SearchJob(definition, folder, catalog, None if data is None else Path(data))
        metric, goal, parts = job.prepare()
        costs, short = job.costs(parts, processes)
        del parts  # each trial builds its own
        folder.begin(definition, metric, goal)
        for line in (f"search folder: {folder.path}", *costs):
            log.info("%s", line)
        if short:
            log.warning("%s", short)
        _train(job, processes, plugins, progress)
        trials, warnings = job.summarise()
    return SearchResult._of(job, goal, metric, trials, warnings)


def _train(job: SearchJob, processes: int, plugins: PluginPaths, progress: bool) -> None:
    def show(session: Session, events: Events) -> None:
        followed(events, ProgressBar() if progress else None)

    watch = Watch(partial(log.info, "%s"), partial(log.warning, "%s"), show, own_signals())
    try:
        if processes == 1:
            job.train(watch)
            return
        paths = [plugins] if isinstance(plugins, str | os.PathLike) else plugins
        jobs = jobs_of(job, processes, [Path(path).expanduser() for path in paths], ())
        codes = run_workers(MODULE, jobs, watch.tell, watch.warn, watch.signals)
    except KeyboardInterrupt:
        how = "what was trained is saved; call cvkit.search with the same arguments to continue"
        raise KeyboardInterrupt(f"stopped; {how}") from None
    if ended := sum(code != 0 for code in codes):
        watch.warn(f"{ended:,} of {processes:,} processes ended early")


def _trial_of(search: SearchDefinition, folder: SearchFolder, trial: Trial) -> SearchTrial:
    return SearchTrial(
        number=trial.number,
        values={path: json.loads(space.text(trial.params[path])) for path, space in search.space.items()},
        state=trial.state,
        value=trial.value,
        curve=tuple(trial.values),
        seconds=trial.seconds,
        error=trial.error,
        folder=folder.run(trial.number).path,
    )
