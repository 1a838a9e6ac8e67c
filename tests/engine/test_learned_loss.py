"""A loss with weights of its own is trained and kept with the model's."""

from __future__ import annotations

import json

import pytest
import torch

from cvkit import CheckpointError, DivergedError
from cvkit.checkpoint.serialization import pack, unpack
from cvkit.engine.trainer import Step

PLUGIN = '''
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from cvkit import Component, hookimpl


@hookimpl
def cvkit_losses():
    yield Component("arc", "strange_parts:Arc", "A bias that is learned")
    yield Component("modes", "strange_parts:Modes", "Notes its modes")


@hookimpl
def cvkit_models():
    yield Component("net", "strange_parts:Net", "A linear layer under the name of a loss")


class Arc(nn.Module):
    """Cross-entropy with a bias for each class that is learned, drawn at random first."""

    def __init__(self, info):
        super().__init__()
        self.bias = nn.Parameter(torch.randn(info.num_classes))
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, logits, labels):
        if self.training:
            self.seen += len(labels)
        return cross_entropy(logits + self.bias, labels)


class Modes(nn.Module):
    """Notes in which modes it is called."""

    def __init__(self, info):
        super().__init__()
        self.modes = []

    def forward(self, logits, labels):
        self.modes.append(self.training)
        return cross_entropy(logits, labels)


class Net(nn.Module):
    """A model with a parameter called loss.bias."""

    def __init__(self, info):
        super().__init__()
        self.loss = nn.Linear(info.channels * info.height * info.width, info.num_classes)

    def forward(self, images):
        return self.loss(images.flatten(1))
'''
ARC = ("loss=arc", "model=net", "optimizer.lr=0.01", "scheduler=constant", "train.epochs=2")


def taken(run, steps):
    """The run after that many steps."""
    for event in run.fit():
        if isinstance(event, Step) and event.step == steps:
            return run
    pytest.fail("it took fewer steps")


def test_weights_of_a_loss_are_trained(strange_run):
    """Each step moves them, by a gradient of that step alone."""
    run = strange_run(PLUGIN, *ARC, "optimizer={name: sgd, lr: 0.01}")
    before = run.parts.loss.bias.detach().clone()
    taken(run, 3)
    moved = run.parts.loss.bias.detach().clone()
    assert not torch.equal(moved, before)
    gradient = run.parts.loss.bias.grad
    torch.testing.assert_close(gradient.sum(), torch.zeros(()), atol=1e-6, rtol=0)  # of one softmax less its labels
    assert gradient.abs().sum() <= 2


def test_first_weights_of_a_loss_follow_from_the_seed(strange_run):
    """Whatever the global generators say."""
    torch.manual_seed(1)
    one = strange_run(PLUGIN, *ARC).parts.loss.bias
    torch.manual_seed(2)
    same, other = strange_run(PLUGIN, *ARC).parts.loss.bias, strange_run(PLUGIN, *ARC, "seed=1").parts.loss.bias
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("optimizer", ["{name: sgd, lr: 0.01, momentum: 0.9}", "{name: adamw, lr: 0.01}"])
def test_resumed_run_has_the_weights_and_buffers_of_its_loss(strange_run, optimizer):
    """With the optimizer's state of them, in a model that has a parameter of the same name: bit for bit."""
    whole, first, second = (strange_run(PLUGIN, *ARC, f"optimizer={optimizer}") for _ in range(3))
    taken(whole, 12)
    packed, tensors = pack(taken(first, 7).state())
    second.restore(unpack(json.loads(json.dumps(packed)), tensors))
    taken(second, 12)
    assert torch.equal(whole.parts.loss.bias, second.parts.loss.bias)
    assert torch.equal(whole.parts.model.loss.bias, second.parts.model.loss.bias)
    assert float(second.parts.loss.seen) == 12 * 8


def test_gradient_is_clipped_together_with_that_of_the_loss(strange_run):
    """The norm is one over all that the optimizer moves."""
    run = strange_run(PLUGIN, *ARC, "optimizer={name: sgd, lr: 1.0}", "train.clip_norm=0.01")
    trained = [*run.parts.model.parameters(), run.parts.loss.bias]
    before = torch.cat([p.detach().flatten() for p in trained])
    taken(run, 1)
    after = torch.cat([p.detach().flatten() for p in trained])
    torch.testing.assert_close((after - before).norm(), torch.tensor(0.01), rtol=1e-3, atol=0)


def test_trial_trains_a_copy_of_the_loss(strange_run):
    """The run's own stays."""
    run = strange_run(PLUGIN, *ARC)
    before = run.parts.loss.bias.detach().clone()
    with run.parts.trial("probe") as trial:
        next(steps := trial.steps())
        next(steps)
        assert not torch.equal(trial._step.forward.loss.bias, before)
    assert torch.equal(run.parts.loss.bias, before)


def test_loss_that_is_no_longer_finite_is_never_given_out(strange_run, wording):
    """Its weights count like the model's."""
    run = strange_run(PLUGIN, *ARC)
    with torch.no_grad():
        run.parts.loss.bias[0] = torch.inf
    with pytest.raises(DivergedError, match=r"\bbias\b") as caught:
        run.state()
    assert str(caught.value) == wording


def test_loss_is_in_training_mode_only_while_training(strange_run):
    """Eight steps of an epoch, and the evaluation's one batch."""
    run = strange_run(PLUGIN, "loss=modes", "train.epochs=1")
    run.parts.loss.modes.clear()
    list(run.fit())
    assert run.parts.loss.modes == [True] * 8 + [False]


def test_checkpoint_without_a_loss_still_resumes(make_run, same):
    """As older ones are, which kept none; the built-in losses have no weights."""
    whole, again = make_run(), make_run()
    state = taken(whole, 5).state()
    del state["loss"]
    again.restore(state)
    same(whole.parts.model.state_dict(), again.parts.model.state_dict())


def test_checkpoint_that_lacks_the_weights_of_a_loss_is_refused(strange_run, wording):
    """It would go on with others than it was trained with."""
    state = taken(strange_run(PLUGIN, *ARC), 5).state()
    del state["loss"]
    with pytest.raises(CheckpointError, match="strange_parts/arc") as caught:
        strange_run(PLUGIN, *ARC).restore(state)
    assert str(caught.value) == wording
