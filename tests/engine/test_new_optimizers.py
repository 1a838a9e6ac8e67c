"""Optimizers that need names, a closure or two modes, in a run."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import schedulefree
import torch

from cvkit import EpochRecord, RecipeError, RunError, discover, resolve, trainer
from cvkit.engine.step import training_mode
from cvkit.recipe import read_any
from cvkit_torch.schedule_free import schedule_free_adamw

RECIPE = {
    "dataset": {"name": "shapes", "train_size": 60, "test_size": 20},
    "model": {"name": "custom_resnet", "width": 4},
    "optimizer": {"name": "muon", "lr": 0.01},
    "scheduler": "cosine",
    "train": {"epochs": 2, "batch_size": 20},
}


@pytest.mark.parametrize("name", ["sam", "schedule_free_adamw"])
def test_optimizer_resumes_to_the_bit(name):
    """With averaged weights, accumulation and clipping; an evaluation between two steps changes nothing."""
    recipe = RECIPE | {"optimizer": {"name": name, "lr": 0.01}, "scheduler": "constant"}
    recipe["train"] = {"epochs": 2, "batch_size": 10, "accumulate": 2, "ema": 0.9, "clip_norm": 1.0}
    first, second = trainer(recipe), trainer(recipe)
    events = first.fit()
    next(events)
    first.trained()
    second.restore(first.state())
    for events_left in (events, second.fit()):
        assert list(events_left)
    for a, b in zip(first.parts.model.parameters(), second.parts.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_weights_outside_a_step_are_the_average():
    """An evaluation after every step, by whatever means, sees the mode for evaluation."""
    run = trainer(RECIPE | {"optimizer": {"name": "schedule_free_adamw", "lr": 0.01}, "scheduler": "constant"})
    optimizer = run.train_step.optimizer
    for event in run.fit():
        assert not any(group["train_mode"] for group in optimizer.param_groups), event
    latest = [optimizer.state[weight]["z"] for weight in run.parts.model.parameters()]
    assert not any(map(torch.equal, latest, run.parts.model.parameters()))


def test_schedule_free_step_equals_the_reference():
    """A least-squares problem: the weights are those of the library that stays in its mode for training."""
    inputs, target = torch.randn(20, 4), torch.randn(20)
    ours, theirs = (torch.nn.Parameter(torch.ones(4)) for _ in range(2))
    options = {"lr": 0.05, "betas": (0.9, 0.99), "weight_decay": 0.1, "warmup_steps": 3}
    one, other = schedule_free_adamw([ours], **options), schedulefree.AdamWScheduleFree([theirs], **options)
    other.train()
    for _ in range(30):
        with training_mode(one, lambda call: call()):
            one.zero_grad()
            ((inputs @ ours - target) ** 2).mean().backward()
            one.step()
        other.zero_grad()
        ((inputs @ theirs - target) ** 2).mean().backward()
        other.step()
    other.eval()
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("betas", "accepted"), [([0, 0.999], False), ([1, 0.999], False), ([0.9, 1], False), ([0.01, 0], True)]
)
def test_first_beta_of_schedule_free_is_above_0(betas, accepted):
    """The library divides by it in `eval()`."""
    recipe = RECIPE | {"optimizer": {"name": "schedule_free_adamw", "betas": betas}, "scheduler": "constant"}
    with nullcontext() if accepted else pytest.raises(RecipeError, match="'betas' for optimizer"):
        resolve(read_any(recipe), discover())


def test_averaged_weights_average_those_that_are_evaluated():
    """With `train.ema` the average is over the weights in the mode for evaluation."""
    recipe = RECIPE | {"optimizer": {"name": "schedule_free_adamw", "lr": 0.01}, "scheduler": "constant"}
    run = trainer(recipe, set={"train.ema": 0.9, "train.max_steps": 1})
    assert list(run.fit())
    for averaged, weight in zip(run.parts.ema.module.parameters(), run.parts.model.parameters(), strict=True):
        assert torch.equal(averaged, weight)


def test_sam_leaves_frozen_weights_alone():
    """The first step of training the head changes nothing else; later the whole network is trained."""
    recipe = RECIPE | {"optimizer": {"name": "sam", "lr": 0.05}, "finetune": {"freeze": {"epochs": 1}}}
    run = trainer(recipe)
    head = run.parts.finetuning.head
    before = {name: weight.detach().clone() for name, weight in run.parts.model.named_parameters()}
    changed = []
    for event in run.fit():
        if isinstance(event, EpochRecord):
            now = dict(run.parts.model.named_parameters())
            changed.append({name for name, weight in now.items() if not torch.equal(weight, before[name])})
    assert changed[0]
    assert all(name.startswith(f"{head}.") for name in changed[0])
    assert any(not name.startswith(f"{head}.") for name in changed[1])


def test_closure_with_fp16_is_refused():
    """The scale of the loss changes with each gradient."""
    with pytest.raises(RunError, match="use bf16 or fp32"):
        trainer(RECIPE | {"optimizer": "sam", "train": {"epochs": 1, "batch_size": 20, "precision": "fp16"}})


@pytest.mark.parametrize("finetune", [{}, {"head_lr": 10.0, "no_decay": ["bias"]}], ids=["plain", "groups"])
def test_muon_resumes_to_the_bit(finetune):
    """A state after a step leads to the same weights, with and without parameter groups."""
    first = trainer(RECIPE | {"finetune": finetune})
    events = first.fit()
    next(events)
    state = first.state()
    second = trainer(RECIPE | {"finetune": finetune})
    second.restore(state)
    assert [list(events) and None, list(second.fit()) and None] == [None, None]
    for a, b in zip(first.parts.model.parameters(), second.parts.model.parameters(), strict=True):
        assert torch.equal(a, b)
    named = dict(first.parts.model.named_parameters())
    held = [name for group in first.train_step.optimizer.param_groups for name in group["param_names"]]
    assert sorted(held) == sorted(named)
