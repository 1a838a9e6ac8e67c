"""Recipes that are trained several times."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from cvkit.comparison.repeated import Components, Repeated, repeated_means, repeated_scores


def simulated(generator: torch.Generator, runs: int, n: int, shift: float, spread: float) -> torch.Tensor:
    """Return whether each run predicts each image correctly: images differ in difficulty, runs in their quality."""
    quality = shift + spread * torch.randn(runs, 1, generator=generator)
    chance = torch.sigmoid(1.5 + torch.linspace(-3, 3, n) + quality + torch.randn(runs, n, generator=generator))
    return (torch.rand(runs, n, generator=generator) < chance).double()


def test_interval_is_welchs_if_images_do_not_vary():
    """If every image has the value of its run, only runs vary, and the test is Welch's."""
    first, second = torch.tensor([0.90, 0.91, 0.93]), torch.tensor([0.94, 0.945, 0.95, 0.93])
    found = repeated_means(first[:, None].expand(3, 50), second[:, None].expand(4, 50))
    expected = stats.ttest_ind(second.double().numpy(), first.double().numpy(), equal_var=False)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-5)
    assert found.interval() == pytest.approx(tuple(expected.confidence_interval()), abs=1e-6)


def test_interval_is_the_paired_t_if_runs_do_not_vary():
    """Equal runs of each recipe leave the images as the only sample."""
    generator = torch.Generator().manual_seed(1)
    one, other = torch.rand(80, generator=generator), torch.rand(80, generator=generator)
    found = repeated_means(one.expand(3, 80), other.expand(3, 80))
    expected = stats.ttest_rel(other.double().numpy(), one.double().numpy())
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6)


def test_interaction_is_counted_once():
    """With independent noise for each run and image, the variance is that of all values together, not twice."""
    generator = torch.Generator().manual_seed(2)
    found = [
        repeated_means(*(torch.randn(4, 200, generator=generator) for _ in range(2))).variance.total
        for _ in range(200)
    ]
    assert sum(found) / len(found) == pytest.approx(2 / (4 * 200), rel=0.15)


@pytest.mark.parametrize(("runs", "spread"), [(2, 0.1), (3, 0.1), (3, 0.0), (5, 0.2)])
def test_equal_recipes_differ_rarely(runs, spread):
    """Of 300 pairs of recipes that are equal, about 5 % are found to differ, seldom more than 8 %."""
    generator = torch.Generator().manual_seed(3)
    found = [
        repeated_means(*(simulated(generator, runs, 400, 0.0, spread) for _ in range(2))).p_value < 0.05
        for _ in range(300)
    ]
    assert sum(found) <= 24


def test_better_recipe_is_found():
    """A real difference that is large beside the spread of the seeds is found nearly always."""
    generator = torch.Generator().manual_seed(4)
    pairs = [(simulated(generator, 3, 1000, 0.0, 0.05), simulated(generator, 3, 1000, 0.8, 0.05)) for _ in range(40)]
    assert sum(repeated_means(*pair).p_value < 0.05 for pair in pairs) >= 36


def test_scores_of_runs_add_their_variance_to_that_of_the_images():
    """For scores of all images together, the part of the images is given."""
    found = repeated_scores(torch.tensor([0.5, 0.6]), torch.tensor([0.7, 0.9]), 0.001, 100)
    assert found.difference == pytest.approx(0.25)
    assert found.variance.total == pytest.approx(0.005 / 2 + 0.02 / 2 + 0.001)


def test_what_would_show_the_difference():
    """More images help if runs vary little, more runs if they vary much, and neither if there is no difference."""
    images = Repeated(0.01, Components(1e-7, 1e-7, 5e-5, (3, 3), 1_000))
    seeds = Repeated(0.01, Components(4e-5, 4e-5, 1e-7, (3, 3), 100_000))
    assert images.images_needed() > 1_000
    assert seeds.images_needed() is None
    assert seeds.runs_needed() > 3
    assert Repeated(0.0, images.variance).images_needed() is None


def test_no_variance_at_all():
    """If nothing varies, a difference is certain, and no difference is none."""
    same, other = torch.ones(2, 10), torch.zeros(2, 10)
    assert repeated_means(same, same).p_value == 1.0
    assert repeated_means(same, other).p_value == 0.0
    assert math.isinf(repeated_means(same, same).variance.df)
