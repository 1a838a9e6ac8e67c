"""`repeat`: train a recipe with several seeds from Python, as ``cvkit repeat`` does."""

from __future__ import annotations

import html
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import Problem, RecipeError, RunError
from ..formatting import counted, in_words
from ..repeats.folder import RepeatFolder
from ..repeats.lines import header, rows, sentences, spread_rows
from ..repeats.seeds import seeds_of
from ..repeats.summary import Summary
from ..repeats.work import RepeatJob
from ..repeats.worker import train_in_processes
from ..runs.session import Session
from ..runs.watching import Events, Watch
from ..seeding import preserved_randomness
from .catalog import PluginPaths, RecipeLike, checked_recipe
from .progress import ProgressBar
from .results import Report, table
from .training import followed, own_signals

log = logging.getLogger("cvkit")


@dataclass(frozen=True)
class RepeatedRuns:
    """The runs of a recipe with several seeds, all of them finished.

    Attributes:
        folder: The folder of the repeat, with a run folder for each seed.
        seeds: The seeds.
        runs: The run folder of each seed, in the same order; `cvkit.load` accepts them.
        scores: The score of each seed, in [0, 1]: the accuracy, or the mean average precision for sets of labels.
        mean: The mean score.
        deviation: The standard deviation of the scores, with n - 1 in the denominator; None for one seed.
        interval: The lower and upper end of the 95 % interval of the mean, by Student's t, cut at 0 and 1; None for
            one seed.
        agreement: The fraction of the test images for which all seeds predict the same.
        report: The page of the repeat; a path, and in a notebook the page itself.
    """

    folder: Path
    seeds: tuple[int, ...]
    runs: tuple[Path, ...]
    scores: tuple[float, ...]
    mean: float
    deviation: float | None
    interval: tuple[float, float] | None
    agreement: float
    report: Report
    _summary: Summary = field(repr=False, compare=False)

    @classmethod
    def _of(cls, folder: RepeatFolder, summary: Summary) -> RepeatedRuns:
        results, score = summary.results, summary.score
        return cls(
            folder.path,
            tuple(result.seed for result in results),
            tuple(result.folder for result in results),
            tuple(result.score for result in results),
            score.mean,
            score.deviation,
            score.interval,
            summary.agreement,
            Report(folder.page_path),
            summary,
        )

    def __repr__(self) -> str:
        spread = "" if self.deviation is None else f" ± {self.deviation:.4f}"
        score = in_words(self._summary.score_name)
        return f"RepeatedRuns({counted(len(self.seeds), 'seed')}, mean {score} {self.mean:.4f}{spread})"

    def _repr_html_(self) -> str:
        lines = "".join(f"<p>{html.escape(line)}</p>" for line in sentences(self._summary))
        return table(header(self._summary), [*rows(self._summary), *spread_rows(self._summary)]) + lines


def repeat(
    recipe: RecipeLike,
    seeds: int | Iterable[int] = 5,
    *,
    set: Mapping[str, Any] | None = None,
    output: str | os.PathLike[str] | None = None,
    data: str | os.PathLike[str] | None = None,
    plugins: PluginPaths = (),
    processes: int = 1,
    progress: bool = True,
) -> RepeatedRuns:
    """Train a recipe with several seeds, as ``cvkit repeat`` does, and return the mean and the spread.

    Called again with the same `output`, it continues unfinished runs, skips finished ones, and adds other seeds. If
    you interrupt it, the running step is saved first.

    Args:
        recipe: The path of a recipe file, the text of a recipe, or a recipe as a mapping.
        seeds: The number of seeds, counted from 0, or the seeds.
        set: Values that replace the recipe's, by path: ``{"train.epochs": 2}``.
        output: The folder of the repeat; by default ``runs/NAME-repeat``, with the name of the recipe.
        data: The data folder; by default ``CVKIT_DATA`` or the user's cache folder.
        plugins: Paths of plugins that are not installed.
        processes: The number of runs that train at once, at least 1, each in a process of its own.
        progress: Whether to show a bar for each run, in a notebook or on a terminal.

    Returns:
        The runs, which a notebook shows as a table.

    Raises:
        RecipeError: The recipe has mistakes, or the seeds are not valid.
        FolderError: `output` contains another repeat or other files.
        RunError: The run of a seed failed; the others were trained, and the message lists the failures.
    """
    try:
        chosen = seeds_of(seeds)
    except ValueError as error:
        raise RecipeError([Problem(str(error), file=f"seeds={seeds!r}")]) from None
    if isinstance(processes, bool) or not isinstance(processes, int) or processes < 1:
        raise RecipeError([Problem("processes must be an integer of at least 1", file=f"processes={processes!r}")])
    with preserved_randomness():
        checked, catalog = checked_recipe(recipe, set, plugins)
        place = Path("runs") / f"{checked.name}-repeat" if output is None else Path(output).expanduser()
        folder = RepeatFolder(place)
        folder.require(checked)
        job = RepeatJob(folder, checked, catalog, None if data is None else Path(data))
        prepared = None if folder.exists else job.prepare(chosen[0])
        folder.begin(checked, chosen)
        log.info("repeat folder: %s", folder.path)
        pending = job.unfinished()
        watch = Watch(partial(log.info, "%s"), partial(log.warning, "%s"), _shown(progress), own_signals())
        failures: dict[int, str] = {}
        try:
            if processes == 1 or len(pending) < 2:
                failures = job.train(pending, watch, prepared)
            else:
                paths = [plugins] if isinstance(plugins, str | os.PathLike) else plugins
                found = [Path(path).expanduser() for path in paths]
                failures = train_in_processes(job, pending, processes, found, (), watch)
        except KeyboardInterrupt:
            how = "what was trained is saved; call cvkit.repeat with the same arguments to continue"
            raise KeyboardInterrupt(f"stopped; {how}") from None
        summary, missing = job.summarise()
    if summary is None or missing:
        listed = "; ".join(f"seed {seed}: {failures[seed]}" for seed in sorted(failures)) or "; ".join(missing)
        raise RunError(f"not all runs of '{folder.path}' have finished; {listed}. Call repeat again to continue")
    return RepeatedRuns._of(folder, summary)


def _shown(progress: bool) -> Any:
    def show(session: Session, events: Events) -> None:
        followed(events, ProgressBar() if progress else None)

    return show
