"""What the observers of a run receive, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvkit import Recipe, RunFolder, build_parts, discover, hookimpl
from cvkit.host.catalog import PluginStatus
from cvkit.host.component import Origin
from cvkit.recipe import read_text, resolve
from cvkit.runs.session import Session

RECIPE = """\
name: watched
dataset: {name: shapes, train_size: 64, test_size: 20}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.1}
tuners: [{name: lr_range_test, set: optimizer.lr, steps: 20, orders: 1, end_lr: 1000}]
train: {epochs: 2, batch_size: 8}
report: {misclassified: 0, augmented: 0}
plugins: {observers: {watcher: {prefix: ">"}}}
"""

pytestmark = pytest.mark.usefixtures("one_thread")


class Watcher:
    """Notes each event that it is called for."""

    def __init__(self) -> None:
        self.events: list[str] = []

    @hookimpl
    def cvkit_tuner_finished(self, tuner, sets, proposal, *, prefix: str = ""):
        self.events.append(f"{prefix}{tuner} for {sets}, {len(proposal.data['sweeps'])} sweep")

    @hookimpl
    def cvkit_run_interrupted(self, folder, *, prefix: str = ""):
        self.events.append(f"{prefix}interrupted in {folder.name}")

    @hookimpl
    def cvkit_run_failed(self, error):
        self.events.append(f"failed: {error}")


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
def session(watcher, tmp_path) -> Session:
    """A session of the recipe, ready to start."""
    catalog = discover(distributions=["cvkit-core"])
    origin = Origin("watcher", "in-process", "0")
    catalog.admit(origin, watcher)
    catalog.statuses.append(PluginStatus(origin, 0.0))
    recipe: Recipe = resolve(read_text(RECIPE), catalog)
    return Session(build_parts(recipe, recipe.dataset.build(Path("unused"))), RunFolder(tmp_path), tmp_path, catalog)


def test_observers_are_told_of_tuners_and_interruptions(session, watcher, tmp_path):
    """With the options that the recipe sets."""
    session.start()
    for _ in session.tune():
        pass
    for _ in session.train():
        session.stop = True
    session.set_status("interrupted")  # as who stopped it does
    assert watcher.events == [">onecycle/lr_range_test for optimizer.lr, 1 sweep", f">interrupted in {tmp_path.name}"]


def test_observers_are_told_of_failure(session, watcher):
    """With the error that the user sees."""
    session.start()
    session.set_status("failed", error="the training loss became nan")
    assert watcher.events == ["failed: the training loss became nan"]
