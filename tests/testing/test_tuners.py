"""The checks of tuners: a right one passes each, and each catches a tuner made to break it."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from masked import without_numbers, without_quotes

from cvkit import Proposal
from cvkit.testing import Suite, TunerSuite


def try_rates(run):
    """Train a copy for three steps at each of a few rates, and propose the one whose last loss is lowest."""
    losses = {}
    for rate in (0.01, 0.1):
        with run.trial("try rates") as trial:
            *_, losses[rate] = trial.steps_at([rate] * 3)
    best = min(losses, key=losses.__getitem__)
    data = {"losses": list(losses.values())}
    return Proposal(best, "it has the lowest loss", "Rates tried", data=data, draw=lambda figure: figure.subplots())


class TestRight(TunerSuite):
    factory = staticmethod(try_rates)


class TestRightForTheOptimizer(TunerSuite):
    factory = staticmethod(try_rates)
    recipe = "{dataset: sample/colours, model: sample/net, optimizer: {name: torch/sgd, lr: 0.1}, train: {epochs: 1}}"
    sets = "optimizer.lr"


def proposes(**changes):
    """Make a tuner whose proposal is changed."""

    def make(run):
        return replace(try_rates(run), **changes)

    return make


def disturbs(action):
    """Make a tuner that does something to the run beside proposing."""

    def make(run):
        action(run)
        return try_rates(run)

    return make


def proposes_a_number(run):
    return 0.1


def proposes_by_chance(run):
    return replace(try_rates(run), value=random.random())


def trains_the_run_itself(run):
    images, labels = run.splits.train.images[:8], run.splits.train.labels[:8]
    run.loss(run.model(run.preprocessor.for_evaluation(images)), labels).backward()
    with torch.no_grad():
        for parameter in run.model.parameters():
            parameter -= 0.1 * parameter.grad
    run.model.zero_grad()


def looks_in_training_mode(run):
    with torch.no_grad():
        run.model.train()(run.preprocessor.for_evaluation(run.splits.train.images[:8]))


def only_counts_in_a_buffer(run):
    run.model.seen += 8


def leaves_evaluation_on(run):
    run.model.eval()


def leaves_gradients(run):
    run.model(run.preprocessor.for_evaluation(run.splits.train.images[:8])).sum().backward()


def asks_the_loss_itself(run):
    run.loss(torch.zeros(2, 10), torch.arange(2))


def augments_by_itself(run):
    run.preprocessor.augment(run.splits.train.images[:8], run.splits.train.labels[:8])


def sorts_the_images(run):
    order = run.splits.train.labels.argsort()
    run.train_source._images, run.train_source._labels = (
        run.splits.train.images[order],
        run.splits.train.labels[order],
    )


TWINS = [
    ("proposal", proposes_a_number, "float"),
    ("proposal", proposes(reason=" "), ""),
    ("value", proposes(value=None), "it has the lowest loss"),
    ("value", proposes(value=-1.0), "scheduler.max_lr"),
    ("data", proposes(data={"losses": [float("nan")]}), "ValueError"),
    ("data", proposes(data={"losses": torch.zeros(2)}), "TypeError"),
    ("figure", proposes(draw=lambda figure: None), ""),
    ("figure", proposes(draw=lambda figure: figure.plot()), "AttributeError"),
    ("repeatable", proposes_by_chance, "0."),
    ("leaves_weights", disturbs(trains_the_run_itself), "features.0.weight"),
    ("leaves_weights", disturbs(looks_in_training_mode), "features.1.running_mean"),
    ("leaves_weights", disturbs(only_counts_in_a_buffer), "seen"),
    ("leaves_modes", disturbs(leaves_evaluation_on), "''"),
    ("leaves_modes", disturbs(leaves_gradients), "'features.0.weight'"),
    ("leaves_parts", disturbs(asks_the_loss_itself), "'asked'"),
    ("leaves_parts", disturbs(augments_by_itself), "'0.batches'"),
    ("leaves_generators", disturbs(lambda run: random.random()), "Python"),
    ("leaves_generators", disturbs(lambda run: np.random.rand()), "NumPy"),
    ("leaves_generators", disturbs(lambda run: torch.rand(())), "torch"),
    ("trains_on", disturbs(sorts_the_images), ""),
]


@pytest.mark.parametrize(("check", "twin", "value"), TWINS, ids=[f"{c}-{n}" for n, (c, *_) in enumerate(TWINS)])
def test_check_catches_its_broken_twin(check, twin, value, seen, wording):
    """What the twin does wrong is what the failure says was seen, with its own names and numbers."""
    said = seen(TunerSuite, check, twin)
    assert value in said
    assert without_quotes(without_numbers(said)) == wording


def test_environment_disables_nothing(monkeypatch):
    """The suite's recipe has its parts wherever it runs."""
    monkeypatch.setenv("CVKIT_DISABLE_PLUGINS", "torch,onecycle")
    type("Right", (TunerSuite,), {"factory": staticmethod(try_rates)})().test_value()


def test_every_check_has_a_twin():
    """No check is trusted that has never failed."""
    assert {check for check, *_ in TWINS} == TunerSuite.checks() - Suite.checks()
