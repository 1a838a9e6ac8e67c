"""The range test finds where a higher rate stops paying, refuses where it cannot tell, and leaves nothing behind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from masked import without_numbers

from cvkit import RunError
from cvkit.engine.loop import train_steps
from cvkit.engine.trainer import Trainer
from cvkit.engine.tuning import tune
from cvkit.figures.style import render_figure
from cvkit_onecycle.finding import Finding, findings, rejection_reason
from cvkit_onecycle.knee import sweep_problem
from cvkit_onecycle.picture import draw as paint
from cvkit_onecycle.range_test import lr_range_test
from cvkit_onecycle.rules import RULES
from cvkit_onecycle.sweep import Sweep, run_sweep


def test_sweep_stops_when_the_loss_is_not_finite_or_diverged(colours_run):
    """Long before the end of a sweep to an absurd rate; a NaN compares false with everything and must not pass."""
    sweep = run_sweep(colours_run(), np.geomspace(1e-2, 1e20, 100))
    assert len(sweep.losses) < 60
    assert np.isfinite(sweep.losses).all()
    assert "diverged" in sweep.stopped or "finite" in sweep.stopped


def test_sweep_takes_one_step_at_each_rate(colours_run):
    """Raw losses, one a rate, in order."""
    rates = np.geomspace(1e-4, 1e-2, 20)
    sweep = run_sweep(colours_run(), rates)
    np.testing.assert_array_equal(sweep.rates, rates)
    assert len(sweep.losses) == 20


def test_same_run_gives_the_same_sweep(colours_run):
    """It draws from counters of its own."""
    rates = np.geomspace(1e-2, 1, 20)
    assert run_sweep(colours_run(), rates).losses.tolist() == run_sweep(colours_run(), rates).losses.tolist()


def test_parameter_group_ratios_survive_the_sweep(colours_run):
    """What is swept is a multiplier."""
    run = colours_run()
    with run.trial("ratios") as trial:
        groups = trial._step.optimizer.param_groups
        groups.append({**groups[0], "params": []})
        trial._ratios = [1.0, 0.1]
        trial.learning_rate = 0.5
        assert [group["lr"] for group in groups] == [0.5, 0.05]
        assert trial.learning_rate == 0.5


def test_run_tuned_trains_bit_identically_to_one_given_the_value(colours_run):
    """Weights, buffers and order: the sweep leaves nothing behind."""
    tuned = colours_run()
    ((tuner, proposal, recipe),) = tune(tuned)
    tuned = replace(tuned, recipe=recipe)
    assert tuner.target == "scheduler.max_lr"
    assert tuned.recipe.scheduler.options["max_lr"] == proposal.value
    given = colours_run(f"scheduler.max_lr={proposal.value}", "tuners=[]")
    for run in (tuned, given):
        torch.manual_seed(id(run) % 1000)
        for _ in Trainer(run).fit():
            pass
    for name, tensor in given.model.state_dict().items():
        assert torch.equal(tensor, tuned.model.state_dict()[name]), name


def test_value_written_in_the_recipe_stays(colours_run):
    """The test then is a diagnosis only."""
    run = colours_run("scheduler.max_lr=0.05")
    ((_, proposal, recipe),) = tune(run)
    assert recipe.scheduler.options["max_lr"] == 0.05
    assert proposal.value != 0.05


@pytest.mark.parametrize("options", ["train.accumulate=3", "train.clip_norm=0.5", "loss.label_smoothing=0.3"])
def test_point_of_a_sweep_is_the_recipes_own_step(colours_run, options):
    """Accumulation, clipping and label smoothing included: its own losses, to the bit."""
    overrides = ["loss={name: cross_entropy}", options, "train.batch_size=16"]
    rates = np.geomspace(1e-2, 1.0, 8)
    swept = run_sweep(colours_run(*overrides), rates)
    run = colours_run(*overrides)
    step = run.train_step(run.model, run.loss, run.preprocessor)
    source, seed, planned = run.train_source, run.recipe.seed, run.planned_steps
    steps = train_steps(step, source, run.batching, run.sampling, seed, 0, purpose="lr range test 0", planned=planned)
    plain = []
    for rate in rates[: run.batching.steps]:
        step.optimizer.param_groups[0]["lr"] = rate
        plain.append(float(next(steps)[0]))
    assert swept.losses.tolist()[: len(plain)] == plain
    without = run_sweep(colours_run("loss={name: cross_entropy}", "train.batch_size=16"), rates)
    assert without.losses.tolist() != swept.losses.tolist()


def test_sweep_steps_the_optimizer_once_a_rate(colours_run, monkeypatch):
    """Three batches make a step: ten rates take ten steps and thirty batches, with an optimizer of their own."""
    run, taken, seen = colours_run("train.accumulate=3", "train.batch_size=16"), [], []
    step, batches = torch.optim.SGD.step, run.train_source.batches
    monkeypatch.setattr(torch.optim.SGD, "step", lambda self: (taken.append(self.param_groups[0]["lr"]), step(self)))

    def counted(*arguments):
        for batch in batches(*arguments):
            seen.append(len(batch.labels))
            yield batch

    monkeypatch.setattr(run.train_source, "batches", counted)
    run_sweep(run, rates := np.geomspace(1e-3, 1e-2, 10))
    assert taken == rates.tolist()
    assert len(seen) == 16 + 3 * 4  # 16 batches an epoch are 5 steps of 3 batches, and one of a single batch


def test_orders_of_the_data_differ_and_are_repeatable(colours_run):
    """Each sees other batches from the same weights."""
    rates = np.geomspace(1e-2, 1, 20)
    first, second = (run_sweep(colours_run(), rates, order) for order in (0, 1))
    assert first.losses.tolist() != second.losses.tolist()
    assert run_sweep(colours_run(), rates, 1).losses.tolist() == second.losses.tolist()


@pytest.mark.parametrize(
    ("rates", "rate", "iqr"),
    [
        ((0.1, 0.1, 10.0), 0.1, 1.0),
        ((0.1, 1.0), 0.316, 0.5),
        ((0.2,), 0.2, None),
        ((0.1, None, 0.1), 0.1, 0.0),
        ((0.1, None), None, None),
        ((None, None, None), None, None),
    ],
)
def test_finding_is_the_median_of_most_sweeps_and_their_spread(rates, rate, iqr):
    """On a log scale; where half of the sweeps or more tell nothing, neither does it."""
    finding = Finding(rates)
    assert finding.rate == rate
    assert finding.iqr == (None if iqr is None else pytest.approx(iqr))


def falling_to(bottom: float) -> Sweep:
    """A curve that falls to its lowest at `bottom` and rises again."""
    rates = np.geomspace(1e-3, 10, 80)
    return Sweep(rates, 1 + 0.3 * np.log10(rates / bottom) ** 2, "ran to its end")


def test_orders_that_do_not_agree_are_refused(wording):
    """Beyond half a decade between the quartiles, with the number."""
    sweeps = [falling_to(bottom) for bottom in (0.003, 0.1, 3.0)]
    assert without_numbers(rejection_reason(sweeps, findings(sweeps)["cvkit"])) == wording
    sweeps = [falling_to(bottom) for bottom in (0.08, 0.1, 0.12)]
    assert rejection_reason(sweeps, findings(sweeps)["cvkit"]) == ""


def test_one_sweep_without_a_fall_is_outvoted_and_two_are_not():
    """The reason is that of the sweeps that refuse; it holds for every rule."""
    flat = Sweep(falling_to(1.0).planned, 2.3 + np.random.default_rng(0).normal(0, 0.05, 80), "ran to its end")
    sweeps = [falling_to(0.1), flat, falling_to(0.1)]
    assert rejection_reason(sweeps, findings(sweeps)["cvkit"]) == ""
    sweeps = [flat, flat, falling_to(0.1)]
    assert {rejection_reason(sweeps, finding) for finding in findings(sweeps).values()} == {
        sweep_problem(flat.planned, flat.losses)
    }


def test_pick_chooses_the_rule_that_is_proposed(colours_run):
    """Every rule's rates are in the data, whichever is picked.

    Over 10 seeds cvkit's rule told 0.21 to 0.45 and valley 0.010 to 0.021, with quartiles at most 0.17 decades apart.
    """
    proposals = {pick: lr_range_test(colours_run(), end_lr=30.0, steps=40, pick=pick) for pick in ("cvkit", "valley")}
    for pick, proposal in proposals.items():
        rules = proposal.data["rules"]
        assert list(rules) == list(RULES)
        assert proposal.value == rules[pick]["rate"]
        assert proposal.data["pick"] == pick
        assert rules == proposals["cvkit"].data["rules"]
    assert proposals["cvkit"].value != proposals["valley"].value
    assert "valley" in proposals["valley"].reason
    assert "valley" not in proposals["cvkit"].reason


def test_factor_is_applied_and_said(colours_run):
    """To the rate picked."""
    plain, half = (
        lr_range_test(colours_run(), end_lr=30.0, steps=40, orders=1, factor=factor) for factor in (1.0, 0.5)
    )
    assert half.value == pytest.approx(plain.value / 2, rel=1e-2)
    assert half.reason.endswith("times 0.5")


def test_refusal_ends_the_run_with_the_reason_and_the_way_out(colours_run, wording):
    """Where a value is waited for."""
    run = colours_run("tuners.0.start_lr=1e-9", "tuners.0.end_lr=1e-8", "tuners.0.steps=40")
    with pytest.raises(RunError, match=r"Set a value: scheduler\.max_lr=VALUE") as caught:
        list(tune(run))
    assert str(caught.value) == wording


def test_sweep_backwards_is_refused(colours_run, wording):
    """Named, with both numbers."""
    with pytest.raises(ValueError, match=r"end_lr \(0.1\)") as caught:
        lr_range_test(colours_run(), start_lr=1.0, end_lr=0.1)
    assert str(caught.value) == wording


def test_sweep_that_is_too_short_is_refused(colours_run, wording):
    """The loss still falls at its last rate."""
    with pytest.raises(RunError, match="end_lr") as caught:
        list(tune(colours_run("tuners.0.end_lr=0.03")))
    assert str(caught.value) == wording


def test_figure_shows_every_order_and_every_rule(colours_run):
    """Raw and smoothed losses above, a row a rule below, the proposal through both, in the report's style."""
    proposal = lr_range_test(colours_run(), end_lr=30.0, steps=40, orders=2)
    seen = []
    figure = render_figure(
        "test", proposal.title, proposal.caption, lambda canvas: (proposal.draw(canvas), seen.append(canvas))
    )
    upper, lower = seen[0].axes
    assert [len(line.get_xdata()) for line in upper.lines[:4:2]] == [
        len(s["losses"]) for s in proposal.data["sweeps"]
    ]
    assert [text.get_text().split()[0] for text in lower.get_yticklabels()] == list(RULES)
    assert [text.get_text().strip() for text in upper.texts] == [f"proposed: {proposal.value:g}"]
    assert figure.svg.startswith("<?xml")
    assert all(len(sweep["losses"]) == len(sweep["smoothed"]) for sweep in proposal.data["sweeps"])


def test_figure_of_a_refusal_shows_the_losses(colours_run, wording):
    """Without a proposal, and with rules that tell nothing."""
    proposal = lr_range_test(colours_run(), start_lr=1e-9, end_lr=1e-8, steps=20, orders=1)
    seen = []
    render_figure(
        "test", proposal.title, proposal.caption, lambda canvas: (proposal.draw(canvas), seen.append(canvas))
    )
    assert proposal.value is None
    label = seen[0].axes[1].get_yticklabels()[0].get_text()
    assert label.startswith("cvkit ")
    assert label == wording


def test_loss_that_is_never_finite_is_a_refusal_with_a_figure(colours_run):
    """The weights themselves are broken: no sweep has a point, and the run says so instead of a traceback."""
    run = colours_run("tuners.0.orders=2")
    with torch.no_grad():
        next(run.model.parameters()).fill_(float("nan"))
    proposal = lr_range_test(run, steps=20, orders=2)
    assert proposal.value is None
    assert proposal.reason == sweep_problem(np.array([]), np.array([]))
    assert [sweep["losses"] for sweep in proposal.data["sweeps"]] == [[], []]
    assert render_figure("test", proposal.title, proposal.caption, proposal.draw).svg.startswith("<?xml")


def test_figure_shows_sweeps_beside_one_that_went_nowhere_and_rates_beyond_them():
    """A proposal times a factor, and a tenth of a lowest loss, may lie outside the sweep."""
    sweeps = [falling_to(0.1), Sweep(falling_to(0.1).planned, np.array([]), "stopped"), falling_to(0.2)]
    seen = []
    found = findings(sweeps) | {"minimum": Finding((2e-4, None, 1e-4))}
    render_figure(
        "test", "", "", lambda canvas: (paint(canvas, sweeps, found, "cvkit", 50.0, []), seen.append(canvas))
    )
    upper, lower = seen[0].axes
    assert lower.get_xlim() == pytest.approx((1e-4, 50))
    assert [len(line.get_xdata()) for line in upper.lines[:5]] == [80] * 5  # two of each sweep, and their median
