"""One cycle equals torch's where torch's is right, and says so where it cannot be."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR

from cvkit import Plan, RunError
from cvkit_onecycle.schedule import one_cycle


def sgd(*rates: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([{"params": [torch.zeros(1)], "lr": rate} for rate in rates or (0.1,)], momentum=0.9)


def adam() -> torch.optim.Optimizer:
    return torch.optim.Adam([torch.zeros(1)], lr=0.1, betas=(0.9, 0.99))


def followed(optimizer, scheduler, steps):
    """The rates and momenta used by each of `steps` steps; the scheduler is stepped between them."""
    used = []
    for step in range(steps):
        group = optimizer.param_groups[0]
        momentum = group["betas"][0] if "betas" in group else group["momentum"]
        used.append(([g["lr"] for g in optimizer.param_groups], momentum))
        optimizer.step()
        if step < steps - 1:
            scheduler.step()
    return used


@pytest.mark.parametrize("total", [7, 10, 97, 1000])
@pytest.mark.parametrize("anneal", ["cos", "linear"])
@pytest.mark.parametrize("fraction", [0.25, 0.3, 0.4])
@pytest.mark.parametrize("make", [sgd, adam])
def test_schedule_equals_torchs_exactly(total, anneal, fraction, make):
    """Rates and momenta of every step, to the last bit."""
    ours, theirs = make(), make()
    expected = OneCycleLR(
        theirs,
        max_lr=0.4,
        total_steps=total,
        pct_start=fraction,
        anneal_strategy=anneal,
        div_factor=20,
        final_div_factor=500,
    )
    scheduler = one_cycle(
        ours, Plan(total, 1), max_lr=0.4, peak_fraction=fraction, anneal=anneal, div=20, final_div=500
    )
    assert followed(ours, scheduler, total) == followed(theirs, expected, total)


def test_peak_epoch_puts_the_peak_at_that_epochs_last_step():
    """As torch's pct_start = peak_epoch / epochs does."""
    optimizer = sgd()
    rates = [
        lr[0] for lr, _ in followed(optimizer, one_cycle(optimizer, Plan(98, 24), max_lr=0.4, peak_epoch=5), 98 * 24)
    ]
    assert rates.index(max(rates)) == 5 * 98 - 1
    assert rates[0] == pytest.approx(0.4 / 25)
    assert rates[-1] == pytest.approx(0.4 / 25 / 1e4)


def test_parameter_groups_keep_their_ratios():
    """torch gives every group the same scalar max_lr."""
    optimizer = sgd(0.1, 0.01)
    for rates, _ in followed(optimizer, one_cycle(optimizer, Plan(20, 1), max_lr=1.0), 20):
        assert rates[1] == pytest.approx(rates[0] / 10)


def test_rate_stays_at_its_floor_after_the_last_step():
    """torch's goes on past the end: with a linear anneal it turns negative."""
    optimizer = sgd()
    scheduler = one_cycle(optimizer, Plan(10, 1), max_lr=1.0, anneal="linear")
    for _ in range(13):
        optimizer.step()
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1 / 25 / 1e4)


@pytest.mark.parametrize(
    "options", [{"peak_fraction": 0.1}, {"peak_fraction": 0.05}, {"peak_epoch": 1.0}, {"peak_epoch": 2.0}]
)
def test_plan_without_room_for_both_phases_is_refused(options):
    """torch divides by zero at a peak on step one, and skips the warm-up in silence before it."""
    with pytest.raises(RunError, match=r"10 steps .* leave no room for a rise and a fall"):
        one_cycle(sgd(), Plan(10, 1), max_lr=0.1, **options)


def test_momentum_is_left_alone_when_not_cycled():
    """0.9 throughout."""
    optimizer = sgd()
    scheduler = one_cycle(optimizer, Plan(20, 1), max_lr=0.1, cycle_momentum=False)
    assert {momentum for _, momentum in followed(optimizer, scheduler, 20)} == {0.9}


@pytest.mark.parametrize("at", [1, 6, 19])
def test_schedule_resumed_at_any_step_goes_on_exactly(at):
    """The state is the step; a new total comes from the new recipe, not from the old state."""
    whole = sgd()
    expected = followed(whole, one_cycle(whole, Plan(20, 1), max_lr=0.1), 20)
    first = sgd()
    scheduler = one_cycle(first, Plan(20, 1), max_lr=0.1)
    followed(first, scheduler, at)
    scheduler.step()
    second = sgd()
    resumed = one_cycle(second, Plan(20, 1), max_lr=0.1)
    resumed.load_state_dict(scheduler.state_dict())
    assert followed(second, resumed, 20 - at) == expected[at:]


def test_schedule_warns_of_nothing():
    """Over all its steps."""
    optimizer = sgd()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        followed(optimizer, one_cycle(optimizer, Plan(20, 1), max_lr=0.1), 20)
