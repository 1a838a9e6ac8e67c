"""Trains the runs of a repeat that have not finished, one after the other, and summarises those that have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..engine.parts import RunParts
from ..errors import FolderError
from ..figures.page import render
from ..host.catalog import Catalog
from ..recipe import Recipe
from ..runs.data_folder import data_folder
from ..runs.folder import RunFolder
from ..runs.moved_data import data_places
from ..runs.opening import build_run, has_begun, reopen_session
from ..runs.session import Session
from ..runs.watching import Watch, failure_text
from .folder import RepeatFolder
from .page import repeat_page
from .results import has_finished, result_of_seed
from .summary import Summary


@dataclass(frozen=True)
class RepeatJob:
    """The runs of `recipe` in `folder`, one for each of its seeds; `data` is the data folder that the user named."""

    folder: RepeatFolder
    recipe: Recipe
    catalog: Catalog
    data: Path | None

    def unfinished(self) -> tuple[int, ...]:
        """Return the seeds whose runs have not finished. Raises `FolderError` if a run folder is damaged."""
        return tuple(seed for seed in self.folder.seeds() if not has_finished(self.folder.run(seed)))

    def prepare(self, seed: int) -> RunParts:
        """Return the parts of a new run with a seed; raise an error if they do not fit together."""
        return build_run(self.recipe.with_value("seed", seed), data_folder(self.data))

    def train(self, seeds: Sequence[int], watch: Watch, prepared: RunParts | None = None) -> dict[int, str]:
        """Train the runs of `seeds` in this process, and return why those failed that did.

        A run that has begun is continued. `prepared` are the parts of the first new run, if they were built already.
        Raises `Interrupted` if a signal ends the work; the run is saved.
        """
        failures = {}
        for seed in seeds:
            try:
                folder = self.folder.create_run(seed)
                folder.lock()
            except FolderError as error:
                failures[seed] = str(error)
                watch.warn(f"seed {seed} is skipped: {error}")
                continue
            try:
                if not has_finished(folder):
                    watch.tell(f"seed {seed}: {folder.path}")
                    watch.carry_out(self._session(seed, folder, watch, prepared))
            except Exception as error:
                if watch.is_lost(error):
                    raise
                failures[seed] = failure_text(error)
                watch.warn(f"seed {seed} failed: {failures[seed]}")
            finally:
                folder.unlock()
        return failures

    def _session(self, seed: int, folder: RunFolder, watch: Watch, prepared: RunParts | None) -> Session:
        if has_begun(folder):
            return reopen_session(folder, self.catalog, self.data, watch.warn)
        own = prepared is not None and prepared.recipe.seed == seed
        parts = prepared if prepared is not None and own else self.prepare(seed)
        self._require_same_data(parts, seed)
        return Session(parts, folder, data_folder(self.data), self.catalog)

    def _require_same_data(self, parts: RunParts, seed: int) -> None:
        """Raise `CheckpointError` if the data changed since the first run of the repeat that has a checkpoint."""
        for other in self.folder.seeds():
            if other != seed and (digest := self.folder.run(other).data_digest()) is not None:
                parts.splits.require(digest, data_places(parts.recipe))
                return

    def summarise(self) -> tuple[Summary | None, list[str]]:
        """Write the summary of the finished runs and the page; return it with a line for each unfinished seed.

        Without a finished run there is no summary, and nothing is written. Raises `RunError` if the runs were not
        measured on the same images.
        """
        results, missing = [], []
        for seed in self.folder.seeds():
            found = result_of_seed(seed, self.folder.run(seed))
            if found is None:
                missing.append(f"seed {seed} has not finished, so the summary does not contain it")
            else:
                results.append(found)
        if not results:
            return None, missing
        summary = Summary(tuple(results))
        page = repeat_page(self.recipe.name, summary, self.folder.recipe_text(), missing)
        self.folder.write_summary(summary.to_json() | {"unfinished": missing}, render(page))
        return summary, missing
