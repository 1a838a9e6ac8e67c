"""Takes trials of a search and trains them, one after the other; several processes may do so in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..data.splits import HOW_TO_HAVE_VALIDATION_IMAGES
from ..engine.deciding import goals_of
from ..engine.parts import RunParts
from ..errors import FolderError, RunError, one_line
from ..figures.page import render
from ..host.catalog import Catalog
from ..recipe import Recipe
from ..runs.data_folder import data_folder
from ..runs.execute import is_resumable
from ..runs.folder import RunFolder
from ..runs.moved_data import data_places
from ..runs.opening import build_run, has_begun, reopen_session
from ..runs.session import Session
from ..runs.signals import Interrupted
from ..runs.watching import Watch, failure_text
from .advisor import Advisor, importance, write_database
from .best import recipe_of
from .definition import SearchDefinition
from .disk import checkpoint_size, disk_lines
from .folder import SearchFolder
from .lines import best_lines, estimate_line, failure_lines, outcome_line, plan_line
from .page import search_page
from .trial_run import TrialRun
from .trials import Trial, best_of


@dataclass(frozen=True)
class SearchJob:
    """A search in a folder; `data` is the data folder that the user named."""

    search: SearchDefinition
    folder: SearchFolder
    catalog: Catalog
    data: Path | None

    def prepare(self) -> tuple[str, str, RunParts]:
        """Return the metric, its goal (max or min), and the parts of the recipe. No folder is created.

        Raises `RunError` if the data set has no validation images, or the run cannot decide by the metric.
        """
        recipe = self.search.recipe.with_value("evaluation.test", "auto")
        parts = build_run(recipe, data_folder(self.data))
        if parts.splits.validation is None:
            raise RunError(
                "a search requires validation images, because values that are chosen on the test images make their "
                f"score too optimistic; {HOW_TO_HAVE_VALIDATION_IMAGES}"
            )
        goals = goals_of(recipe, parts.info, has_validation=True)
        own = self.search.settings.metric is None
        try:
            goal = goals.of(self.search.metric, recipe.selection.goal if own else "auto")
        except ValueError as error:
            raise RunError(f"{self.search.file}: {error}") from None
        return self.search.metric or goals.score, goal, parts

    def costs(self, parts: RunParts, processes: int) -> tuple[list[str], str]:
        """Return what the search will cost, and a warning if the disk may be too small; the warning may be empty.

        `parts` are those of `prepare`; they must not be trained afterwards.
        """
        trials = self.folder.trials()
        lines = [plan_line(self.search, parts.planned_steps, trials)]
        limit = self.search.settings.max_trials
        if limit is not None and sum(trial.ended for trial in trials) >= limit:
            return lines, ""
        lines += [line] if (line := estimate_line(self.search, trials)) else []
        disk, short = disk_lines(self.search, checkpoint_size(parts), processes, self.folder.path)
        return [*lines, disk], short

    def train(self, watch: Watch) -> None:
        """Train trials until the search ends. Unfinished trials come first.

        A trial that fails is noted, and the next one is trained. Raises `Interrupted` if a signal ends the work; the
        running trial is saved.
        """
        content = self.folder.content()
        metric, goal = content["metric"], content["goal"]
        self.tidy(goal, watch)  # of a process that was killed before it did so
        while (taken := self._take(goal)) is not None:
            trial, folder, advisor = taken
            try:
                ended = self._carried_out(
                    trial, folder, TrialRun(trial, advisor, metric, partial(self._over, trial)), watch
                )
                self.folder.write_trial(ended)
                self.tidy(goal, watch)
            finally:
                folder.unlock()
            if not ended.ended:
                watch.tell(f"trial {trial.number} is saved but not finished, because max_minutes is used up")
                return
            watch.tell(outcome_line(ended, metric))
            trials = self.folder.trials()
            first = ended.state == "complete" and sum(trial.state == "complete" for trial in trials) == 1
            if first and (line := estimate_line(self.search, trials)):
                watch.tell(line)

    def tidy(self, goal: str, watch: Watch) -> None:
        """Remove the checkpoints of ended trials that the search does not keep; a failure is a warning."""
        if self.search.settings.checkpoints == "all":
            return
        best = best_of(self.folder.trials(), goal)
        try:
            self.folder.remove_checkpoints(None if best is None else best.number)
        except (RunError, OSError) as error:
            watch.warn(f"checkpoints that are not needed remain: {one_line(error)}")

    def _take(self, goal: str) -> tuple[Trial, RunFolder, Advisor] | None:
        """Lock and return an unfinished trial, or a new one; None if the search ends or others train the rest."""
        limit, epochs = self.search.settings.max_trials, self.search.most_epochs
        with self.folder.locked():
            trials = self.folder.trials()
            if self.out_of_time(trials):
                return None
            for trial in trials:
                if not trial.ended and _lock(folder := self.folder.run(trial.number)):
                    return trial, folder, Advisor(self.search, goal, epochs, trials[: trial.number], trial)
            if limit is not None and len(trials) >= limit:
                return None
            advisor = Advisor(self.search, goal, epochs, trials)
            trial, folder = Trial(len(trials), advisor.params), self.folder.run(len(trials))
            folder.lock()
            self.folder.write_trial(trial)
            return trial, folder, advisor

    def out_of_time(self, trials: Sequence[Trial], more: float = 0.0) -> bool:
        """Return whether the time of the trials, with `more` seconds, has reached `max_minutes`."""
        limit = self.search.settings.max_minutes
        return limit is not None and sum(trial.seconds for trial in trials) + more >= 60 * limit

    def _over(self, trial: Trial, seconds: float) -> bool:
        """Return whether the search is out of time, if a trial has taken so many seconds until now.

        The seconds are written into the file of the trial, so that other processes count them too.
        """
        if self.search.settings.max_minutes is None:
            return False
        self.folder.write_trial(replace(trial, seconds=seconds))
        others = [other for other in self.folder.trials() if other.number != trial.number]
        return self.out_of_time(others, seconds)

    def _carried_out(self, trial: Trial, folder: RunFolder, run: TrialRun, watch: Watch) -> Trial:
        """Train a trial, and return it with its measurements."""
        watch.tell(f"trial {trial.number}: {self.search.shown(trial.params)}")
        try:
            session = self._session(trial, folder, watch)
            watch.carry_out(session, run.events(session))
        except Interrupted:
            self.folder.write_trial(run.unfinished())
            raise
        except Exception as error:
            if is_resumable(error):
                raise
            watch.warn(f"trial {trial.number} failed: {failure_text(error)}")
            return run.ended(failure_text(error))
        if run.out_of_time:
            session.set_status("interrupted")
            return run.unfinished()
        ended = run.ended()
        session.set_status("trained" if ended.state == "complete" else "pruned")
        return ended

    def _session(self, trial: Trial, folder: RunFolder, watch: Watch) -> Session:
        """Return the session of a trial, which is continued if it has begun."""
        if has_begun(folder):
            return reopen_session(folder, self.catalog, self.data, watch.warn)
        recipe: Recipe = self.search.trial_recipe(trial.params, self.catalog)
        parts = build_run(recipe, data_folder(self.data))
        if not any(path.partition(".")[0] == "dataset" for path in self.search.space):
            # Trials on other data cannot be compared, unless the search itself chooses the data.
            parts.splits.require(self.folder.same_data(parts.splits.digest), data_places(recipe))
        return Session(parts, folder, data_folder(self.data), self.catalog)

    def summarise(self) -> tuple[list[Trial], list[str]]:
        """Write the summary, the page, the best recipe and Optuna's database; return the trials, and warnings."""
        content, trials = self.folder.content(), self.folder.trials()
        metric, goal, search = content["metric"], content["goal"], self.search
        best, text, warnings = best_of(trials, goal), "", failure_lines(trials)
        if best is not None:
            (line,) = best_lines(search, trials, metric, goal)
            text = recipe_of(search, best.params, self.folder.path, line, self.catalog)
        if running := [str(trial.number) for trial in trials if not trial.ended]:
            warnings.append(f"not finished: trial {', '.join(running)}; start the command again to continue")
        shares = importance(search, goal, trials)
        summary = {
            "best": None if best is None else best.to_json(),
            "importance": shares,
            "trials": [trial.to_json() for trial in trials],
            "steps": sum(trial.steps for trial in trials),
        }
        page = search_page(search, trials, metric, goal, shares, text, warnings)
        self.folder.write_summary(summary, render(page), text)
        try:
            with self.folder.locked():
                write_database(search, goal, self.folder.database, trials)
        except Exception as error:  # of SQLite and SQLAlchemy; cvkit does not read the file
            warnings.append(f"could not write '{self.folder.database}' for the tools of Optuna: {one_line(error)}")
        return trials, warnings


def _lock(folder: RunFolder) -> bool:
    """Lock a run folder; return whether no other process has locked it."""
    try:
        folder.lock()
    except FolderError:
        return False
    return True
