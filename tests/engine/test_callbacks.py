"""Callbacks: their answers are combined, change only what they may, and survive a checkpoint to the bit."""

from __future__ import annotations

import json
from itertools import islice
from math import prod

import pytest
import torch
from small import RECIPE

from cvkit import ComponentError, ComponentFailure, Decision, EpochRecord
from cvkit.checkpoint.serialization import pack, unpack
from cvkit.engine.callback import Callback
from cvkit.engine.deciding import Deciding, Member
from cvkit.engine.schedule import RateChange
from cvkit.engine.trainer import Step, Trainer
from cvkit.step_progress import Progress

HELD_OUT = "dataset.validation_size=20"
PLATEAU = "{name: plateau, patience: 0, factor: 0.5, metric: accuracy}"
WHOLE = (HELD_OUT, "train.epochs=5", "scheduler={name: cosine, warmup_epochs: 0.5}")

PLUGIN = """
from __future__ import annotations
import torch
from cvkit import Callback, Component, Decision, hookimpl

@hookimpl
def cvkit_callbacks():
    for name in ("Factors", "Rates", "Seen", "Wrong", "Heavy", "Slow"):
        yield Component(name.lower(), f"strange_parts:{name}", summary="Decides")

class Factors(Callback):
    "Multiply the rate by a random number before each step, and count the steps."
    def __init__(self):
        self.steps = 0
    def before_step(self, progress, /):
        self.steps += 1
        return Decision(lr_factor=float(torch.rand(())) + 1 / self.steps)

class Rates(Callback):
    "Set the rate of the second and the third epoch, and give it back."
    def __init__(self, *, lr: float = 0.01):
        self.lr = lr
    def after_epoch(self, record, /):
        return Decision(lr=self.lr) if record.epoch == 1 else Decision(lr_factor=1.0) if record.epoch == 3 else None

class Seen(Callback):
    "Remember what it saw."
    seen = []
    def before_step(self, progress, /):
        self.seen.append(progress)
    def after_epoch(self, record, /):
        self.seen.append(record)

class Wrong(Callback):
    "Answer what the recipe says."
    def __init__(self, *, answer: str = "5", step: bool = False):
        self.answer, self.step = answer, step
    def before_step(self, progress, /):
        return eval(self.answer) if self.step else None
    def after_epoch(self, record, /):
        return None if self.step else eval(self.answer)

class Heavy(Callback):
    "Keep a state that is no data."
    def __init__(self):
        self.seen = {1, 2}

def Slow():
    "Return something else."
    return lambda record: None
"""


def mine(*callbacks: str) -> str:
    return f"callbacks=[{', '.join(callbacks)}]"


def rates(run: Trainer) -> list[float]:
    return [rate for event in run.fit() if isinstance(event, EpochRecord) for rate in event.step_lrs]


class Answers(Callback):
    """Gives the answers that it was made with, one after each epoch."""

    def __init__(self, *answers: Decision | None) -> None:
        self.answers = list(answers)

    def after_epoch(self, record, /):
        return self.answers.pop(0)


def record(epoch: int = 1) -> EpochRecord:
    return EpochRecord(epoch, 8 * epoch, 1.0, 0.5, 1.0, 0.5, 0.1, 1.0, 1.0, (1.0,), (0.1,))


def test_answers_are_combined_in_the_recipes_order():
    """All are asked; factors multiply, the last rate is used, and the first reason is given."""
    first = Answers(
        Decision(lr_factor=0.5), Decision(stop=True, reason="enough"), Decision(lr=0.3), Decision(lr_factor=1)
    )
    second = Answers(Decision(lr_factor=0.25, keep=True, reason="good"), Decision(stop=True), Decision(lr=0.2), None)
    asked = Deciding([Member("a/one", first), Member("b/two", second)], seed=0)
    verdicts = [asked.after_epoch(record(epoch)) for epoch in range(1, 5)]
    assert [one.rate for one in verdicts] == [
        RateChange(0.125), RateChange(0.125), RateChange(1.0, 0.2), RateChange(1.0, 0.2)
    ]  # fmt: skip
    assert [one.stopped for one in verdicts] == ["", "enough (a/one)", "", ""]
    assert [(one.keeps, one.kept_for) for one in verdicts[:2]] == [(True, "good"), (False, "")]
    assert verdicts[0].lines == (
        "a/one multiplies the scheduled learning rate by 0.5",
        "b/two multiplies the scheduled learning rate by 0.25: good",
    )
    assert verdicts[1].lines == ("a/one stops training: enough", "b/two stops training")


def test_recipe_without_callbacks_asks_nobody(make_run):
    """Its checkpoint contains nothing of them."""
    run = make_run()
    assert run.deciding.members == ()
    list(islice(run.fit(), 1))
    state = run.state()
    assert state["decisions"] is None
    assert "change" not in state["schedule"]


def test_factor_multiplies_what_the_scheduler_sets(make_run):
    """The schedule itself goes on as it would have, also if it computes a rate from the one before."""
    plain, run = make_run(*WHOLE), make_run(*WHOLE, mine(PLATEAU))
    scheduled, found = rates(plain), rates(run)
    assert len(scheduled) == len(found) == 5 * 8
    epochs = [found[8 * number : 8 * number + 8] for number in range(5)]
    factors = [round(rate / expected, 9) for rate, expected in zip(epochs[-1], scheduled[-8:], strict=True)]
    assert {*factors} <= {0.5, 0.25, 0.125, 0.0625}
    assert found[:8] == scheduled[:8]
    assert run.deciding.rate.factor in {*factors, factors[0] / 2}


def test_rate_replaces_the_schedulers_and_is_given_back(strange_run):
    """Groups keep their ratios."""
    options = (HELD_OUT, "train.epochs=4", "finetune.head_lr=4")
    plain = rates(strange_run(PLUGIN, *options))
    run = strange_run(PLUGIN, *options, mine("{name: rates, lr: 0.02}"))
    records = [event for event in run.fit() if isinstance(event, EpochRecord)]
    found = [rate for one in records for rate in one.step_lrs]
    assert found == [*plain[:8], *[0.02] * 16, *plain[24:]]
    assert records[1].group_lrs == pytest.approx({"head": 0.02, "body": 0.005})
    assert [one.decisions for one in records] == [
        ("strange_parts/rates sets the learning rate to 0.02",),
        (),
        ("strange_parts/rates multiplies the scheduled learning rate by 1",),
        (),
    ]


@pytest.mark.parametrize("stop", [1, 8, 17])
def test_resumed_run_is_the_same_to_the_bit(strange_run, stop):
    """After any step: weights, rates, records, the factor of plateau, and what is drawn."""
    options = (*WHOLE, "train.epochs=4", mine(PLATEAU, "factors", "{name: early_stopping, patience: 9}", "keep_best"))
    whole, first, second = (strange_run(PLUGIN, *options) for _ in range(3))
    expected = [event for event in whole.fit() if isinstance(event, EpochRecord)]
    events = first.fit()
    while first.step < stop:
        next(events)
    packed, tensors = pack(first.state())
    second.restore(unpack(json.loads(json.dumps(packed)), tensors))
    found = [event for event in second.fit() if isinstance(event, EpochRecord)]
    for one, other in zip(found, expected[-len(found) :], strict=True):
        assert (one.step_lrs, one.step_losses, one.decisions) == (other.step_lrs, other.step_losses, other.decisions)
    state, complete = (pack(run.state()) for run in (second, whole))
    assert state[0]["decisions"] == complete[0]["decisions"]
    assert state[0]["decisions"]["callbacks"][0]["factor"] < 1
    assert state[0]["schedule"] == complete[0]["schedule"]
    assert all(torch.equal(state[1][name], tensor) for name, tensor in complete[1].items() if "/losses" not in name)


def test_callback_sees_counters_and_no_test_images(strange_run):
    """Before each step and after each epoch; without validation images a record has no value of an evaluation."""
    run = strange_run(PLUGIN, mine("seen"), "metrics=[macro_f1]", "train.epochs=2", "train.max_steps=10")
    seen = run.deciding.members[0].callback.seen
    seen.clear()
    events = list(run.fit())
    steps = [each for each in seen if isinstance(each, Progress)]
    assert [each.step for each in steps] == list(range(10))
    assert {(each.epochs, each.steps) for each in steps} == {(2, 10)}
    records = [each for each in seen if isinstance(each, EpochRecord)]
    assert [seen.index(each) for each in records] == [8, 11]
    assert {(each.test_loss, each.test_accuracy, len(each.metrics)) for each in records} == {(None, None, 0)}
    assert all("macro_f1" in event.metrics for event in events if isinstance(event, EpochRecord))


def test_test_images_are_hidden_beside_validation_images(strange_run):
    """They may be watched, but nothing is chosen by them."""
    run = strange_run(PLUGIN, HELD_OUT, mine("seen"), "evaluation.test=each_epoch", "train.epochs=1")
    seen = run.deciding.members[0].callback.seen
    seen.clear()
    (event,) = [each for each in run.fit() if isinstance(each, EpochRecord)]
    assert event.test_accuracy is not None
    assert (seen[-1].test_accuracy, seen[-1].accuracy) == (None, event.accuracy)


@pytest.mark.parametrize(
    "callback",
    [
        "{name: wrong, answer: '5'}",
        "{name: wrong, answer: Decision(lr_factor=-1)}",
        "{name: wrong, answer: 'Decision(lr=0.1, lr_factor=0.5)'}",
        "{name: wrong, answer: Decision(keep=1)}",
        "{name: wrong, answer: Decision(stop=True), step: true}",
        "heavy",
        "slow",
    ],
)
def test_wrong_answer_is_reported_before_training(strange_run, callback, wording):
    """With the name of the component."""
    with pytest.raises(ComponentFailure) as caught:
        strange_run(PLUGIN, HELD_OUT, mine(callback))
    assert str(caught.value) == wording


@pytest.mark.parametrize(
    "overrides",
    [
        (mine("early_stopping"),),
        (mine("{name: plateau, metric: macro_f1}"), "metrics=[macro_f1]"),
        (HELD_OUT, mine("{name: keep_best, metric: f1}")),
    ],
)
def test_value_that_cannot_decide_is_refused(make_run, overrides, wording):
    """Nothing is chosen by the test images, or by a value that no record has."""
    with pytest.raises(ComponentError) as caught:
        make_run(*overrides)
    assert str(caught.value) == wording


def test_training_loss_may_decide_without_validation_images(make_run):
    """It is not measured on the test images."""
    run = make_run(mine("{name: plateau, metric: train_loss, patience: 0, threshold: 0.9}"))
    assert any(event.decisions for event in run.fit() if isinstance(event, EpochRecord))


def test_setting_and_callback_choose_the_same(make_run):
    """The weights, the records, and when training ends; only the names in the lines differ."""
    setting = make_run(HELD_OUT, "train.epochs=6", "selection={keep_best: true, patience: 2, min_change: 0.05}")
    options = "min_change: 0.05"
    callbacks = mine(f"{{name: keep_best, {options}}}", f"{{name: early_stopping, patience: 2, {options}}}")
    listed = make_run(HELD_OUT, "train.epochs=6", callbacks)
    one, other = ([each for each in run.fit() if isinstance(each, EpochRecord)] for run in (setting, listed))
    assert [each.step_losses for each in one] == [each.step_losses for each in other]
    assert (setting.outcome.kept.epoch, setting.epoch) == (listed.outcome.kept.epoch, listed.epoch)
    assert torch.equal(setting.final_predictions().logits, listed.final_predictions().logits)
    assert [each.decisions for each in one][-1] == tuple(
        line.replace("torch/early_stopping", "selection.patience") for line in other[-1].decisions
    )


@pytest.mark.parametrize("patience", [2, 1])
def test_checkpoint_of_an_earlier_cvkit_is_continued(make_run, patience):
    """It had the choice of `selection` in another form."""
    settings = (HELD_OUT, "train.epochs=5", f"selection={{keep_best: true, patience: {patience}, min_change: 0.99}}")
    whole, first, second = (make_run(*settings) for _ in range(3))
    list(whole.fit())
    for event in first.fit():
        if isinstance(event, EpochRecord) and event.epoch == 2:
            accuracy = event.accuracy
            break
    state = first.state()
    kept = state.pop("decisions")["kept"]
    old = {"epoch": kept["epoch"], "value": accuracy, "stale": 1, "weights": kept["weights"]}
    second.restore({**state, "selection": old})
    assert second.finished == (patience == 1)
    list(second.fit())
    assert (second.epoch, second.outcome.kept.epoch) == (whole.epoch, 1)
    assert (second.outcome.kept.reason, second.outcome.stopped) == (whole.outcome.kept.reason, whole.outcome.stopped)


def test_extended_schedule_keeps_the_factor(make_run):
    """The schedule is computed again for more epochs, and callbacks still multiply it."""
    run = make_run(*WHOLE, mine(PLATEAU))
    list(run.fit())
    longer = make_run(*WHOLE, mine(PLATEAU), "train.epochs=7")
    longer.restore(run.state())
    plain = make_run(*WHOLE, "train.epochs=7")
    factor = longer.deciding.rate.factor
    assert factor < 1
    assert next(longer.fit()).step == 5 * 8 + 1
    (rate,) = longer._progress.rates
    assert rate == pytest.approx(rates(plain)[5 * 8] * factor)


def test_product_of_factors_is_exact_for_one():
    """Two callbacks that change nothing leave the rate as it is."""
    assert prod([1.0, 1.0]) == 1
    assert RateChange() == RateChange(1, None)


def test_progress_of_a_recipe_with_steps_alone(make_run):
    """A callback that sees no steps costs a step nothing."""
    run = make_run(HELD_OUT, mine("keep_best"))
    assert run.deciding._of_steps == []
    assert isinstance(next(run.fit()), Step)
    assert "callbacks" not in RECIPE
