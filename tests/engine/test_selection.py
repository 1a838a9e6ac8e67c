"""Choosing by the validation images: the best epoch, stopping early, and the test images once at the end."""

from __future__ import annotations

import pytest
import torch

from cvkit import Callback, Decision, EarlyStopping, EpochRecord, Goals, KeepBest, RunError
from cvkit.checkpoint.state_dicts import model_state

HELD_OUT = "dataset.validation_size=20"
EPOCHS = "train.epochs=6"


def record(epoch: int, accuracy: float, loss: float = 1.0, **metrics: float) -> EpochRecord:
    return EpochRecord(
        epoch, epoch, 1.0, 0.5, None, None, 0.1, 1.0, 1.0, (1.0,), (0.1,),
        metrics=metrics, validation_loss=loss, validation_accuracy=accuracy,
    )  # fmt: skip


GOALS = Goals({"accuracy": "max", "loss": "min", "f1": "max", "ece": "min"})


def decisions(callback: Callback, *accuracies: float) -> list[Decision]:
    """Return what a callback decides after each epoch."""
    records = [record(epoch, accuracy) for epoch, accuracy in enumerate(accuracies, start=1)]
    return [callback.after_epoch(each) or Decision() for each in records]


def test_best_epoch_is_the_first_of_equal_ones():
    """So that a tie does not prefer the longer training."""
    best = KeepBest(GOALS)
    assert [decision.keep for decision in decisions(best, 0.4, 0.7, 0.7, 0.6)] == [True, True, False, False]
    assert best.state_dict() == {"value": 0.7, "stale": 2}


def test_patience_counts_epochs_without_a_better_value():
    """A change below `min_change` is no improvement."""
    for accuracies, stops in (((0.4, 0.44), False), ((0.4, 0.44, 0.45), True), ((0.4, 0.44, 0.5), False)):
        assert decisions(EarlyStopping(GOALS, patience=2, min_change=0.05), *accuracies)[-1].stop == stops


def test_run_that_stopped_and_trains_on_waits_from_the_beginning():
    """It has been asked for more epochs."""
    stops = [decision.stop for decision in decisions(EarlyStopping(GOALS, patience=2), 0.5, 0.4, 0.4, 0.4, 0.4, 0.6)]
    assert stops == [False, False, True, False, True, False]


@pytest.mark.parametrize(
    ("options", "best"),
    [
        ({"metric": "loss"}, 1),
        ({"metric": "accuracy"}, 2),
        ({"metric": "f1"}, 2),
        ({"metric": "f1", "goal": "min"}, 1),
        ({"metric": "ece"}, 1),
        ({"metric": "ece", "goal": "max"}, 2),
    ],
)
def test_goal_follows_the_metric(options, best):
    """The lowest loss, the highest accuracy, and the lowest value of a metric that is lower if it is better."""
    callback = KeepBest(GOALS, **options)
    callback.after_epoch(record(1, 0.5, loss=0.2, f1=0.1, ece=0.1))
    second = callback.after_epoch(record(2, 0.6, loss=0.3, f1=0.2, ece=0.2))
    assert (2 if second is not None and second.keep else 1) == best


def test_run_keeps_the_epoch_with_the_lowest_calibration_error(make_run):
    """The metric says that its lowest value is the best; the recipe has no `goal`."""
    run = make_run(HELD_OUT, "metrics=[ece]", "selection.metric=ece", "selection.keep_best=true", EPOCHS)
    errors = [event.metrics["ece"] for event in run.fit() if isinstance(event, EpochRecord)]
    assert len({*errors}) == 6
    assert (run.outcome.kept.epoch, run.outcome.kept.reason) == (
        errors.index(min(errors)) + 1,
        "lowest validation ece",
    )


def test_validation_is_evaluated_after_each_epoch_and_the_test_images_once(make_run, monkeypatch):
    """The record says which images its numbers are of."""
    run = make_run(HELD_OUT)
    evaluated = []
    predict = type(run.evaluator).predict
    monkeypatch.setattr(
        type(run.evaluator),
        "predict",
        lambda self, half=None, **rest: evaluated.append(half) or predict(self, half, **rest),
    )
    records = [event for event in run.fit() if isinstance(event, EpochRecord)]
    assert evaluated == ["validation"] * 3
    assert {(one.half, one.test_accuracy, one.test_loss) for one in records} == {("validation", None, None)}
    assert records[0].accuracy == records[0].validation_accuracy
    assert len(run.final_predictions().labels) == 30
    assert evaluated[3:] == ["test"]


def test_test_images_can_be_watched(make_run):
    """Beside the validation images; nothing else changes."""
    plain, watched = (
        [event for event in make_run(HELD_OUT, *more).fit() if isinstance(event, EpochRecord)]
        for more in ((), ("evaluation.test=each_epoch",))
    )
    assert [one.validation_loss for one in plain] == [one.validation_loss for one in watched]
    assert all(0 <= one.test_accuracy <= 1 for one in watched)
    assert watched[0].half == "validation"


def test_best_weights_are_evaluated_at_the_end(make_run):
    """Here those of the epoch with the highest loss, which is not the last one in any training that learns."""
    run = make_run(HELD_OUT, "selection.keep_best=true", "selection.metric=loss", "selection.goal=max")
    states, records = [], []
    for event in run.fit():
        if isinstance(event, EpochRecord):
            records.append(event)
            states.append({name: value.clone() for name, value in model_state(run.parts.model).items()})
    best = max(records, key=lambda one: one.loss)
    assert run.outcome.kept.epoch == best.epoch < 3
    chosen = model_state(run.trained().model)
    assert all(torch.equal(chosen[name], value) for name, value in states[best.epoch - 1].items())
    assert run.evaluator.predict("validation", model=run.trained().model).loss == best.loss
    assert all(torch.equal(model_state(run.parts.model)[name], value) for name, value in states[-1].items())


@pytest.mark.parametrize("after", [1, 2])
def test_choice_survives_a_checkpoint(make_run, after):
    """A restored run chooses the same epoch and stops at the same one."""
    settings = (
        HELD_OUT,
        "selection.keep_best=true",
        "selection.patience=2",
        "train.epochs=6",
        "selection.min_change=0.9",
    )
    whole = make_run(*settings)
    list(whole.fit())
    assert (whole.epoch, whole.finished) == (3, True)
    first, second = make_run(*settings), make_run(*settings)
    for event in first.fit():
        if isinstance(event, EpochRecord) and event.epoch == after:
            break
    second.restore(first.state())
    list(second.fit())
    assert (second.epoch, second.outcome.kept.epoch, second.outcome.stopped) == (3, 1, whole.outcome.stopped)
    chosen, expected = (model_state(run.trained().model) for run in (second, whole))
    assert all(torch.equal(chosen[name], value) for name, value in expected.items())


def test_choice_by_the_training_loss_needs_no_validation_images(make_run):
    """As for the callbacks, which name the same values in their errors."""
    run = make_run("selection.keep_best=true", "selection.metric=train_loss")
    losses = [event.train_loss for event in run.fit() if isinstance(event, EpochRecord)]
    assert run.outcome.kept.reason == "lowest training loss"
    assert run.outcome.kept.epoch == losses.index(min(losses)) + 1


@pytest.mark.parametrize(
    "overrides",
    [
        ("selection.keep_best=true",),
        ("selection.patience=3",),
        ("evaluation.test=final",),
        (HELD_OUT, "selection.patience=3", "selection.metric=f1"),
        ("selection.patience=3", "selection.metric=f1"),
    ],
)
def test_choice_that_cannot_be_made_is_refused(make_run, overrides, wording):
    """Nothing is chosen by the test images, or by a value that no record has."""
    with pytest.raises(RunError) as caught:
        make_run(*overrides)
    assert str(caught.value) == wording


def test_predictions_between_epochs_are_not_those_of_the_end(make_run):
    """Asked for after an epoch they are the current weights'; at the end they are the chosen ones'."""
    settings = (HELD_OUT, "selection.keep_best=true", "selection.min_change=0.99")  # so the first epoch is chosen
    asked, whole = make_run(*settings), make_run(*settings)
    for event in asked.fit():
        if isinstance(event, EpochRecord) and event.epoch == 2:
            asked.final_predictions()
    list(whole.fit())
    assert torch.equal(asked.final_predictions().logits, whole.final_predictions().logits)
