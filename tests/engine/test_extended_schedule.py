"""A schedule in passes: each the same function of its steps, then held; and runs that are given epochs later."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import SGD, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, CyclicLR, OneCycleLR

from cvkit import CvkitError, EpochRecord, StepPlan
from cvkit.checkpoint.serialization import pack, unpack
from cvkit.engine.schedule import Schedule, early_steps
from cvkit.engine.trainer import Step, Trainer
from cvkit.recipe.recipe import Part

EPOCH = 5  # steps
SCHEDULERS: dict[str, Callable[..., Any]] = {
    "torch's cosine": lambda optimizer, plan: CosineAnnealingLR(optimizer, plan.total_steps),
    "torch's one cycle": lambda optimizer, plan: OneCycleLR(optimizer, [0.5, 0.05], plan.total_steps),
    "torch's triangles": lambda optimizer, plan: CyclicLR(optimizer, [0.1, 0.01], [0.5, 0.05], plan.total_steps // 3),
}


@dataclass(frozen=True)
class Made(Part):
    """A part whose scheduler is one of `SCHEDULERS`."""

    def build(self, *supplied: Any) -> Any:
        return SCHEDULERS[self.options["of"]](*supplied)


@pytest.fixture(params=["one_cycle", "cosine", "step", "constant", *SCHEDULERS])
def part(request, catalog) -> Part:
    """A schedule of each kind: the built-in ones, and torch's, which keep totals in their state."""
    if request.param in SCHEDULERS:
        return Made(catalog["schedulers"].find("constant"), {"of": request.param})
    options = {"one_cycle": {"max_lr": 0.5}, "step": {"every": 1}, "cosine": {"warmup_epochs": 0.5}}
    return Part(catalog["schedulers"].find(request.param), options.get(request.param, {}))


def new(part: Part, *epochs: int, adam: bool = False) -> Schedule:
    """Return a schedule beside an optimizer of two groups, with momentum or betas."""
    groups = [{"params": [nn.Parameter(torch.ones(2))], "lr": rate} for rate in (0.1, 0.01)]
    optimizer = AdamW(groups) if adam else SGD(groups, momentum=0.9)
    return Schedule(part, optimizer, [StepPlan(EPOCH, count) for count in epochs])


def settings(schedule: Schedule) -> list[tuple[Any, ...]]:
    groups = schedule.optimizer.param_groups
    return [(group["lr"], *(group[key] for key in ("momentum", "betas") if key in group)) for group in groups]


def walked(schedule: Schedule, steps: int) -> list[list[tuple[Any, ...]]]:
    """Return each group's rate and momentum now and after each of `steps` - 1 more steps."""
    seen = []
    with early_steps():
        for _ in range(steps):
            seen.append(settings(schedule))
            schedule.step()
    return seen


def gone_back(schedule: Schedule, other: Schedule) -> Schedule:
    """Return `schedule` once it has been given the state of `other`, by way of a checkpoint."""
    packed, tensors = pack({"schedule": other.state(), "optimizer": other.optimizer.state_dict()})
    state = unpack(json.loads(json.dumps(packed)), tensors)
    schedule.optimizer.load_state_dict(state["optimizer"])
    schedule.restore(state["schedule"])
    return schedule


@pytest.mark.parametrize("adam", [False, True], ids=["momentum", "betas"])
def test_every_pass_begins_with_what_the_recipe_says(part, adam):
    """Not with the rates or momenta that the pass before it left; ratios of groups stay, to the bit."""
    first = walked(new(part, 3, adam=adam), 3 * EPOCH)
    assert walked(new(part, 3, 3, adam=adam), 6 * EPOCH) == [*first, *first]
    shorter = walked(new(part, 2, adam=adam), 2 * EPOCH)
    assert walked(new(part, 3, 2, 3, adam=adam), 8 * EPOCH) == [*first, *shorter, *first]


def test_last_rate_is_held(part):
    """However many steps follow."""
    planned = walked(new(part, 3), 3 * EPOCH)
    assert walked(new(part, 3), 3 * EPOCH + 4) == [*planned, *[planned[-1]] * 4]


@pytest.mark.parametrize("stop", [0, 1, 9, 10, 11, 19, 20, 23])
def test_passes_go_on_from_a_checkpoint_to_the_bit(part, stop):
    """In the first pass, at a seam, in the second, and where the last rate is held."""
    expected = walked(new(part, 2, 2), 25)
    stopped = new(part, 2, 2)
    walked(stopped, stop)
    assert walked(gone_back(new(part, 2, 2), stopped), 25 - stop) == expected[stop:]


@pytest.mark.parametrize("after", [(5,), (3,), (3, 2)], ids=["stretch", "hold", "again"])
@pytest.mark.parametrize("stop", [1, 7, 15])
def test_schedule_over_other_epochs_is_the_one_that_was_planned_so(part, stop, after):
    """Whether the run it was made for had ended or not: what is still to come is what it would have been."""
    stopped = new(part, 3)
    walked(stopped, stop)
    assert walked(gone_back(new(part, *after), stopped), 25 - stop) == walked(new(part, *after), 25)[stop:]


def test_optimizer_keeps_what_is_its_own(catalog):
    """Only what schedules move is put back where a pass begins."""
    schedule = new(Part(catalog["schedulers"].find("cosine"), {}), 1, 1)
    schedule.optimizer.param_groups[0]["calls"] = 7
    walked(schedule, EPOCH + 1)
    assert schedule.optimizer.param_groups[0]["calls"] == 7


def test_pass_without_room_is_refused_when_the_run_is_built(make_run, wording):
    """Not when it begins, hours later."""
    with pytest.raises(CvkitError, match=r"\b16\b") as caught:
        make_run("scheduler={name: one_cycle, max_lr: 0.1, peak_epoch: 2}", "train.schedule_epochs=[2, 1]")
    assert str(caught.value) == wording


LEARNERS = [(), ("scheduler={name: cosine}", "optimizer={name: adamw, lr: 0.01}", "train.ema=0.9")]
CHOICES = [("hold", "[2]"), ("again", "[2, 2]"), ("stretch", "null")]


def trained(run: Trainer, steps: int | None = None) -> list[EpochRecord]:
    """Train to the end, or for so many steps, and return the records without their timings."""
    records = []
    for event in run.fit():
        if isinstance(event, EpochRecord):
            records.append(event.to_json() | {"seconds": 0, "images_per_second": 0})
        elif isinstance(event, Step) and event.step == steps:
            break
    return records


def extended(make_run, state: dict[str, Any], passes: str, learner: tuple[str, ...]) -> Trainer:
    run = make_run("train.epochs=4", f"train.schedule_epochs={passes}", *learner)
    run.restore(state)
    return run


@pytest.mark.parametrize("learner", LEARNERS, ids=["one_cycle", "cosine"])
@pytest.mark.parametrize(("choice", "passes"), CHOICES[:2])
def test_finished_run_that_is_extended_is_the_run_that_was_planned_so(make_run, same, choice, passes, learner):
    """Two epochs and then two more: weights, averaged weights and records are those of the recipe from the start."""
    whole = make_run("train.epochs=4", f"train.schedule_epochs={passes}", *learner)
    expected = trained(whole)
    short = make_run("train.epochs=2", *learner)
    before = trained(short)
    run = extended(make_run, short.state(), passes, learner)
    assert [*before, *trained(run)] == expected
    same(run.parts.trained_model.state_dict(), whole.parts.trained_model.state_dict())


@pytest.mark.parametrize(("choice", "passes"), CHOICES)
def test_extended_run_that_is_interrupted_ends_with_the_same_bits(make_run, same, choice, passes):
    """Stopped in the epochs that were added, in the middle of one."""
    short = make_run("train.epochs=2")
    trained(short)
    state = short.state()
    whole = extended(make_run, state, passes, ())
    trained(whole)
    stopped = extended(make_run, state, passes, ())
    trained(stopped, steps=27)
    run = extended(make_run, stopped.state(), passes, ())
    trained(run)
    same(run.parts.model.state_dict(), whole.parts.model.state_dict())


@pytest.mark.parametrize("learner", LEARNERS, ids=["one_cycle", "cosine"])
@pytest.mark.parametrize("steps", [11, 16], ids=["within an epoch", "finished"])
def test_checkpoint_that_lacks_the_schedule_goes_on_with_the_same_bits(make_run, same, steps, learner):
    """Those of before `Schedule` held the scheduler's state alone; the steps taken tell where it stood."""
    stopped = make_run("train.epochs=2", *learner)
    trained(stopped, steps)
    state = stopped.state()
    whole, run = (extended(make_run, state, "[2, 2]", learner) for _ in range(2))
    run.restore({**{key: value for key, value in state.items() if key != "schedule"}, "scheduler": {"last_epoch": 0}})
    assert trained(run) == trained(whole)
    same(run.parts.trained_model.state_dict(), whole.parts.trained_model.state_dict())


@pytest.mark.parametrize("fewer", ["train.max_steps=9", "train.epochs=1"])
def test_run_that_is_given_fewer_steps_than_it_has_taken_ends_there(make_run, fewer):
    """By someone who edits its recipe: the epoch that had begun gets its record."""
    stopped = make_run()
    trained(stopped, 11)
    run = make_run(fewer)
    run.restore(stopped.state())
    assert [(record["epoch"], record["step"]) for record in trained(run)] == [(2, 11)]


def test_step_that_the_scaler_skips_does_not_move_the_schedule(make_run):
    """A loss scale that makes gradients overflow, as fp16's does now and then."""
    run = make_run("train.epochs=1", "train.clip_norm=1", "model.logit_scale=8.0")
    run.train_step = replace(run.train_step, scaler=GradScaler("cpu", init_scale=2.0**127))
    rates = trained(run)[0]["step_lrs"]
    skipped = sum(one == other for one, other in pairwise(rates))
    assert skipped > 0
    assert run.schedule.taken == 8 - skipped
