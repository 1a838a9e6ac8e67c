"""What augmentations, models and losses see of the progress of training, wherever they run."""

from __future__ import annotations

import pytest

from cvkit import ComponentFailure, EpochRecord
from cvkit.engine.trainer import Step

PARTS = """
import torch
from torch import nn
import cvkit
from cvkit import Component, hookimpl
SEEN = {"batch": [], "sample": [], "model": [], "loss": []}

def see(kind):
    SEEN[kind].append(cvkit.progress())
    return cvkit.progress().fraction

class Batch:
    def __call__(self, images):
        return images * (1 - see("batch") / 2)

class Sample:
    def __call__(self, image):
        return (image * (1 - see("sample") / 2)).to(torch.uint8)

class Net(nn.Module):
    def __init__(self, info):
        super().__init__()
        self.linear = nn.Linear(info.channels * info.height * info.width, info.num_classes)
    def forward(self, images):
        if self.training:
            images = images * (1 + see("model"))
        return self.linear(images.flatten(1))

class Loss(nn.CrossEntropyLoss):
    def __init__(self, info):
        super().__init__()
    def forward(self, logits, labels):
        factor = 1 + see("loss") if self.training else 1
        return super().forward(logits, labels) * factor

class Careless(Loss):
    def forward(self, logits, labels):
        return super().forward(logits, labels) * (1 + cvkit.progress().fraction)

def batch(info):
    return Batch()

def sample(info):
    return Sample()

@hookimpl
def cvkit_augmentations():
    yield Component("batch", "strange_parts:batch")
    yield Component("sample", "strange_parts:sample", per_sample=True)
@hookimpl
def cvkit_models():
    yield Component("net", "strange_parts:Net")
@hookimpl
def cvkit_losses():
    yield Component("changing", "strange_parts:Loss")
    yield Component("careless", "strange_parts:Careless")
"""
ALL = ("augmentations=[sample, batch]", "model={name: strange_parts/net}", "loss={name: changing}")


def seen_in(run, kind):
    """Train and return (epoch, step) of what a part saw, each once, in order; and forget what was seen before."""
    import strange_parts

    for values in strange_parts.SEEN.values():
        values.clear()
    for _ in run.fit():
        pass
    return list(dict.fromkeys((one.epoch, one.step) for one in strange_parts.SEEN[kind]))


@pytest.mark.parametrize("kind", ["batch", "sample", "model", "loss"])
@pytest.mark.parametrize("knobs", [(), ("train.accumulate=3", "train.drop_last=false"), ("train.max_steps=11",)])
def test_every_part_sees_the_step_in_which_it_is_used(strange_run, kind, knobs):
    """Single images too, which are loaded batch by batch; `max_steps` shortens the run."""
    run = strange_run(PARTS, *ALL, "train.workers=0", *knobs)
    steps, planned = run.parts.batching.steps, run.parts.planned_steps
    assert seen_in(run, kind) == [(number // steps, number) for number in range(planned)]
    import strange_parts

    assert {(one.epochs, one.steps) for one in strange_parts.SEEN[kind]} == {(-(-planned // steps), planned)}


@pytest.mark.parametrize("workers", [0, 2])
def test_state_taken_midway_continues_bit_identically(strange_run, same, workers):
    """The progress is a function of counters, in this process and in those that load images."""
    knobs = (*ALL, f"train.workers={workers}", "train.accumulate=2", "train.epochs=2")
    whole = strange_run(PARTS, *knobs)
    expected = [event for event in whole.fit() if isinstance(event, EpochRecord)]
    first = strange_run(PARTS, *knobs)
    stop = first.parts.batching.steps + 2
    state = next(first.state() for event in first.fit() if isinstance(event, Step) and event.step == stop)
    second = strange_run(PARTS, *knobs)
    second.restore(state)
    records = [event for event in second.fit() if isinstance(event, EpochRecord)]
    same(whole.parts.model.state_dict(), second.parts.model.state_dict())
    assert records[-1].step_losses == expected[-1].step_losses
    unchanging = strange_run(PARTS, *knobs, "augmentations=[batch]")
    for _ in unchanging.fit():
        pass
    assert unchanging.parts.model.linear.weight.ne(whole.parts.model.linear.weight).any()


def test_trial_counts_its_own_steps(strange_run):
    """From the first one, of as many as the run has; it stays at the last one."""
    run = strange_run(PARTS, *ALL)
    import strange_parts

    strange_parts.SEEN["loss"].clear()
    with run.parts.trial("try") as trial:
        list(trial.steps_at([0.1] * (run.parts.planned_steps + 2)))
    numbers = [one.step for one in strange_parts.SEEN["loss"]]
    assert numbers == [*range(run.parts.planned_steps), *[run.parts.planned_steps - 1] * 2]


def test_part_that_asks_in_evaluation_is_found_before_training(strange_run):
    """By the check before a run, with the component's name."""
    with pytest.raises(ComponentFailure, match=r"careless.*evaluation and prediction have no progress"):
        strange_run(PARTS, "model={name: strange_parts/net}", "loss={name: careless}")


def test_images_that_are_shown_are_those_of_the_first_step(strange_run):
    """A report and a preview augment images outside training."""
    run = strange_run(PARTS, *ALL)
    import strange_parts

    strange_parts.SEEN["batch"].clear()
    run.parts.augmented([run.parts.splits.train[0][0]], 0)
    assert [one.step for one in strange_parts.SEEN["batch"]] == [0]
