"""The checks of observers: a right one passes each, and each catches an observer made to break it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvkit import Observer
from cvkit.testing import ObserverSuite, Suite


class Log(Observer):
    """Write a line for each epoch and for the end.

    Args:
        folder: The run folder.
        file: The name of the file.
    """

    def __init__(self, folder, *, file: str = "log.txt"):
        self.file = folder / file

    def epoch_finished(self, record):
        with self.file.open("a") as log:
            log.write(f"{record.epoch}\n")

    def run_ended(self, status, error):
        with self.file.open("a") as log:
            log.write(f"{status}: {error}\n")


class TestRight(ObserverSuite):
    factory = staticmethod(Log)


class TestRightWithoutMethods(ObserverSuite):
    factory = staticmethod(lambda folder: Observer())
    skips = {"docstring": "it is written in one line"}


def is_something_else(folder):
    return object()


class Misspelt(Observer):
    def __init__(self, folder):
        pass

    def epoch_finishes(self, record):
        pass


class ReadsTheBestEpochOfARunThatFailed(Observer):
    def __init__(self, folder):
        self.losses = []

    def epoch_finished(self, record):
        self.losses.append(record.test_loss)

    def run_ended(self, status, error):
        min(self.losses)


class KnowsOneEnd(Observer):
    def __init__(self, folder):
        pass

    def run_ended(self, status, error):
        assert status != "interrupted"


class NeedsAMetric(Observer):
    def __init__(self, folder):
        pass

    def epoch_finished(self, record):
        return record.metrics["macro_f1"]


class BeginsAgain(Observer):
    def __init__(self, folder):
        self.folder = folder

    def run_started(self, recipe, records):
        (self.folder / "log").mkdir()


class CompletesTheRecipe(Observer):
    def __init__(self, folder):
        self.recipe = folder / "recipe.yaml"

    def run_started(self, recipe, records):
        with self.recipe.open("a") as file:
            file.write("# observed\n")


class Sorts(Observer):
    def __init__(self, folder):
        pass

    def run_finished(self, records, predictions):
        predictions.logits.copy_(predictions.logits.sort(dim=1, descending=True).values)


class WritesHere(Observer):
    def __init__(self, folder):
        pass

    def run_finished(self, records, predictions):
        Path("result.txt").write_text(f"{predictions.accuracy}")


TWINS = [
    ("observer", is_something_else, "a object"),
    ("methods", Misspelt, "cvkit never calls 'epoch_finishes'"),
    ("finished", NeedsAMetric, "KeyError: 'macro_f1'"),
    ("interrupted", KnowsOneEnd, "AssertionError"),
    ("failed", ReadsTheBestEpochOfARunThatFailed, "ValueError"),
    ("resumed", BeginsAgain, "in the second session FileExistsError"),
    ("changes_nothing", CompletesTheRecipe, "it changed recipe.yaml"),
    ("changes_nothing", Sorts, "it changed the predictions"),
    ("place", WritesHere, "it wrote 'result.txt'"),
]


@pytest.mark.parametrize(("check", "twin", "words"), TWINS, ids=[f"{c}-{t.__name__}" for c, t, _ in TWINS])
def test_check_catches_its_broken_twin(check, twin, words, seen):
    """What the twin does wrong is what the failure says was seen."""
    assert words in seen(ObserverSuite, check, twin)


def test_every_check_has_a_twin():
    """No check is trusted that has never failed."""
    assert {check for check, *_ in TWINS} == ObserverSuite.checks() - Suite.checks()
