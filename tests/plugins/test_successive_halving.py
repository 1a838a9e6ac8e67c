"""Successive halving compares values fairly, says what it cannot tell apart, and leaves nothing behind."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from masked import without_numbers

from cvkit import ComponentError, RunFolder, discover
from cvkit.engine.building import build_checked
from cvkit.engine.trainer import Trainer
from cvkit.engine.trial import Trial
from cvkit.engine.tuning import tune
from cvkit.figures.style import render_figure
from cvkit.runs.execute import noted_end
from cvkit.runs.session import Session
from cvkit_onecycle.halving import forecast, successive_halving
from cvkit_onecycle.race import Race, Rung, Trained
from cvkit_onecycle.race_plan import SHORTEST, Plan, plan_race, spread
from cvkit_onecycle.race_request import Judging

TARGET = "scheduler.max_lr"
RACED = "tuners=[{name: successive_halving, set: scheduler.max_lr, budget: 4, candidates: 2, orders: 1, images: 50}]"
"""Two values for 32 steps each: the run has 16 steps."""


def candidate(value: float, *losses: float, apart: float = 0.01) -> Trained:
    """A candidate with these losses by order, whose losses on parts of the images vary by `apart` around them."""
    if not losses:
        return Trained(value, None, None)
    parts = np.sin(np.arange(20) * (1 + value)) * apart
    return Trained(value, losses, 0.5, tuple(tuple((loss + parts).tolist()) for loss in losses))


@pytest.mark.parametrize(
    ("budget", "candidates", "orders", "plan"),
    [
        (352, 4, 2, Plan((4, 2), (22, 44), 2)),
        (235, 4, 2, Plan((4,), (29,), 2)),
        (97, 4, 2, Plan((4,), (24,), 1)),
        (60, 4, 2, Plan((3,), (20,), 1)),
        (35, 4, 2, Plan((2,), (17,), 1)),
        (31, 4, 2, None),
        (1200, 8, 1, Plan((8, 4, 2), (50, 100, 200), 1)),
        (1200, 5, 1, Plan((5, 2), (133, 266), 1)),
    ],
)
def test_budget_decides_how_much_is_trained(budget, candidates, orders, plan):
    """Fewer rungs, then one order, then fewer candidates; never more steps than allowed."""
    assert plan_race(budget, candidates, orders) == plan
    assert plan is None or (plan.cost <= budget and plan.steps[0] >= SHORTEST)


def test_candidates_are_in_the_middle_of_equal_shares():
    """No value of the range is farther than half a share from one."""
    values = spread(0.01, 1.0, 4)
    assert values == [0.0178, 0.0562, 0.178, 0.562]


def test_lowest_loss_wins_if_it_is_told_apart():
    rung = Rung(20, (candidate(0.1, 1.5, 1.6), candidate(0.2, 1.0, 1.1), candidate(0.4, 1.8, 1.9)))
    assert rung.winner.value == 0.2
    assert [each.value for each in rung.level] == [0.2]


def test_middle_of_what_is_not_told_apart_wins():
    """Though an end has a slightly lower loss; with two in the middle, the one with less loss."""
    noisy = [candidate(value, 1.0 + step, 1.1 - step) for value, step in ((0.1, 0.03), (0.2, 0.0), (0.4, 0.09))]
    rung = Rung(20, (*noisy, candidate(0.8, 2.0, 2.0)))
    assert [each.value for each in rung.level] == [0.1, 0.2, 0.4]
    assert rung.winner.value == 0.2
    assert Rung(20, (candidate(0.1, 1.001), candidate(0.2, 1.0))).winner.value == 0.2


def test_noise_of_one_order_is_larger_than_that_of_the_images():
    """With several orders it is measured; then a candidate near divergence does not blur the others."""
    wild = candidate(0.8, 2.0, 9.0)
    calm = [candidate(value, 1.0 + value, 1.01 + value) for value in (0.1, 0.2, 0.4)]
    noise = Rung(20, (*calm, wild)).noise
    assert noise[0.4] < 0.05
    one = Rung(20, (candidate(0.1, 1.0), candidate(0.2, 1.1))).noise[0.2]
    parts = np.array(candidate(0.2, 1.1).blocks[0]) - np.array(candidate(0.1, 1.0).blocks[0])
    assert one == pytest.approx(math.sqrt(5) * parts.std(ddof=1) / math.sqrt(20))


def test_diverged_training_loses(colours_run):
    """At such a rate no loss stays finite; the others are compared without it."""
    race = Race(colours_run(), TARGET, Judging(False, 50))
    (rung,) = race.rungs(Plan((2,), (16,), 1), [0.05, 1e25])
    assert [each.losses is None for each in rung.candidates] == [False, True]
    assert rung.winner.value == 0.05
    assert rung.data()["candidates"][1]["losses"] is None
    json.dumps(rung.data(), allow_nan=False)


def test_all_trainings_diverged_proposes_nothing(colours_run, wording):
    run = colours_run(RACED)
    proposal = successive_halving(run, TARGET, values=(1e25, 1e26), orders=1, budget=4, images=50)
    assert proposal.value is None
    assert proposal.reason == wording
    assert render_figure("test", proposal.title, proposal.caption, proposal.draw).svg.startswith("<?xml")


def test_candidates_of_a_rung_are_trained_alike(colours_run):
    """A training does not depend on the others, and a rung has another order of the data than the one before."""
    race = Race(colours_run(), TARGET, Judging(False, 50))
    (rung,) = race.rungs(Plan((2,), (4,), 1), [0.05, 0.5])
    alone = Race(colours_run(), TARGET, Judging(False, 50)).trained(0.5, 0, 4, 1)
    assert rung.candidates[1] == alone
    assert race.trained(0.5, 1, 4, 1) != alone


def test_better_half_is_trained_for_longer(colours_run, monkeypatch):
    """Until the last rung, or until a rung tells nothing apart."""
    losses = {0.1: 1.4, 0.2: 1.0, 0.4: 1.2, 0.8: 1.9}
    monkeypatch.setattr(Race, "trained", lambda race, value, *_: candidate(value, losses[value]))
    race = Race(colours_run(), TARGET, Judging(False, 50))
    first, second = race.rungs(Plan((4, 2), (16, 32), 1), list(losses))
    assert [each.value for each in second.candidates] == [0.2, 0.4]
    assert (first.steps, second.steps) == (16, 32)
    monkeypatch.setattr(Race, "trained", lambda race, value, *_: candidate(value, 1.0))
    (only,) = race.rungs(Plan((4, 2), (16, 32), 1), list(losses))
    assert len(only.level) == 4


@pytest.mark.parametrize(("beyond", "values"), [(True, [0.4, 0.8, 1.6]), (False, [0.2, 0.4, 0.8])])
def test_race_goes_beyond_the_usual_range_if_the_best_is_at_its_end(colours_run, beyond, values):
    """By one value in place of the last one, and only if no range is given."""
    losses = {0.1: 1.8, 0.2: 1.6, 0.4: 1.4, 0.8: 1.0}
    rung = Rung(16, tuple(candidate(value, loss) for value, loss in losses.items()))
    assert Race(colours_run(), TARGET, Judging(False, 50), beyond).next_values(rung, 3) == values


def test_race_takes_the_steps_that_it_announced(colours_run, monkeypatch, wording):
    """Within the budget; an optimizer step is counted, whoever takes it."""
    run, taken = colours_run(RACED), []
    step = torch.optim.SGD.step
    monkeypatch.setattr(torch.optim.SGD, "step", lambda self: (taken.append(1), step(self)))
    (line, (_, proposal, _)) = tune(run)
    assert len(taken) == proposal.data["steps"] == 64 == 4 * run.planned_steps
    assert line.startswith(f"successive_halving for {TARGET}: ")
    assert line == wording


def test_run_that_was_tuned_trains_bit_identically_to_one_given_the_value(colours_run):
    """Weights, buffers and order: the race leaves nothing behind."""
    tuned = colours_run(RACED)
    (_, (_, proposal, recipe)) = tune(tuned)
    tuned = replace(tuned, recipe=recipe)
    given = colours_run(f"scheduler.max_lr={proposal.value}", "tuners=[]")
    for run in (tuned, given):
        torch.manual_seed(id(run) % 1000)
        for _ in Trainer(run).fit():
            pass
    for name, tensor in given.model.state_dict().items():
        assert torch.equal(tensor, tuned.model.state_dict()[name]), name


def test_short_budget_proposes_the_middle_of_the_usual_range(colours_run, wording):
    """And says so, before and after, with the budget that a race needs."""
    run = colours_run("tuners=[{name: successive_halving, set: scheduler.max_lr}]")
    (line, (_, proposal, recipe)) = tune(run)
    assert recipe.value(TARGET) == proposal.value == 0.173
    assert proposal.reason in line
    assert proposal.reason == wording
    needed = float(proposal.reason.split("budget: ")[1].split()[0])
    assert forecast(run, TARGET, **options(run, budget=needed)).startswith("training 2 values")


def test_run_too_short_for_any_race_is_not_given_a_budget_that_the_option_refuses(colours_run, wording):
    """Two values need 32 steps, and the budget is at most ten times the run."""
    run = colours_run("tuners=[]", "scheduler.max_lr=0.1", "train.max_steps=3", "train.batch_size=16")
    assert run.planned_steps == 3
    assert successive_halving(run, TARGET).reason == wording


def options(run, **changed):
    """The options of a recipe's tuner, some of them changed."""
    return run.recipe.tuners[0].options | changed


def test_any_numeric_option_can_be_raced(colours_run):
    """Within a range, or from given values, also 0."""
    run = colours_run("tuners=[]", "scheduler.max_lr=0.1")
    ranged = successive_halving(run, "optimizer.weight_decay", low=1e-4, high=1e-2, budget=2, orders=1, images=50)
    assert [each["value"] for each in ranged.data["rungs"][0]["candidates"]] == [0.000316, 0.00316]
    given = successive_halving(run, "optimizer.momentum", values=(0.9, 0.0), budget=2, orders=1, images=50)
    assert [each["value"] for each in given.data["rungs"][0]["candidates"]] == [0.0, 0.9]
    assert given.value in (0.0, 0.9)
    assert render_figure("test", given.title, given.caption, given.draw).svg.startswith("<?xml")


@pytest.mark.parametrize(
    ("target", "wrong", "named"),
    [
        ("optimizer.weight_decay", {}, "weight_decay"),
        (TARGET, {"low": 2.0}, "low"),
        (TARGET, {"low": 0.1, "high": 0.1001}, "narrow"),
        (TARGET, {"values": (0.1,)}, "two"),
        (TARGET, {"values": (0.1, 0.2), "low": 0.1}, "exclude"),
    ],
    ids=["no range", "empty range", "narrow range", "one value", "both"],
)
def test_request_without_candidates_is_refused(colours_run, target, wrong, named, wording):
    """Before anything is trained."""
    with pytest.raises(ValueError, match=named) as caught:
        successive_halving(colours_run(), target, **wrong)
    assert str(caught.value) == wording


@pytest.mark.parametrize("wrong", ["low: 2.0", "low: 0.1, high: 0.1001", "values: [0.1]"])
def test_refused_request_is_found_before_the_run_has_a_folder(colours_run, wrong):
    """When the run is built."""
    with pytest.raises(ComponentError, match="onecycle/successive_halving"):
        colours_run(f"tuners=[{{name: successive_halving, set: scheduler.max_lr, {wrong}}}]")


def test_race_that_was_interrupted_is_repeated_with_the_same_trials(colours_run, tmp_path, monkeypatch):
    """In the middle of a trial. The next session proposes the same value, whatever it has drawn before."""
    raced = {}
    for name in ("whole", "interrupted"):
        (tmp_path / name).mkdir()
        taken = count()

        def stops(trial, steps, of=Trial.take, taken=taken):
            for loss in of(trial, steps):
                if next(taken) == 40:  # of 64 steps
                    raise KeyboardInterrupt
                yield loss

        if name == "interrupted":
            with monkeypatch.context() as patched:
                patched.setattr(Trial, "take", stops)
                with pytest.raises(KeyboardInterrupt):
                    tuned_in(tmp_path / name, colours_run(RACED))
            assert RunFolder(tmp_path / name).info()["status"] == "interrupted"
            torch.manual_seed(5)
        raced[name] = tuned_in(tmp_path / name, colours_run(RACED))
    assert raced["interrupted"] == raced["whole"]


def tuned_in(path, run):
    """What the tuners of a run find in a session in the folder `path`, and the recipe that it writes."""
    session = Session(run, RunFolder(path), path, discover())
    with noted_end(session):
        session.start()
        assert list(session.tune())
    return json.loads((path / "tuning.json").read_text()), (path / "recipe.yaml").read_text()


def test_validation_images_decide_if_there_are_any(colours_run):
    """As many as asked for; otherwise training images that no trial trains on."""
    run = colours_run(RACED)
    assert Judging.of(run, 1000) == Judging(False, len(run.splits.train) // 5)
    split = replace(run.splits, validation=run.splits.test)
    validated = replace(run, splits=split, sources={**run.sources, "validation": run.sources["test"]})
    assert Judging.of(validated, 50) == Judging(True, len(run.splits.test))
    proposal = build_checked(validated.recipe.tuners[0], validated, TARGET)
    assert proposal.data["judged_on"] == {"half": "validation", "images": len(run.splits.test)}
    assert "validation images" in proposal.reason


def test_page_shows_every_trial_and_why(colours_run, wording):
    """Loss of every candidate of every rung, what cannot be distinguished, and the proposal."""
    proposal = build_checked(colours_run(RACED).recipe.tuners[0], colours_run(RACED), TARGET)
    seen = []
    render_figure("test", "", "", lambda canvas: (proposal.draw(canvas), seen.append(canvas)))
    (axes,) = seen[0].axes
    (rung,) = proposal.data["rungs"]
    assert axes.lines[0].get_ydata().tolist() == [each["losses"][0] for each in rung["candidates"]]
    assert axes.get_xlabel() == TARGET
    assert without_numbers(proposal.caption) == wording
