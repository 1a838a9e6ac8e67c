"""The checks of callbacks: a right one passes each, and each catches a callback made to break it."""

from __future__ import annotations

import pytest

from cvkit import Callback, Decision
from cvkit.testing import CallbackSuite, Suite


class Warming(Callback):
    """Raise the rate over the first steps, and halve it after each epoch without a better loss."""

    def __init__(self, goals, plan):
        goals.of("loss")
        self.steps = plan.steps_per_epoch
        self.best, self.factor = float("inf"), 1.0

    def before_step(self, progress, /):
        return Decision(lr_factor=(progress.step + 1) / self.steps) if progress.step < self.steps else None

    def after_epoch(self, record, /):
        improved = record.loss < self.best
        self.best, self.factor = min(self.best, record.loss), self.factor * (1 if improved else 0.5)
        return Decision(lr_factor=self.factor, keep=improved, stop=self.factor < 0.1)


class TestRight(CallbackSuite):
    factory = staticmethod(Warming)


class Idle:
    """Decide nothing; it is of no common class."""

    def before_step(self, progress): ...
    def after_epoch(self, record): ...
    def state_dict(self):
        return {}

    def load_state_dict(self, state): ...


class TestRightOfItsOwnClass(CallbackSuite):
    factory = staticmethod(Idle)


class ReturnsTrue(Warming):
    def after_epoch(self, record, /):
        return record.loss > self.best


class StopsAtAStep(Warming):
    def before_step(self, progress, /):
        return Decision(stop=progress.epoch == 3)


class NegativeFactor(Warming):
    def after_epoch(self, record, /):
        return Decision(lr_factor=0.95 - record.accuracy - 0.1)


class DividesByTheChange(Warming):
    def after_epoch(self, record, /):
        change, self.best = record.loss - min(self.best, 1e9), record.loss
        return Decision(lr_factor=abs(0.1 / change))


class GivesUpAfterStopping(Warming):
    def after_epoch(self, record, /):
        if self.best < 0:
            raise RuntimeError("it has stopped")
        stop = record.loss == self.best
        self.best = -1.0 if stop else record.loss
        return Decision(stop=stop)


class CountsObjects(Warming):
    made = 0

    def __init__(self, goals, plan):
        super().__init__(goals, plan)
        CountsObjects.made += 1
        self.factor = 1 / CountsObjects.made


class KeepsTheRecords(Warming):
    def after_epoch(self, record, /):
        self.last = record


class StateAsAList(Warming):
    def state_dict(self):
        return [self.best, self.factor]

    def load_state_dict(self, state, /):
        self.best, self.factor = state


class ForgetsTheFactor(Warming):
    def state_dict(self):
        return {"best": self.best}


class TakesNothing(Warming):
    def load_state_dict(self, state, /):
        pass


class ReadsTheAccuracy(Warming):
    def after_epoch(self, record, /):
        return Decision(keep=record.accuracy > 0.5)


class AddsAMetric(Warming):
    def after_epoch(self, record, /):
        record.metrics["gap"] = record.loss - record.train_loss


TWINS = [
    ("answers", ReturnsTrue, "returned False from after_epoch(); expected a Decision or None"),
    ("answers", StopsAtAStep, "answered stop in before_step(); it can do that only in after_epoch()"),
    ("any_records", NegativeFactor, "lr_factor must be a finite number of at least 0, got"),
    ("any_records", DividesByTheChange, "ZeroDivisionError for constant values"),
    ("any_records", GivesUpAfterStopping, "RuntimeError for constant values: it has stopped"),
    ("repeatable", CountsObjects, "decides differently after epoch"),
    ("state", KeepsTheRecords, "has the type EpochRecord, which a checkpoint cannot store"),
    ("state", StateAsAList, "returned list from state_dict(); expected a dict"),
    ("resume", ForgetsTheFactor, "decides differently after epoch"),
    ("resume", TakesNothing, "decides differently after epoch"),
    ("any_task", ReadsTheAccuracy, "for sets of labels it decides differently after epoch 3"),
    ("record", AddsAMetric, "another record afterwards, after epoch 1"),
]


class ReadsTheScore(Warming):
    def after_epoch(self, record, /):
        return Decision(keep=record.score > 0.5, lr=record.value(record.score_name))


class TestRightWithAnyScore(CallbackSuite):
    factory = staticmethod(ReadsTheScore)


class OnlyForClasses(CallbackSuite):
    factory = staticmethod(ReadsTheAccuracy)
    tasks = ("single_label",)


def test_callback_that_declares_its_task_may_read_the_accuracy():
    """A recipe with sets of labels is refused then, so the check has nothing to find."""
    OnlyForClasses().test_any_task()


@pytest.mark.parametrize(("check", "twin", "words"), TWINS, ids=[f"{c}-{t.__name__}" for c, t, _ in TWINS])
def test_check_catches_its_broken_twin(check, twin, words, seen):
    """What the twin does wrong is what the failure says was seen."""
    assert words in seen(CallbackSuite, check, twin)


def test_every_check_has_a_twin():
    """No check is trusted that has never failed."""
    assert {check for check, *_ in TWINS} == CallbackSuite.checks() - Suite.checks()
