"""torch's own parts: optimizers, the loss, and schedules as pure functions of the optimizer step."""

from __future__ import annotations

import json
import math
import warnings

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.optim.lr_scheduler import CosineAnnealingLR, StepLR

from cvkit import DataInfo, StepPlan
from cvkit_torch.losses import cross_entropy
from cvkit_torch.optimizers import adamw, sgd
from cvkit_torch.schedulers import constant, cosine, step

PLAN = StepPlan(steps_per_epoch=5, epochs=6)
INFO = DataInfo(3, 32, 32, ("a", "b", "c"), mean=(0.5,) * 3, std=(0.2,) * 3)
SCHEDULES = {
    "constant": constant,
    "step": lambda optimizer, plan: step(optimizer, plan, every=2, gamma=0.5),
    "cosine": cosine,
    "warm cosine": lambda optimizer, plan: cosine(optimizer, plan, warmup_epochs=1.5, final_lr_ratio=0.1),
}


def weights(layout=torch.contiguous_format):
    """A convolution's weight in the given layout, and a bias."""
    generator = torch.Generator().manual_seed(0)
    kernel = torch.randn(8, 6, 3, 3, generator=generator).contiguous(memory_format=layout)
    return [torch.nn.Parameter(kernel), torch.nn.Parameter(torch.zeros(8))]


def train(optimizer, params, steps):
    """Take steps with gradients that depend on the step alone."""
    for number in steps:
        generator = torch.Generator().manual_seed(number)
        for parameter in params:
            parameter.grad = torch.empty_like(parameter).copy_(torch.randn(parameter.shape, generator=generator))
        optimizer.step()


def rates(schedule, plan=PLAN, groups=(0.4,)):
    """The learning rates of each step of a whole run, with every warning an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer = sgd([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in groups])
        scheduler = schedule(optimizer, plan)
        series = []
        for _ in range(plan.total_steps):
            series.append([group["lr"] for group in optimizer.param_groups])
            optimizer.step()
            scheduler.step()
        after = [group["lr"] for group in optimizer.param_groups]
    assert all(math.isfinite(lr) and lr >= 0 for lr in after)
    return series


def test_sgd_takes_torchs_steps():
    """The same weights as torch.optim.SGD with the same settings."""
    ours, theirs = weights(), weights()
    train(sgd(ours, lr=0.1, momentum=0.8, nesterov=True, weight_decay=5e-4), ours, range(4))
    train(torch.optim.SGD(theirs, lr=0.1, momentum=0.8, nesterov=True, weight_decay=5e-4), theirs, range(4))
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_adamw_takes_torchs_steps():
    """The same weights as torch.optim.AdamW with the same settings, betas given as a recipe's list."""
    ours, theirs = weights(), weights()
    train(adamw(ours, lr=0.01, betas=[0.8, 0.99], eps=1e-6, weight_decay=0.1), ours, range(4))
    train(torch.optim.AdamW(theirs, lr=0.01, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.1), theirs, range(4))
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_sgd_refuses_nesterov_without_momentum(wording):
    """The combination torch refuses is named in the recipe's words."""
    with pytest.raises(ValueError, match="nesterov: true") as caught:
        sgd(weights(), momentum=0.0, nesterov=True)
    assert str(caught.value) == wording


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("make", [sgd, adamw])
def test_optimizer_resumes_bit_identically_from_contiguous_state(make, layout):
    """State stored contiguously, as in safetensors, gets the parameters' layout back and goes on exactly."""
    straight = weights(layout)
    train(make(straight), straight, range(6))

    first = weights(layout)
    before = make(first)
    train(before, first, range(3))
    saved = before.state_dict()
    saved["state"] = {
        index: {key: value.contiguous() for key, value in state.items()} for index, state in saved["state"].items()
    }
    second = [torch.nn.Parameter(parameter.detach().clone()) for parameter in first]
    after = make(second)
    after.load_state_dict(saved)
    kernel_state = [value for value in after.state[second[0]].values() if value.shape == second[0].shape]
    assert kernel_state
    assert all(value.stride() == second[0].stride() for value in kernel_state)
    train(after, second, range(3, 6))
    assert all(torch.equal(a, b) for a, b in zip(straight, second, strict=True))


def test_balanced_weights_give_every_class_the_same_share():
    """As scikit-learn's, with a mean of 1 over the training images; the loss is a mean over samples."""
    loss = cross_entropy(INFO, (6, 3, 1), class_weights="balanced")
    labels = torch.tensor([0] * 6 + [1] * 3 + [2])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels.numpy())
    assert loss.weight.tolist() == pytest.approx(expected.tolist())
    logits = torch.zeros(10, 3)
    assert float(loss(logits, labels)) == pytest.approx(math.log(3))
    parts = [float(loss(logits[part], labels[part])) for part in (slice(0, 9), slice(9, 10))]
    assert 0.9 * parts[0] + 0.1 * parts[1] == pytest.approx(math.log(3))
    assert parts[1] == pytest.approx(10 / 3 * math.log(3))


def test_weights_of_classes_are_numbers_or_an_error(wording):
    """One for each class; a class without images has 1 where the others are balanced."""
    assert cross_entropy(INFO, class_weights=[1.0, 2.0, 0.0]).weight.tolist() == [1.0, 2.0, 0.0]
    assert cross_entropy(INFO, (2, 0, 2), class_weights="balanced").weight.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="2 numbers") as error:
        cross_entropy(INFO, class_weights=[1.0, 2.0])
    assert str(error.value) == wording
    with pytest.raises(ValueError, match="all 0"):
        cross_entropy(INFO, class_weights=[0.0, 0.0, 0.0])


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_equal_weights_change_nothing(smoothing):
    """Also with smoothed targets."""
    logits, labels = torch.randn(6, 3, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 1, 2, 0, 1, 2])
    plain = cross_entropy(INFO, label_smoothing=smoothing)(logits, labels)
    equal = cross_entropy(INFO, label_smoothing=smoothing, class_weights=[1.0, 1.0, 1.0])(logits, labels)
    assert torch.allclose(plain, equal)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_is_the_mean_over_smoothed_targets(smoothing):
    """The loss is the mean of -sum(target * log softmax), the target smoothed evenly over the classes."""
    logits, labels = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 2, 1, 1])
    target = torch.nn.functional.one_hot(labels, 3) * (1 - smoothing) + smoothing / 3
    expected = -(target * logits.log_softmax(1)).sum(1).mean()
    assert torch.allclose(cross_entropy(INFO, label_smoothing=smoothing)(logits, labels), expected)


def test_constant_keeps_the_learning_rate():
    """Every step has the optimizer's own."""
    assert rates(constant) == [[0.4]] * 30


def test_step_multiplies_every_few_epochs():
    """The rate falls by gamma after every second epoch, and is torch's StepLR."""
    series = [lr for (lr,) in rates(SCHEDULES["step"])]
    assert series == [0.4] * 10 + [0.2] * 10 + [0.1] * 10
    theirs = rates(lambda optimizer, plan: StepLR(optimizer, 10, gamma=0.5))
    assert series == pytest.approx([lr for (lr,) in theirs])


def test_cosine_is_half_a_cosine():
    """Without warm-up it is torch's CosineAnnealingLR over all steps."""
    theirs = rates(lambda optimizer, plan: CosineAnnealingLR(optimizer, plan.total_steps, eta_min=0.04))
    ours = rates(lambda optimizer, plan: cosine(optimizer, plan, final_lr_ratio=0.1))
    assert [lr for (lr,) in ours] == pytest.approx([lr for (lr,) in theirs], abs=1e-12)


def test_cosine_warms_up_linearly_to_the_full_rate():
    """Eight steps rise evenly, the ninth has the full rate, and the rest falls along the closed form."""
    series = [lr for (lr,) in rates(SCHEDULES["warm cosine"])]
    rise = [0.4 * (n + 1) / 9 for n in range(8)]
    fall = [0.4 * (0.1 + 0.9 * (1 + math.cos(math.pi * n / 22)) / 2) for n in range(22)]
    assert series == pytest.approx(rise + fall)


def test_cosine_refuses_a_warmup_as_long_as_the_run(wording):
    """A warm-up that leaves nothing to fall in is named with the run's length."""
    optimizer = sgd(weights())
    with pytest.raises(ValueError, match="warmup_epochs") as caught:
        cosine(optimizer, PLAN, warmup_epochs=6)
    assert str(caught.value) == wording


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule_keeps_the_ratio_of_groups(name):
    """Groups of different learning rates keep their ratio at every step."""
    for small, large in rates(SCHEDULES[name], groups=(0.01, 0.64)):
        assert large == pytest.approx(64 * small)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize(
    "plan", [StepPlan(steps_per_epoch=2, epochs=2), StepPlan(steps_per_epoch=7, epochs=2)], ids=str
)
def test_schedule_holds_on_short_runs(name, plan):
    """Runs of a few steps have a finite rate above zero at each of them."""
    assert all(lr > 0 for (lr,) in rates(SCHEDULES[name], plan=plan))


@pytest.mark.parametrize("at", [1, 5, 12, 29])
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule_resumes_through_json(name, at):
    """Restored at any step from states that passed through JSON, the rates go on exactly."""
    expected = rates(SCHEDULES[name])

    first = sgd([torch.nn.Parameter(torch.zeros(1))], lr=0.4)
    scheduler = SCHEDULES[name](first, PLAN)
    for _ in range(at):
        first.step()
        scheduler.step()
    stored = json.loads(json.dumps([first.state_dict()["param_groups"], scheduler.state_dict()]))

    second = sgd([torch.nn.Parameter(torch.zeros(1))], lr=0.4)
    resumed = SCHEDULES[name](second, PLAN)
    second.load_state_dict({"state": {}, "param_groups": stored[0]})
    resumed.load_state_dict(stored[1])
    series = []
    for _ in range(at, PLAN.total_steps):
        series.append([group["lr"] for group in second.param_groups])
        second.step()
        resumed.step()
    assert series == expected[at:]
