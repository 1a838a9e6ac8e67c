"""Whoever looks at a run between two of its steps changes nothing of what it trains."""

from __future__ import annotations

import pytest
import torch

from cvkit.diagnostics.augmented_views import augmented_sheet
from cvkit.engine.lr_curve import lr_curve
from cvkit.engine.trainer import Step

PLUGIN = '''
import torch
from torch import nn

from cvkit import Component, hookimpl


@hookimpl
def cvkit_models():
    yield Component("net", "strange_parts:Net", "Normalised in batches, with dropout")


@hookimpl
def cvkit_augmentations():
    yield Component("dim", "strange_parts:Dim", "Darker with every batch")
    yield Component("fade", "strange_parts:Fade", "Darker with every image", per_sample=True)


@hookimpl
def cvkit_optimizers():
    yield Component("watching", "strange_parts:watching", "SGD that notes each gradient in its weight")


class Net(nn.Sequential):
    """What differs between training and evaluation, both kinds of it."""

    def __init__(self, info):
        layers = nn.Conv2d(info.channels, 4, 5, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3)
        super().__init__(*layers, nn.Flatten(), nn.LazyLinear(info.num_classes))
        self(torch.zeros(2, info.channels, info.height, info.width))
        self[1].reset_running_stats()


class Dim:
    """Keeps a count of its own."""

    def __init__(self, info):
        self.calls = 0

    def __call__(self, images):
        self.calls += 1
        return images / (1 + 0.01 * self.calls)


class Fade(Dim):
    """The same for one image."""

    def __call__(self, image):
        self.calls += 1
        return (image - self.calls % 9).clamp(0)


def watching(params, *, lr: float = 0.1):
    """Halves the weights' gradients as they come, by a hook on each."""
    params = list(params)
    for parameter in params:
        if parameter.requires_grad:
            parameter.register_hook(lambda gradient: gradient / 2)
    return torch.optim.SGD(params, lr=lr, momentum=0.9)
'''


def trial(run):
    with run.parts.trial("probe", hold_out=8) as trial:
        next(trial.steps())
        trial.held_out()


READERS = {
    "state": lambda run: run.state(),
    "predict": lambda run: run.evaluator.predict(),
    "flipped": lambda run: run.evaluator.predict(flip=True),
    "final_predictions": lambda run: run.final_predictions(),
    "augmented": lambda run: run.parts.augmented(run.parts.splits.train.images[:3], 0),
    "augmented_sheet": lambda run: augmented_sheet(run.parts),
    "trained": lambda run: run.trained().logits(run.parts.splits.test.images),
    "trained_with_gradient": lambda run: run.trained().model(torch.rand(2, 3, 32, 32)).sum().backward(),
    "new_schedule": lambda run: run.parts.new_schedule(),
    "lr_curve": lambda run: lr_curve(run.parts),
    "trial": trial,
    "prepare": lambda run: run.train_step,
}


@pytest.fixture(scope="module")
def undisturbed():
    """The weights of runs that nobody looked at, by their settings."""
    return {}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("ema", ["null", "0.9"])
def test_reader_between_two_steps_changes_nothing(strange_run, undisturbed, reader, ema):
    """Weights, buffers and averages are to the bit those of a run that was left alone; so are its modes."""
    overrides = ("augmentations=[fade, dim]", "model=net", "optimizer=watching", "scheduler.peak_fraction=0.5")
    overrides += ("train.epochs=1", "train.workers=0", "train.accumulate=2", f"train.ema={ema}", "explainers=[]")

    def weights(look) -> dict[str, torch.Tensor]:
        run = strange_run(PLUGIN, *overrides)
        for event in run.fit():
            if isinstance(event, Step):
                modes = [module.training for module in [*run.parts.model.modules(), *run.parts.loss.modules()]]
                look(run)
                assert [
                    module.training for module in [*run.parts.model.modules(), *run.parts.loss.modules()]
                ] == modes
        kept = {**run.parts.model.state_dict(), **({} if run.parts.ema is None else run.parts.ema.state_dict())}
        return {name: tensor.clone() for name, tensor in kept.items()}

    if ema not in undisturbed:
        undisturbed[ema] = weights(lambda run: None)
    seen = weights(READERS[reader])
    assert [name for name in seen if not torch.equal(seen[name], undisturbed[ema][name])] == []


def test_model_that_is_looked_at_does_not_train_on(make_run):
    """What was asked for between two steps is the model of that moment, in evaluation mode."""
    run = make_run()
    events = run.fit()
    next(events)
    trained = run.trained()
    before = trained.logits(run.parts.splits.test.images)
    next(events)
    assert torch.equal(trained.logits(run.parts.splits.test.images), before)
    assert not any(module.training for module in trained.model.modules())
