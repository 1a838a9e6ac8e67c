"""The rules that tell a rate from losses: ours on curves whose answer is known, the others as their libraries do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_lr_finder import LRFinder

from cvkit_onecycle.curve import PATIENCE, has_diverged, noise, smooth
from cvkit_onecycle.knee import knee, sweep_problem
from cvkit_onecycle.rules import RULES, from_zero, lightning, lr_finder, minimum, slide, steep, until, valley

RATES = np.geomspace(1e-3, 10, 100)


def synthetic(bend: float, spread: float, seed: int = 0) -> np.ndarray:
    """Losses that fall in log rate to `bend`, stay, and rise again a decade and a half later."""
    x = np.log10(RATES)
    clean = 2.3 - 0.5 * np.clip(x + 2, 0, np.log10(bend) + 2) + 3 * np.clip(x - np.log10(bend) - 1.5, 0, None)
    return clean + np.random.default_rng(seed).normal(0, spread, 100)


def flat(spread: float, seed: int, level: float = 2.3) -> np.ndarray:
    return level + np.random.default_rng(seed).normal(0, spread, 100)


@pytest.mark.parametrize("bend", [0.03, 0.1, 0.3])
@pytest.mark.parametrize("seed", range(5))
def test_knee_of_a_noisy_curve_is_found_within_half_a_decade(bend, seed):
    """The curve is known, so the answer is."""
    rate = knee(RATES, synthetic(bend, spread=0.03, seed=seed))
    assert abs(np.log10(rate / bend)) < 0.5


def test_loss_that_does_not_fall_is_refused(wording):
    """Noise has a minimum too; it means nothing."""
    for seed in range(10):
        assert knee(RATES, flat(0.05, seed)) is None
    assert {sweep_problem(RATES, flat(0.05, seed)) for seed in range(10)} == wording


@pytest.mark.parametrize("level", [0.0, 2.302585, 1e6])
@pytest.mark.parametrize("points", [20, 100])
def test_loss_that_stays_as_it_is_to_the_bit_is_refused(level, points):
    """It has no noise to measure a fall by, and smoothing rounds; what is said is what is said of noise."""
    noisy = sweep_problem(RATES, flat(0.05, seed=0))
    assert sweep_problem(RATES[:points], np.full(points, level)) == noisy
    step = np.where(np.arange(points) < points // 2, level, level * (1 - 1e-7))
    assert sweep_problem(RATES[:points], step) == noisy


def test_sweep_that_diverges_at_once_is_refused(wording):
    """There is nothing to choose from in a handful of points; and without one, no rate is to blame."""
    assert sweep_problem(RATES, np.array([2.3, 2.2, 50.0])) == wording(name="three points")
    assert sweep_problem(RATES, np.array([])) == wording(name="no point")


def test_loss_that_still_falls_at_the_last_rate_is_refused(wording):
    """Only where the sweep ran to its end; a loss that has come to rest needs no divergence to be told."""
    falling = np.linspace(2.3, 1.0, 100) + np.random.default_rng(0).normal(0, 0.02, 100)
    assert "end_lr" in sweep_problem(RATES, falling)
    assert sweep_problem(RATES, falling) == wording
    assert sweep_problem(np.append(RATES, [20.0] * 10), falling) == ""
    rested = np.append(falling, [1.02] * 40)
    assert sweep_problem(np.geomspace(1e-3, 10, 140), rested) == ""


def test_smoothing_does_not_lag():
    """A symmetric dip stays where it is; the running average of 0.98, as in fastai, moves it 20 points on."""
    x = np.linspace(-1, 1, 101)
    assert int(smooth(x**2, 4.0).argmin()) == 50
    np.testing.assert_allclose(smooth(np.full(20, 3.0), 4.0), 3.0)
    corrected = from_zero(x**2 + 0.1, 0.98) / (1 - 0.98 ** np.arange(1, 102))
    assert int(corrected.argmin()) >= 70


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


def finder_with(losses: np.ndarray, rates: np.ndarray) -> LRFinder:
    """torch-lr-finder itself, run on a model that yields these losses at these rates."""
    losses = iter(losses)
    model = torch.nn.Linear(1, 1)
    finder = LRFinder(model, torch.optim.SGD(model.parameters(), lr=rates[0]), torch.nn.MSELoss(), device="cpu")
    finder._train_batch = lambda *args, **kwargs: next(losses)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.zeros(2, 1), torch.zeros(2, 1)))
    finder.range_test(loader, start_lr=float(rates[0]), end_lr=float(rates[-1]), num_iter=len(rates))
    return finder


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("bend", [0.01, 0.1])
def test_lr_finder_is_that_of_torch_lr_finder(bend, seed, capsys):
    """The library's own code on the same losses: smoothing, early stop and suggestion."""
    losses = synthetic(bend, 0.05, seed)
    losses[80:] *= 1.3 ** np.arange(20)  # so that some stop early
    finder = finder_with(losses, RATES)
    _, suggested = finder.plot(ax=_Axes())
    assert lr_finder(RATES, losses) == pytest.approx(suggested, rel=1e-9)


def test_lr_finder_needs_as_many_points_as_torch_lr_finder(capsys):
    """It raises where the rule here tells nothing."""
    finder = finder_with(np.full(16, 2.0), RATES[:16])
    with pytest.raises(RuntimeError, match="Need at least 17"):
        finder.plot(ax=_Axes())
    assert lr_finder(RATES[:16], np.full(16, 2.0)) is None


class _Axes:
    """Axes that take whatever is drawn on them."""

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


def seen_by_fastai(curve: list[float]) -> np.ndarray:
    """Raw losses whose bias-corrected running average of 0.98 is `curve`."""
    averages = np.array(curve) * (1 - 0.98 ** np.arange(1, len(curve) + 1))
    return np.diff(averages, prepend=0) / 0.02 + np.concatenate([[0], averages[:-1]])


def test_fastai_sees_neither_the_first_tenth_nor_the_last_five_points():
    """Of twenty planned, rates 2 to 14: the lowest loss beyond them does not count."""
    curve = [1.0, 1.1, *np.linspace(3, 2, 13), *np.linspace(1.9, 1.5, 5)]
    rates = np.geomspace(1e-3, 10, 20)
    assert minimum(rates, seen_by_fastai(curve)) == pytest.approx(rates[14] / 10)


def test_valley_is_two_thirds_into_the_longest_decrease_of_its_second_third():
    """Worked by hand: of the points seen, indices 3 to 11 decrease, so 9 long; its start counts as 11 - 9 = 2.

    Thirds of 9 are 3: index 2 + 3 + 1 of the points seen, which begin at the third of 20.
    """
    seen = [2.0, 2.1, 2.2, 3.0, 2.9, 2.8, 2.7, 2.6, 2.5, 2.4, 2.3, 1.9, 2.5]
    rates = np.geomspace(1e-3, 10, 20)
    curve = [2.0, 2.0, *seen, 2.6, 2.7, 2.8, 2.9, 3.0]
    assert valley(rates, seen_by_fastai(curve)) == pytest.approx(rates[2 + 6])


def test_steep_is_where_the_loss_falls_fastest_per_log_rate():
    """The left end of the steepest interval."""
    curve = [3.0] * 8 + [2.8, 2.0, 1.9] + [1.9] * 9
    rates = np.geomspace(1e-3, 10, 20)
    assert steep(rates, seen_by_fastai(curve)) == pytest.approx(rates[8])


def test_slide_moves_left_while_gradients_differ():
    """Worked by hand: a flat start, a slope of 0.1 a point from 22 on, which gradients 15 apart tell from each other.

    Of 47 points, fastai sees 4 to 41. It compares index 41 with 26: both on the slope, equal, so that is the rate.
    With the slope from 30 on it compares 41 with 26, 40 with 25 and so on to 30 with 15, whose gradient of 0.05
    still differs, then 29 with 14, both flat.
    """
    rates, points = np.geomspace(1e-3, 10, 47), np.arange(47)
    assert slide(rates, seen_by_fastai(5 - 0.1 * np.clip(points - 22, 0, None))) == pytest.approx(rates[26])
    assert slide(rates, seen_by_fastai(5 - 0.1 * np.clip(points - 30, 0, None))) == pytest.approx(rates[15])


def test_lightning_divides_by_the_rate_and_so_prefers_low_ones():
    """A fall of 0.01 at index 13 weighs more than one of 1 at 26, where a step of the rate is 450 times as long.

    Of the points around the fall, 13 counts the shorter interval, that to the left of it, most.
    """
    rates = np.geomspace(1e-8, 1, 40)
    curve = np.full(40, 3.0)
    curve[13:] -= 0.01
    curve[26:] -= 1
    averages = curve * (1 - 0.98 ** np.arange(2, 42))
    losses = np.diff(averages, prepend=0) / 0.02 + np.concatenate([[0], averages[:-1]])
    seen, seen_rates = torch.tensor(curve[10:-1]), torch.tensor(rates[10:-1])
    assert int(torch.gradient(seen, spacing=[seen_rates])[0].argmin()) == 3  # as the library computes it
    assert lightning(rates, losses) == pytest.approx(rates[13])
    assert int(torch.gradient(seen)[0].argmin()) > 10  # by index, the fall of 1 is the steepest


def test_early_stop_keeps_the_point_that_ends_it():
    """As all three libraries do."""
    np.testing.assert_array_equal(until(np.array([2.0, 1.0, 3.9, 4.1, 0.5]), 4.0), [2.0, 1.0, 3.9, 4.1])
    np.testing.assert_array_equal(until(np.array([2.0, 1.0]), 4.0), [2.0, 1.0])


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("points", [0, 1, 3, 11, 16, 30])
def test_rule_copes_with_few_points(name, points):
    """It tells a rate of the sweep or nothing, and does not fail."""
    rate = RULES[name](RATES, np.linspace(3, 1, points))
    assert rate is None or RATES[0] / 10 <= rate <= RATES[-1]
