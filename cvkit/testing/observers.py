"""What every observer must do: accept every way a run can go, change nothing of it, and write only where it may."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from ..engine.observer import Observer, RunEnd
from ..engine.predictions import Predictions
from ..engine.proposal import Proposal
from ..engine.records import EpochRecord
from ..errors import did_you_mean
from ..host.component import Origin
from ..host.discovery import discover
from ..host.entry_points import CORE
from ..kinds import KINDS
from ..recipe import Recipe, dump, read_text, resolve
from ..runs.folder import RunFolder
from .contract import promise
from .sample_parts import SamplePlugin, sample_info, sample_labels
from .suite import Suite

RECIPE = """\
name: observed
dataset: sample/colours
model: sample/net
optimizer: {name: torch/sgd, lr: 0.05}
train: {epochs: 2, batch_size: 32}
"""
EVENTS = tuple(name for name in vars(Observer) if not name.startswith("_"))
_STEPS = 3


class ObserverSuite(Suite):
    """The checks that every observer must pass. They take it through runs of two epochs that end in every way."""

    kind = KINDS["observers"]

    def supplied(self) -> tuple[Path]:
        """Return a run folder, which exists until the end of the process."""
        return (_new_folder(Path(_scratch().name)),)

    def _observer(self, folder: Path) -> Observer:
        made: Observer = self.build(folder)
        return made

    def test_observer(self) -> None:
        """The factory returns an `Observer`."""
        with promise("the factory of every observer returns an Observer") as broken:
            made = self.build()
            if not isinstance(made, Observer):
                broken(f"a {type(made).__name__}", "Derive its class from cvkit.Observer")

    def test_methods(self) -> None:
        """No method has nearly the name of an event, because cvkit would never call it."""
        with promise("every method of an observer that is meant for an event has the event's name") as broken:
            made = self.build()
            own = {name for name in dir(made) if not name.startswith("_") and callable(getattr(made, name))}
            for name in sorted(own - {*EVENTS}):
                if "_" in name and (meant := did_you_mean(name, EVENTS)):
                    broken(f"cvkit never calls '{name}'", meant)

    def test_finished(self) -> None:
        """It accepts the events of a run that finishes."""
        self._run("finished", "every observer accepts the events of a run that finishes")

    def test_interrupted(self) -> None:
        """It accepts the events of a run that is interrupted after its first epoch."""
        self._run("interrupted", "every observer accepts the events of a run that is interrupted", epochs=1)

    def test_failed(self) -> None:
        """It accepts the events of a run that fails before its first epoch."""
        self._run("failed", "every observer accepts the events of a run that fails early", epochs=0)

    def test_resumed(self) -> None:
        """A new observer in the same folder accepts earlier records, and an epoch that is measured again."""
        with (
            promise("every observer accepts a run that is resumed, and an epoch twice") as broken,
            _scene() as folder,
        ):
            _play(self._observer(folder), folder, "interrupted", epochs=2)
            try:
                _play(self._observer(folder), folder, "finished", known=1)
            except Exception as error:
                broken(f"in the second session {type(error).__name__}: {error}", "Append, or replace what is there")

    def test_changes_nothing(self) -> None:
        """The recipe in the run folder, the predictions and the current folder stay as they are."""
        with promise("an observer changes nothing of a run") as broken, _scene() as folder:
            recipe, here = (folder / "recipe.yaml").read_bytes(), Path.cwd()
            predictions = _predictions()
            given = predictions.logits.clone()
            _play(self._observer(folder), folder, "finished", predictions=predictions)
            if (folder / "recipe.yaml").read_bytes() != recipe:
                broken("it changed recipe.yaml", "Write to a file of its own")
            if Path.cwd() != here:
                broken("it changed the current folder")
            if not torch.equal(given, predictions.logits):
                broken("it changed the predictions", "Work on a copy")

    def test_place(self) -> None:
        """It creates files in the run folder or at a place that an option names, and none in the current folder."""
        contract = "an observer writes nothing into the current folder"
        with promise(contract) as broken, _scene() as folder, TemporaryDirectory() as place, _inside(Path(place)):
            _play(self._observer(folder), folder, "finished")
            if found := sorted(os.listdir(place)):
                broken(f"it wrote '{found[0]}'", "Write to the run folder, which the factory receives")

    def _run(self, status: RunEnd, contract: str, epochs: int = 2) -> None:
        with promise(contract), _scene() as folder:
            _play(self._observer(folder), folder, status, epochs)


def _play(
    observer: Observer,
    folder: Path,
    status: RunEnd,
    epochs: int = 2,
    known: int = 0,
    predictions: Predictions | None = None,
) -> None:
    """Call the methods of `observer` as a session of a run does; `known` epochs are in earlier records."""
    recipe, records = _recipe(), [_record(number + 1) for number in range(2)]
    observer.run_started(recipe, records[:known])
    if not known:
        proposal = Proposal(0.05, "its loss is the lowest", "Rates", data={"rates": [0.01, 0.05]})
        observer.tuner_finished("onecycle/lr_range_test", "optimizer.lr", proposal)
    for record in records[known:epochs]:
        observer.epoch_finished(record)
    if status == "finished":
        RunFolder(folder).write_report("<!doctype html><title>observed</title>")
        observer.run_finished(records, predictions or _predictions())
    observer.run_ended(status, "" if status == "finished" else "the loss became nan at step 4")


def _record(epoch: int) -> EpochRecord:
    losses = tuple(2.0 / (epoch * _STEPS + step) for step in range(_STEPS))
    rates = (0.05,) * _STEPS
    record = EpochRecord(epoch, epoch * _STEPS, losses[-1], 0.5, 1.2, 0.4, 0.05, 900.0, 0.5, losses, rates)
    return replace(record, metrics={"macro_f1": 0.25 * epoch}) if epoch == 2 else record


def _predictions() -> Predictions:
    info = sample_info()
    labels = sample_labels(info, 20)
    logits = torch.linspace(-1, 1, 20 * info.num_classes).view(20, -1)
    return Predictions(logits, labels, 2.3)


@cache
def _recipe() -> Recipe:
    catalog = discover(distributions=[CORE], environment=False)
    catalog.admit(Origin("sample", "in-process", "0"), SamplePlugin())
    return resolve(read_text(RECIPE), catalog)


@cache
def _scratch() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="cvkit-observers-")


def _new_folder(parent: Path) -> Path:
    folder = RunFolder.create(parent, "observed")
    folder.write_recipe(dump(_recipe()))
    return folder.path


@contextmanager
def _scene() -> Iterator[Path]:
    with TemporaryDirectory(prefix="cvkit-observers-", ignore_cleanup_errors=True) as place:
        yield _new_folder(Path(place))


@contextmanager
def _inside(place: Path) -> Iterator[None]:
    """Make `place` the current folder."""
    before = Path.cwd()
    os.chdir(place)
    try:
        yield
    finally:
        os.chdir(before)
