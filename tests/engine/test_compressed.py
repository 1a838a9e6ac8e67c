"""A compressed trial follows the complete run in fewer steps: schedule, frozen weights and progress."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
import torch

from cvkit import RunError, discover, progress
from cvkit.engine.assembly import build_parts
from cvkit.engine.compressed import Compressed
from cvkit.engine.lr_curve import lr_curve
from cvkit.engine.parts import RunParts
from cvkit.recipe import read_text, resolve

RECIPE = """
dataset: {name: shapes, train_size: 40, test_size: 10}
model: {name: custom_resnet, width: 2}
optimizer: sgd
scheduler: {name: one_cycle, max_lr: 0.1}
train: {epochs: 4, batch_size: 8}
"""
PLANNED = 20


def new_run(*overrides: str) -> RunParts:
    recipe = resolve(read_text(RECIPE, overrides), discover())
    return build_parts(recipe, recipe.dataset.build(Path("unused")))


@pytest.mark.parametrize(("steps", "positions"), [(5, [2, 6, 10, 14, 18]), (20, list(range(20))), (1, [10])])
def test_each_step_is_in_the_middle_of_an_equal_share_of_the_run(steps, positions):
    """So the first and the last rate of a schedule, which hardly train, get no more steps than they deserve."""
    course = Compressed(steps, PLANNED, 5)
    assert [course.position(taken) for taken in range(steps)] == positions
    assert course.position(steps + 7) == positions[-1]


def test_compressed_trial_has_the_rates_of_the_complete_schedule():
    """Up and down, where a trial that is not compressed still rises."""
    run = new_run()
    planned = lr_curve(run).rates[:, 0].tolist()
    with run.trial("test", scheduled=True, steps=5) as trial:
        steps, rates = trial.steps(), []
        for _ in range(5):
            rates.append(trial.learning_rate)
            next(steps)
    assert rates == [planned[position] for position in (2, 6, 10, 14, 18)]


def test_compressed_to_its_own_length_a_trial_is_the_scheduled_trial():
    """To the bit."""
    losses = []
    for steps in (None, PLANNED):
        with new_run().trial("test", scheduled=True, steps=steps) as trial:
            losses.append(list(trial.take(8)))
    assert losses[0] == losses[1]


def test_frozen_weights_are_frozen_for_their_share_of_the_trial():
    """One epoch of four: a quarter of the steps, though the trial is shorter than an epoch."""
    run = new_run("finetune={freeze: {epochs: 1}}")
    with run.trial("test", scheduled=True, steps=4) as trial:
        body = next(trial._step.forward.model.parameters())
        before = body.detach().clone()
        changed = [not torch.equal(body, before) for _ in islice(trial.steps(), 4)]
    assert changed == [False, True, True, True]


def test_progress_of_a_compressed_trial_is_that_of_the_run(monkeypatch):
    """From near 0 to near 1, in the run's own epochs."""
    run, seen = new_run(), []
    run.model.register_forward_pre_hook(lambda module, inputs: seen.append(progress()))
    with run.trial("test", steps=4) as trial:
        list(trial.take(4))
    assert [now.step for now in seen] == [2, 7, 12, 17]
    assert [now.epoch for now in seen] == [0, 1, 2, 3]
    assert {(now.steps, now.epochs) for now in seen} == {(PLANNED, 4)}


def test_trial_is_judged_on_validation_images():
    """On a few of them, chosen by the seed of the run, and on all if there are no more."""
    run = new_run("dataset.validation_size=12")
    with run.trial("test", validate=5) as first, run.trial("test", validate=5) as second:
        assert len(first.held_out().labels) == 5
        assert first.held_out().labels.tolist() == second.held_out().labels.tolist()
        assert len(first._source) == 40
    with run.trial("test", validate=100) as trial:
        labels = [run.splits.validation[index][1] for index in range(12)]
        assert trial.held_out().labels.tolist() == labels


def test_run_without_validation_images_is_refused(wording):
    with pytest.raises(RunError) as caught:
        new_run().trial("test", validate=5).__enter__()
    assert str(caught.value) == wording


def test_losses_of_parts_are_those_of_the_recipe():
    """Their mean, by the number of images, is the loss of all."""
    run = new_run("loss={name: cross_entropy, label_smoothing: 0.2}")
    with run.trial("test", hold_out=10) as trial:
        judged = trial.held_out()
        parts = trial.losses_of_parts(judged, 3)
        single = trial.losses_of_parts(judged, 50)
    assert sum(loss * size for loss, size in zip(parts, (4, 3, 3), strict=True)) / 10 == pytest.approx(judged.loss)
    assert len(single) == 10
