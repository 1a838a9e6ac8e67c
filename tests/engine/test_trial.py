"""A trial trains a copy by the run's own step, holds images out, and shares no state with the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cvkit import Component, Origin, Proposal, RecipeError, RunError, discover, hookimpl
from cvkit.data.loading import Reading
from cvkit.engine.assembly import build_parts
from cvkit.engine.lr_curve import lr_curve
from cvkit.engine.parts import RunParts
from cvkit.recipe import read_text, resolve

RECIPE = """
dataset: {name: shapes, train_size: 40, test_size: 10}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, momentum: 0.9}
train: {epochs: 1, batch_size: 8}
"""


class Counting:
    """An augmentation of single images that counts its calls."""

    calls = 0

    def __call__(self, image):
        self.calls += 1
        return image


def counting(info):
    return Counting()


class Plugin:
    @hookimpl
    def cvkit_augmentations(self):
        yield Component("counting", f"{__name__}:counting", "Counts", per_sample=True)


def new_run(*overrides: str) -> RunParts:
    recipe = resolve(read_text(RECIPE, overrides), discover())
    return build_parts(recipe, recipe.dataset.build(Path("unused")))


@pytest.mark.parametrize(
    "swapped",
    [{"title": {}}, {"reason": None}, {"data": "x"}, {"caption": 1}],
    ids=lambda swapped: next(iter(swapped)),
)
def test_proposal_of_other_types_is_refused(swapped, wording):
    """By name, before a run keeps what no reader would accept."""
    with pytest.raises(TypeError, match=next(iter(swapped))) as caught:
        Proposal(**{"value": 0.1, "reason": "it fell", "title": "A rate"} | swapped)
    assert str(caught.value) == wording


def test_steps_at_are_those_taken_one_by_one():
    """However many losses are read at a time."""
    rates = [0.01 * number for number in range(1, 8)]
    with new_run().trial("test") as trial:
        together = list(trial.steps_at(rates))
    with new_run().trial("test") as trial:
        steps, single = trial.steps(), []
        for rate in rates:
            trial.learning_rate = rate
            single.append(float(next(steps)))
    assert together == single


@pytest.mark.parametrize("count", [1, 3, 7])
def test_losses_read_in_blocks_are_the_same(monkeypatch, count):
    """As on a GPU, where each look waits for the device."""
    rates = [0.01, 0.02, 0.03, 0.04, 0.05]
    with new_run().trial("test") as trial:
        single = list(trial.steps_at(rates))
    with new_run().trial("test") as trial:
        monkeypatch.setattr(trial, "_block", count)
        assert list(trial.steps_at(rates)) == single


def test_images_held_out_are_judged_as_they_are():
    """In evaluation mode, without augmentation, by the recipe's loss; twice the same."""
    run = new_run("augmentations=[horizontal_flip]")
    with run.trial("test", hold_out=10) as trial:
        list(trial.steps_at([0.1] * 3))
        first, second = trial.held_out(), trial.held_out()
        assert trial._step.forward.model.training
    assert len(first.labels) == 10
    assert first.loss == second.loss
    expected = torch.nn.functional.cross_entropy(first.logits, first.labels)
    assert first.loss == pytest.approx(float(expected), rel=1e-5)


def test_trial_that_holds_nothing_out_says_so(wording):
    with new_run().trial("test") as trial, pytest.raises(RunError, match=r"run\.trial\(.*hold_out=") as caught:
        trial.held_out()
    assert str(caught.value) == wording


def test_holding_out_too_many_images_is_refused(wording):
    """Less than a batch is left."""
    with pytest.raises(RunError) as caught:
        new_run().trial("test", hold_out=35).__enter__()
    assert str(caught.value) == wording


def test_augmentation_of_single_images_keeps_its_state():
    """Those of the trial are its own; the run's are not called again."""
    catalog = discover()
    catalog.admit(Origin("acme", "in-process", "0"), Plugin())
    recipe = resolve(read_text(RECIPE, ["augmentations=[acme/counting]", "train.workers=0"]), catalog)
    run = build_parts(recipe, recipe.dataset.build(Path("unused")))
    (augmentation,) = run.sample_augmentations._augmentations
    before = augmentation[1].calls
    with run.trial("test") as trial:
        list(trial.steps_at([0.01] * 3))
    assert augmentation[1].calls == before


def test_images_that_a_run_keeps_in_memory_are_not_read_again():
    """Where single images are augmented, too: the trial streams them from where the run does."""
    catalog = discover()
    catalog.admit(Origin("acme", "in-process", "0"), Plugin())
    overrides = ["augmentations=[acme/counting]", "train.workers=0", "train.resident=true"]
    recipe = resolve(read_text(RECIPE, overrides), catalog)
    splits = recipe.dataset.build(Path("unused"))
    reads = []

    class OnDisk:
        def __len__(self):
            return len(splits.train)

        def __getitem__(self, index):
            reads.append(index)
            return splits.train[index]

    run = build_parts(recipe, replace(splits, train=OnDisk()))
    list(run.train_source.batches(Reading(torch.arange(len(splits.train)), 8)))
    reads.clear()
    with run.trial("test") as trial:
        list(trial.steps_at([0.01] * 3))
    assert reads == []


def test_trial_uses_other_options_of_optimizer_and_scheduler():
    """Those of the recipe stay as they are."""
    run = new_run("scheduler={name: one_cycle, max_lr: 0.1}")
    with run.trial("probe", values={"optimizer.weight_decay": 0.25, "scheduler.max_lr": 0.2}) as trial:
        assert trial._step.optimizer.param_groups[0]["weight_decay"] == 0.25
        next(trial.steps())
    assert run.recipe.value("scheduler.max_lr") == 0.1
    assert run.recipe.value("optimizer.weight_decay") != 0.25


def test_trial_that_is_scheduled_follows_the_recipes_schedule():
    """Its rates are those of the planned curve; without, the rate stays."""
    run = new_run("scheduler={name: one_cycle, max_lr: 0.1}")
    planned = lr_curve(run).rates[:3, 0].tolist()
    for scheduled, expected in ((True, planned), (False, [run.recipe.value("optimizer.lr")] * 3)):
        with run.trial("probe", scheduled=scheduled) as trial:
            steps, rates = trial.steps(), []
            for _ in range(3):
                rates.append(trial.learning_rate)
                next(steps)
        assert rates == expected


def test_trial_refuses_an_option_that_the_recipe_has_not():
    """As the check of a recipe does."""
    with (
        pytest.raises(RecipeError, match="weight_decay"),
        new_run().trial("probe", values={"optimizer.weight_dcay": 1}),
    ):
        pass


class Warming:
    """A plugin whose schedule begins at a rate of zero."""

    @hookimpl
    def cvkit_schedulers(self):
        yield Component("warm", f"{__name__}:warm", "Warm up from zero")


def warm(optimizer, plan):
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / 10)


def test_scheduled_trial_may_begin_at_a_rate_of_zero():
    """The ratios of parameter groups are those of the optimizer, before the schedule moves them."""
    catalog = discover()
    catalog.admit(Origin("warming", "warming", "1.0"), Warming())
    recipe = resolve(read_text(RECIPE, ["scheduler=warming/warm"]), catalog)
    run = build_parts(recipe, recipe.dataset.build(Path("unused")))
    with run.trial("probe", scheduled=True) as trial:
        assert trial.learning_rate == 0.0
        next(trial.steps())
        assert trial.learning_rate > 0


@pytest.mark.parametrize("path", ["train.batch_size", "model.width", "seed"])
def test_trial_refuses_values_that_it_would_not_use(path):
    """Only the optimizer and the scheduler are built for a trial."""
    wrong = new_run().trial("probe", values={path: 4})
    with pytest.raises(RecipeError, match=path.replace(".", r"\.")), wrong:
        pass
