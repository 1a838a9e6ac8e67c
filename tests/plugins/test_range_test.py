"""The range test finds where a higher rate stops paying, refuses where it cannot tell, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cvkit import RunError, discover
from cvkit.diagnostics import draw
from cvkit.engine.run import Run
from cvkit.recipe import read_text, resolve
from cvkit_onecycle.range_test import lr_range_test, run_sweep
from cvkit_onecycle.sweep import PATIENCE, Sweep, has_diverged, noise, smooth

RECIPE = """
dataset: {name: shapes, train_size: 256, test_size: 20}
augmentations: [horizontal_flip, cutout]
model: {name: custom_resnet, width: 8, logit_scale: 1.0}
optimizer: {name: sgd, momentum: 0.9}
scheduler: {name: one_cycle, max_lr: auto}
tuners: [{name: lr_range_test, set: scheduler.max_lr, start_lr: 1e-3, end_lr: 1.0, steps: 60}]
train: {epochs: 2, batch_size: 32}
"""


def new_run(*overrides: str) -> Run:
    recipe = resolve(read_text(RECIPE, overrides), discover())
    return Run(recipe, recipe.dataset.build(Path("unused")))


def sweep_of(losses, low=1e-3, high=10.0) -> Sweep:
    return Sweep(np.geomspace(low, high, len(losses)), np.asarray(losses), len(losses), "the sweep ran to its end")


def synthetic(knee: float, spread: float, seed: int = 0) -> Sweep:
    """A loss that falls in log rate to `knee`, stays, and rises again a decade and a half later."""
    x = np.linspace(-3, 1, 100)
    clean = 2.3 - 0.5 * np.clip(x + 2, 0, np.log10(knee) + 2) + 3 * np.clip(x - np.log10(knee) - 1.5, 0, None)
    return sweep_of(clean + np.random.default_rng(seed).normal(0, spread, 100))


@pytest.mark.parametrize("knee", [0.03, 0.1, 0.3])
@pytest.mark.parametrize("seed", range(5))
def test_knee_of_a_noisy_curve_is_found_within_half_a_decade(knee, seed):
    """The curve is known, so the answer is."""
    sweep = synthetic(knee, spread=0.03, seed=seed)
    index, _ = sweep.knee()
    assert abs(np.log10(sweep.rates[index] / knee)) < 0.5


def test_loss_that_does_not_fall_is_refused():
    """Noise has a minimum too; it means nothing."""
    for seed in range(10):
        losses = 2.3 + np.random.default_rng(seed).normal(0, 0.05, 100)
        index, reason = sweep_of(losses).knee()
        assert index is None
        assert "did not clearly fall" in reason


def test_sweep_that_diverges_at_once_is_refused():
    """There is nothing to choose from in a handful of points."""
    index, reason = sweep_of([2.3, 2.2, 50.0]).knee()
    assert index is None
    assert "start at a lower rate" in reason


def test_smoothing_does_not_lag():
    """A symmetric dip stays where it is; a running average would move it right."""
    x = np.linspace(-1, 1, 101)
    assert int(smooth(x**2, 4.0).argmin()) == 50
    np.testing.assert_allclose(smooth(np.full(20, 3.0), 4.0), 3.0)


def test_noise_is_that_of_the_series_and_not_of_its_trend():
    """A steep slope has none; a robust estimate ignores an outlier."""
    generator = np.random.default_rng(0)
    series = np.linspace(5, 0, 400) + generator.normal(0, 0.1, 400)
    series[17] = 100
    assert noise(series) == pytest.approx(0.1, rel=0.2)


def test_divergence_needs_several_losses_in_a_row():
    """One bad batch does not end a sweep."""
    calm = 2 - 0.01 * np.arange(30) + np.random.default_rng(0).normal(0, 0.02, 30)
    assert not has_diverged(calm)
    assert not has_diverged(np.append(calm, [9.0] * (PATIENCE - 1)))
    assert has_diverged(np.append(calm, [9.0] * PATIENCE))


@pytest.mark.parametrize("end", [1e20])
def test_sweep_stops_when_the_loss_is_not_finite_or_diverged(end):
    """Long before the end of a sweep to an absurd rate; a NaN compares false with everything and must not pass."""
    sweep = run_sweep(new_run(), np.geomspace(1e-2, end, 100))
    assert len(sweep.losses) < 60
    assert np.isfinite(sweep.losses).all()
    assert "diverged" in sweep.stopped or "finite" in sweep.stopped


def test_sweep_takes_one_step_at_each_rate():
    """Raw losses, one a rate, in order."""
    rates = np.geomspace(1e-4, 1e-2, 20)
    sweep = run_sweep(new_run(), rates)
    np.testing.assert_array_equal(sweep.rates, rates)
    assert len(sweep.losses) == 20


def test_same_run_gives_the_same_sweep():
    """It draws from counters of its own."""
    rates = np.geomspace(1e-2, 1, 20)
    assert run_sweep(new_run(), rates).losses.tolist() == run_sweep(new_run(), rates).losses.tolist()


def test_parameter_group_ratios_survive_the_sweep():
    """What is swept is a multiplier."""
    run = new_run()
    with run.trial("ratios") as trial:
        groups = trial._learner.optimizer.param_groups
        groups.append({**groups[0], "params": []})
        trial._ratios = [1.0, 0.1]
        trial.learning_rate = 0.5
        assert [group["lr"] for group in groups] == [0.5, 0.05]
        assert trial.learning_rate == 0.5


def test_run_tuned_trains_bit_identically_to_one_given_the_value():
    """Weights, buffers and order: the sweep leaves nothing behind."""
    tuned = new_run()
    ((tuner, proposal),) = tuned.tune()
    assert tuner.sets == "scheduler.max_lr"
    assert tuned.recipe.scheduler.options["max_lr"] == proposal.value
    given = new_run(f"scheduler.max_lr={proposal.value}", "tuners=[]")
    for run in (tuned, given):
        torch.manual_seed(hash(run) % 1000)
        for _ in run.fit():
            pass
    for name, tensor in given.model.state_dict().items():
        assert torch.equal(tensor, tuned.model.state_dict()[name]), name


def test_value_written_in_the_recipe_stays():
    """The test then is a diagnosis only."""
    run = new_run("scheduler.max_lr=0.05")
    ((_, proposal),) = run.tune()
    assert run.recipe.scheduler.options["max_lr"] == 0.05
    assert proposal.value != 0.05


def test_refusal_ends_the_run_with_the_reason_and_the_way_out():
    """Where a value is waited for."""
    run = new_run("tuners.0.start_lr=1e-9", "tuners.0.end_lr=1e-8", "tuners.0.steps=40")
    with pytest.raises(RunError, match=r"did not clearly fall.*--set scheduler\.max_lr=VALUE"):
        list(run.tune())


def test_sweep_backwards_is_refused():
    """Named, with both numbers."""
    with pytest.raises(RunError, match=r"end_lr \(0.1\) must be above start_lr \(1\)"):
        lr_range_test(new_run(), start_lr=1.0, end_lr=0.1)


def test_figure_shows_the_curve_and_the_proposal():
    """Two series and a line, drawn with finite limits, in the report's style."""
    proposal = lr_range_test(new_run(), start_lr=1e-3, end_lr=1.0, steps=60)
    seen = []
    figure = draw(
        "test", proposal.title, proposal.caption, lambda canvas: (proposal.draw(canvas), seen.append(canvas))
    )
    (axes,) = seen[0].axes
    labels = [line.get_label() for line in axes.lines]
    assert labels == ["each step", "smoothed", f"proposed: {proposal.value:.3g}"]
    assert figure.svg.startswith("<?xml")
    assert len(proposal.data["losses"]) == len(proposal.data["smoothed"])
