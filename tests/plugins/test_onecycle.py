"""One cycle equals torch's where torch's is right, and says so where it cannot be."""

from __future__ import annotations

import itertools
import warnings

import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR

from cvkit import StepPlan
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
@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize("make", [sgd, adam])
def test_schedule_equals_torchs_exactly(total, anneal, fraction, three_phase, make):
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
        three_phase=three_phase,
    )
    scheduler = one_cycle(
        ours,
        StepPlan(total, 1),
        max_lr=0.4,
        peak_fraction=fraction,
        anneal=anneal,
        div=20,
        final_div=500,
        three_phase=three_phase,
    )
    assert followed(ours, scheduler, total) == followed(theirs, expected, total)


@pytest.mark.parametrize(
    ("options", "rates", "momenta"),
    [
        (
            {"final_div": 2},
            [1, 13, 25, 21.5, 18, 14.5, 11, 7.5, 4, 0.5],
            [22, 11.5, 1, 4, 7, 10, 13, 16, 19, 22],
        ),
        (
            {"final_div": 4, "three_phase": True, "peak_fraction": 0.4},
            [1, 9, 17, 25, 17, 9, 1, 0.75, 0.5, 0.25],
            [22, 15, 8, 1, 8, 15, 22, 22, 22, 22],
        ),
    ],
    ids=["two phases", "three phases"],
)
def test_schedule_is_torchs_published_table(options, rates, momenta):
    """The values torch tests its own with (test/optim/test_lrscheduler.py, one cycle, linear)."""
    optimizer = sgd()
    scheduler = one_cycle(
        optimizer, StepPlan(10, 1), max_lr=25, anneal="linear", base_momentum=1, max_momentum=22, **options
    )
    used = followed(optimizer, scheduler, 10)
    assert [lr for (lr,), _ in used] == pytest.approx(rates)
    assert [momentum for _, momentum in used] == pytest.approx(momenta)


def test_three_phases_come_back_to_the_start_before_the_end():
    """As far down as up, then on to the last rate, momentum back at its ends."""
    optimizer = sgd()
    scheduler = one_cycle(optimizer, StepPlan(5, 4), max_lr=1.0, peak_epoch=1, three_phase=True)
    used = followed(optimizer, scheduler, 20)
    rates = [lr for (lr,), _ in used]
    assert rates[:9] == pytest.approx(rates[8::-1])
    assert rates[4] == 1.0
    assert rates[-1] == pytest.approx(1 / 25 / 1e4)
    assert {momentum for _, momentum in used[8:]} == {0.95}


def test_schedule_is_a_function_of_the_step_alone():
    """Asked in any order, it answers the same: nothing is carried from one step to the next."""
    scheduler = one_cycle(sgd(), StepPlan(20, 1), max_lr=1.0, three_phase=True)
    steps = [7, 0, 19, 3, 7, 25, 12]
    answers = [scheduler.cycle(step, *scheduler.rates[0]) for step in steps]
    assert answers == [scheduler.cycle(step, *scheduler.rates[0]) for step in reversed(steps)][::-1]
    assert answers[5] == answers[2]


def test_peak_epoch_puts_the_peak_at_that_epochs_last_step():
    """As torch's pct_start = peak_epoch / epochs does."""
    optimizer = sgd()
    rates = [
        lr[0]
        for lr, _ in followed(optimizer, one_cycle(optimizer, StepPlan(98, 24), max_lr=0.4, peak_epoch=5), 98 * 24)
    ]
    assert rates.index(max(rates)) == 5 * 98 - 1
    assert rates[0] == pytest.approx(0.4 / 25)
    assert rates[-1] == pytest.approx(0.4 / 25 / 1e4)


@pytest.mark.parametrize("three_phase", [False, True])
def test_parameter_groups_keep_their_ratios(three_phase):
    """torch's scalar max_lr gives every group the same; its list, with the ratios worked out, equals ours."""
    ours, theirs = sgd(0.1, 0.02), sgd(0.1, 0.02)
    scheduler = one_cycle(ours, StepPlan(20, 1), max_lr=1.0, three_phase=three_phase)
    expected = OneCycleLR(theirs, max_lr=[1.0, 0.02 / 0.1], total_steps=20, three_phase=three_phase)
    used = followed(ours, scheduler, 20)
    assert used == followed(theirs, expected, 20)
    assert all(small == pytest.approx(large / 5) for (large, small), _ in used)


def test_rate_stays_at_its_floor_after_the_last_step():
    """torch's goes on past the end: with a linear anneal it turns negative."""
    optimizer = sgd()
    scheduler = one_cycle(optimizer, StepPlan(10, 1), max_lr=1.0, anneal="linear")
    for _ in range(13):
        optimizer.step()
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1 / 25 / 1e4)


@pytest.mark.parametrize(
    ("options", "value"),
    [
        ({"peak_fraction": 0.1}, r"step 1\b"),
        ({"peak_fraction": 0.05}, r"step 0\.5"),
        ({"peak_epoch": 1.0}, "step 10"),
        ({"peak_epoch": 2.0}, "step 20"),
        ({"peak_fraction": 0.1, "three_phase": True}, r"step 1\b"),
        ({"peak_fraction": 0.55, "three_phase": True}, "peak_fraction"),
        ({"peak_fraction": 0.8, "three_phase": True}, "peak_fraction"),
    ],
    ids=[
        "step one",
        "before step one",
        "last step",
        "after the end",
        "three on step one",
        "third phase",
        "third, late",
    ],
)
def test_plan_without_room_for_a_phase_is_refused(options, value, wording):
    """torch divides by zero at a peak on step one, and otherwise leaves the phase out in silence."""
    with pytest.raises(ValueError, match=value) as refused:
        one_cycle(sgd(), StepPlan(10, 1), max_lr=0.1, **options)
    assert str(refused.value) == wording


@pytest.mark.parametrize("total", [1, 2])
def test_one_or_two_steps_are_refused(total, wording):
    """There is no step left for the peak, which torch then never reaches."""
    said = set()
    for fraction, three_phase in itertools.product([0.3, 0.5, 0.75], [False, True]):
        with pytest.raises(ValueError, match=f"{total} ") as refused:
            one_cycle(sgd(), StepPlan(total, 1), max_lr=0.1, peak_fraction=fraction, three_phase=three_phase)
        said.add(str(refused.value))
    assert said == wording


def test_three_steps_are_enough():
    """The first rate, the peak and the last."""
    optimizer = sgd()
    scheduler = one_cycle(optimizer, StepPlan(3, 1), max_lr=1.0, peak_fraction=2 / 3)
    assert [lr for (lr,), _ in followed(optimizer, scheduler, 3)] == pytest.approx([1 / 25, 1.0, 1 / 25 / 1e4])


def test_momenta_the_wrong_way_round_are_refused(wording):
    """torch would raise the momentum together with the rate."""
    with pytest.raises(ValueError, match=r"base_momentum") as refused:
        one_cycle(sgd(), StepPlan(20, 1), max_lr=0.1, base_momentum=0.95, max_momentum=0.85)
    assert "max_momentum" in str(refused.value)
    assert str(refused.value) == wording
    one_cycle(sgd(), StepPlan(20, 1), max_lr=0.1, base_momentum=0.95, max_momentum=0.85, cycle_momentum=False)


@pytest.mark.parametrize(
    "optimizer",
    [
        torch.optim.SGD([torch.zeros(1)], lr=0.1),
        torch.optim.Adagrad([torch.zeros(1)], lr=0.1),
        torch.optim.Adam([torch.zeros(1)], lr=0.1, betas=(0.0, 0.99)),
        torch.optim.SGD([{"params": [torch.zeros(1)]}, {"params": [torch.zeros(1)], "momentum": 0}], momentum=0.9),
    ],
    ids=["SGD at 0", "Adagrad", "Adam at 0", "a group at 0"],
)
def test_momentum_that_is_not_there_is_left_alone_unless_asked_for(optimizer, wording):
    """torch turns a plain SGD's on, and refuses Adagrad; here only `cycle_momentum: true` demands one."""

    def momenta():
        return [group["betas"][0] if "betas" in group else group.get("momentum") for group in optimizer.param_groups]

    before = momenta()
    with pytest.raises(ValueError, match="cycle_momentum: false") as refused:
        one_cycle(optimizer, StepPlan(20, 1), max_lr=0.1, cycle_momentum=True)
    assert str(refused.value) == wording
    one_cycle(optimizer, StepPlan(20, 1), max_lr=0.1, cycle_momentum=False)
    assert momenta() == before
    one_cycle(optimizer, StepPlan(20, 1), max_lr=0.1)
    assert momenta() == [0.95 if momentum else momentum for momentum in before]


def test_momentum_that_is_zero_at_the_peak_comes_back():
    """Which groups cycle is settled at the start."""
    optimizer = sgd()
    scheduler = one_cycle(optimizer, StepPlan(20, 1), max_lr=0.1, peak_epoch=0.5, base_momentum=0.0)
    momenta = [momentum for _, momentum in followed(optimizer, scheduler, 20)]
    assert momenta[9] == 0.0
    assert momenta[0] == momenta[-1] == 0.95


def test_optimizer_at_a_rate_of_zero_is_refused(wording):
    """There are no ratios of nothing to keep."""
    with pytest.raises(ValueError, match="0") as refused:
        one_cycle(sgd(0.0, 0.0), StepPlan(20, 1), max_lr=0.1)
    assert str(refused.value) == wording


def test_momentum_is_left_alone_when_not_cycled():
    """0.9 throughout."""
    optimizer = sgd()
    scheduler = one_cycle(optimizer, StepPlan(20, 1), max_lr=0.1, cycle_momentum=False)
    assert {momentum for _, momentum in followed(optimizer, scheduler, 20)} == {0.9}


@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize("at", [1, 6, 19])
def test_schedule_resumed_at_any_step_goes_on_exactly(at, three_phase):
    """The state is the step; a new total comes from the new recipe, not from the old state."""
    whole = sgd()
    expected = followed(whole, one_cycle(whole, StepPlan(20, 1), max_lr=0.1, three_phase=three_phase), 20)
    first = sgd()
    scheduler = one_cycle(first, StepPlan(20, 1), max_lr=0.1, three_phase=three_phase)
    followed(first, scheduler, at)
    scheduler.step()
    second = sgd()
    resumed = one_cycle(second, StepPlan(20, 1), max_lr=0.1, three_phase=three_phase)
    resumed.load_state_dict(scheduler.state_dict())
    assert followed(second, resumed, 20 - at) == expected[at:]


def test_schedule_warns_of_nothing():
    """Over all its steps."""
    optimizer = sgd()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        followed(optimizer, one_cycle(optimizer, StepPlan(20, 1), max_lr=0.1), 20)
