"""A session: trains a run and writes its results to the run folder. The engine itself writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ..engine.parts import RunParts
from ..engine.proposal import Proposal
from ..engine.records import EpochRecord
from ..engine.trainer import Step, Trainer
from ..engine.tuning import tune
from ..engine.usual_rate import unusual_rate_used
from ..errors import FolderError, RunError
from ..figures.finding import Finding
from ..host.catalog import Catalog
from ..recipe import Recipe, TunerPart, dump
from ..seeding import preserved_randomness
from .folder import TIME, RunFolder
from .json_files import read_tuning
from .observing import Observers
from .phases import Phases
from .repair import agree_on_recipe, began, put_back, require_never_trained, snapshot_of
from .reporting import write_results
from .restore import moved_places, require_same_data, restore_run
from .result import result_of
from .run_info import RunInfo, require_fixed_weights
from .saving import Saving
from .snapshot import RunSnapshot
from .together import begin_together, require_alike
from .tuning_results import save_figure, tuning_result


class Session:
    """Trains the run of `parts` to its report in `folder`, from the folder's last checkpoint if there is one.

    Attributes:
        data: The folder of the data set.
        catalog: Its observers are notified of each event.
        accept_changes: Whether to continue although the recipe or the data changed.
        finishes: Whether the run ends where its last checkpoint was written, without further training.
        warnings: Lines for the readers of the report.
        stop: Set it to end after the current step, which is then saved.
        saved: Whether the newest checkpoint contains all training so far, so that stopping at once loses nothing,
            after `finish_saving`.
        findings: What the report found good, wrong or worth a look; empty before the report.
        observer_faults: A line for each failure of an observer; they are warnings too.
        shown: The warnings that were shown to the user.
        started: Whether run.json has the status "running" of this session.
    """

    def __init__(
        self,
        parts: RunParts,
        folder: RunFolder,
        data: Path,
        catalog: Catalog,
        *,
        accept_changes: bool = False,
        finishes: bool = False,
    ) -> None:
        self.parts, self.folder, self.data, self.catalog = parts, folder, data, catalog
        self._trainer: Trainer | None = None
        self.accept_changes, self.finishes = accept_changes, finishes
        self.warnings = [*parts.warnings]
        self.records: list[EpochRecord] = []
        self.observer_faults: list[str] = []
        self.findings: tuple[Finding, ...] = ()
        self._data_changes: list[str] = []
        self._phases = Phases()
        self.shown: set[str] = set()
        self._observers = Observers()
        self.stop = self.started = False
        self.saved = True
        self._info = RunInfo(folder)
        self._saving = Saving(folder, self._info)
        self._tuning: list[dict[str, Any]] = []
        self._recipe_text = ""

    @property
    def recipe(self) -> Recipe:
        """The recipe, with the values of the tuners after they have run."""
        return self.parts.recipe

    @property
    def trainer(self) -> Trainer:
        """The trainer; it exists once the run was restored or `train` was called."""
        if self._trainer is None:
            raise RunError("training has not started")
        return self._trainer

    @property
    def step(self) -> int:
        """The number of optimizer steps that the run has taken."""
        return 0 if self._trainer is None else self._trainer.step

    @property
    def trains(self) -> bool:
        """Whether steps of training are left."""
        return not self.finishes and (self._trainer is None or not self._trainer.finished)

    def start(self) -> list[str]:
        """Lock the folder, and restore the run from the newest checkpoint if there is one.

        Returns a line for each library or device that has changed since the run began. Raises `RunError` if a trained
        run has lost its checkpoints, or if its recipe or data changed and that is not accepted.
        """
        require_alike(self.parts)
        self.folder.lock()
        state, damaged = self.folder.newest_state()
        self._info.look(self.parts)
        if state is None:
            require_never_trained(self.folder, damaged)
            if self.finishes:
                raise FolderError(
                    f"'{self.folder.path}' contains no checkpoint yet, so there is nothing to evaluate; continue the "
                    "run with cvkit resume"
                )
            self._info.begin(self.parts)
        else:
            self.warnings += damaged
            self._restore(state)
        if self.finishes and not self.trainer.end() and not self.records:
            raise FolderError(
                f"'{self.folder.path}' has not finished its first epoch, so there is no record to report; continue "
                "the run with cvkit resume"
            )
        account = self.parts.splits.account
        self._info.note(
            name=self.recipe.name,
            status="running",
            data=str(self.data.absolute()),
            data_is_dataset=self.parts.splits.folder is None,
            data_info=self.parts.info.to_json(),
            **({} if account is None else {"data_account": account.lines()}),
            warnings=list(dict.fromkeys(self.warnings)),
        )
        if state is None and not self.folder.recipe_path.exists():  # after run.json, which makes it a run folder
            self.folder.write_recipe(dump(self.recipe))  # if killed after tuning, the file has the tuner's notes
        self._recipe_text = self.folder.recipe_text()
        self.folder.write_records(self.records)
        if state is None:
            self.folder.write_data(self.parts.splits)
        self.started = True
        self._note_faults(self._observers.build(self.recipe.observers, self.folder.path))
        self._notify("run_started", recipe=self.recipe, records=self.records)
        begin_together(self.parts, state)
        return self._info.changed()

    def _restore(self, state: dict[str, Any]) -> None:
        """Restore the run after checking its recipe and data, and repair the files beside the checkpoint."""
        snapshot, repairs = snapshot_of(self.folder, state)
        moved = moved_places(self.parts, state, snapshot.info)
        repairs += agree_on_recipe(self.folder, snapshot, self.recipe, self.accept_changes, moved=moved)
        self._data_changes = require_same_data(self.parts, state, accept_changes=self.accept_changes)
        repairs += self._data_changes
        restore_run(self.prepare(), state)
        info, lost = began(self.folder, snapshot, self._info.made_with)
        require_fixed_weights(self.parts, info)
        self.records, self._tuning = list(snapshot.records), snapshot.tuning
        repairs += put_back(self.folder, snapshot, self.recipe)
        self.warnings += [*repairs, *lost, *info.get("warnings", [])]
        self._info.resume(info, self.step)

    def tune(self) -> Iterator[str | tuple[TunerPart, Proposal]]:
        """Run the recipe's tuners, unless an earlier session has run them.

        Yields what each one proposes, and before that the line that announces what it will do, if there is one.
        """
        self._phases.begin("tuning")
        tunes = bool(self.recipe.tuners) and self._trainer is None and not self._tuned()
        if not self.parts.world.from_first(tunes):
            return
        results: list[dict[str, Any]] = []
        waiting = self.recipe.unresolved()
        notes = {tuner.target: f"by {tuner.entry.id}" for tuner in self.recipe.tuners if tuner.target in waiting}
        for event in tune(self.parts):
            if isinstance(event, str):
                yield event
                continue
            tuner, proposal, recipe = event
            results.append(tuning_result(len(results) + 1, tuner, proposal, self.warnings))
            if unusual := unusual_rate_used(self.recipe, tuner, proposal):
                self.warnings.append(unusual)
            self.parts = replace(self.parts, recipe=recipe)
            if proposal.draw is not None:
                save_figure(self.folder, results[-1]["name"], tuner, proposal, self.warnings)
            self._notify("tuner_finished", tuner=tuner.entry.id, sets=tuner.target, proposal=proposal)
            yield tuner, proposal
        self._recipe_text = dump(self.recipe, notes=notes)
        self.folder.write_recipe(self._recipe_text)
        self.folder.write_tuning(results)
        self._tuning = self.folder.tuning()

    def _tuned(self) -> bool:
        """Return whether an earlier session, killed before training, ran all tuners."""
        self._tuning = self.folder.intact("tuning.json", read_tuning) or []
        return bool(self._tuning)

    def prepare(self) -> Trainer:
        """Return the trainer; raise `RunError` if a value of the recipe is still ``auto``."""
        if self._trainer is None:
            self._trainer = Trainer(self.parts)
        return self._trainer

    def train(self) -> Iterator[Step | EpochRecord]:
        """Train to the end, write records and checkpoints, and yield each step and record.

        If `stop` is set, save after the current step and return. Whoever set it ends the session.
        """
        self._phases.begin("training")
        every = self.recipe.train.checkpoint_every
        trainer = self.prepare()
        self.saved = False
        with closing(trainer.fit()) as events:
            for event in events:
                if not self._saving.busy:
                    self.finish_saving()
                if isinstance(event, EpochRecord):
                    self.finish_saving()  # the file of records never has an epoch that no checkpoint has
                    self.records.append(event)
                    self.folder.append(event)
                    if trainer.finished:
                        self._save()
                        self.finish_saving()
                    self._notify("epoch_finished", record=event)
                elif event.ends_epoch or (every is not None and event.step % every == 0):
                    self._save()  # save before the evaluation, so that its failure does not lose the epoch
                yield event
                if self.stop:
                    if not self.saved:
                        self._save()
                    return self.finish_saving()
                self.saved = isinstance(event, Step) and event.ends_epoch
        self.finish_saving()
        self.saved = True

    def _save(self) -> None:
        state = {**self.trainer.state(), "data": self.parts.splits.digest, "kept": self._snapshot().state()}
        self._saving.begin(self.step, state)
        self.saved = True

    def _snapshot(self) -> RunSnapshot:
        return RunSnapshot(self._recipe_text, self._tuning, tuple(self.records), self._info.values)

    def finish_saving(self) -> None:
        """Wait for the checkpoint that is being written; raise `CheckpointError` if it cannot be written."""
        try:
            self._saving.finish()
        except Exception:  # a signal interrupts only the wait, and the next call waits for the same checkpoint
            self.saved = False
            raise

    @property
    def stopped_and_saved(self) -> bool:
        """Whether the run has steps, and the newest checkpoint contains all of them and is known to be written."""
        return bool(self.step) and self.saved and not self._saving.pending

    def report(self) -> Path:
        """Evaluate the trained model, diagnose it, write the report, and return its path."""
        records = self.records
        if not records:
            raise RunError(f"'{self.folder.path}' contains no epoch record, so there is nothing to report")
        written = write_results(
            self.folder, self.trainer, self._snapshot(), self._info, self._data_changes, self._phases, self.warnings
        )
        predictions, self.findings = written.predictions, written.findings
        early = {"finished_early": True} if self.trainer.ended_early else {}
        finished = f"{datetime.now().astimezone():{TIME}}"
        judged = [finding.to_json() for finding in self.findings]
        result = result_of(self.trainer, predictions)
        self.set_status("finished", finished=finished, result=result, findings=judged, **early)
        self._notify("run_finished", records=records, predictions=predictions)
        self._notify("run_ended", status="finished", error="")
        self._info.note(warnings=list(dict.fromkeys(self.warnings)))
        return written.path

    def set_status(self, status: str, **details: Any) -> None:
        """Write the status of the run and all warnings to run.json, so that a later session can repeat them."""
        if status == "failed":
            self._notify("run_failed", error=details["error"])
        elif status == "interrupted":
            self._notify("run_interrupted")
        if status != "finished":
            self._notify("run_ended", status=status, error=details.get("error", ""))
        self._info.note(status=status, warnings=list(dict.fromkeys(self.warnings)), **details)

    def _notify(self, event: str, **arguments: Any) -> None:
        """Call the hooks of plugins that observe every run, then the observers of the recipe."""
        folder, options = self.folder.path, self.recipe.plugins.observers
        with preserved_randomness():  # some libraries draw names of runs
            self._note_faults(self.catalog.notify(event, options, folder=folder, **arguments))
            self._note_faults(self._observers.notify(event, **arguments))

    def _note_faults(self, lines: list[str]) -> None:
        self.observer_faults += lines
        self.warnings += lines
