"""Recipes that are trained several times."""

from __future__ import annotations

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
    found = repeated_means(first[:, None].expand(3, 50), second[:, None].expand(4, 50), span=1e-6)
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
    """With independent noise for each run and image, the variance is about that of all values together, not twice.

    It is a little more on average, because it is never less than the interaction.
    """
    generator = torch.Generator().manual_seed(2)
    found = [
        repeated_means(*(torch.randn(4, 200, generator=generator) for _ in range(2))).variance.total
        for _ in range(200)
    ]
    assert 0.9 < sum(found) / len(found) / (2 / (4 * 200)) < 1.3


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


def test_more_is_needed_for_several_comparisons():
    """The level of each is smaller, so more images or runs are needed."""
    found = Repeated(0.01, Components(1e-7, 1e-7, 5e-5, (3, 3), 1_000))
    assert found.images_needed(0.05 / 4) > 1.2 * found.images_needed()
    seeds = Repeated(0.01, Components(4e-5, 4e-5, 1e-7, (3, 3), 100_000))
    assert seeds.runs_needed(0.05 / 4) > seeds.runs_needed()


def wrong_on(*runs: tuple[int, ...], n: int = 10) -> torch.Tensor:
    """Return runs that predict n images correctly, except for these."""
    values = torch.ones(len(runs), n)
    for row, images in enumerate(runs):
        values[row, list(images)] = 0
    return values


def test_runs_with_equal_accuracies_have_a_spread():
    """They are wrong on different images, so with other seeds their accuracies would differ."""
    found = repeated_means(wrong_on((0,), (1,)), wrong_on((2, 3, 4), (5, 6, 7)))
    assert found.p_value > 0.01
    low, high = found.interval()
    assert low < -0.25
    assert high > -0.15


def test_few_images_without_a_difference_do_not_show_that_there_is_none():
    """Equal predictions have an interval, whose width shrinks with the number of images, and so do opposite ones."""
    same, other = torch.ones(2, 10), torch.zeros(2, 10)
    assert repeated_means(same, same).p_value == 1.0
    assert 0 < repeated_means(same, other).p_value < 0.001
    few, many = (repeated_means(torch.ones(2, n), torch.ones(2, n)).interval() for n in (10, 1_000))
    assert few[1] > 0.2
    assert 0 < many[1] < 0.01
    assert repeated_scores(torch.ones(2), torch.ones(2), 0.0, 10).interval() == pytest.approx(few)


def test_equal_accuracies_of_equal_recipes_are_rarely_found_to_differ():
    """With 100 images and two runs, equal accuracies happen often; none of these comparisons is certain."""
    generator = torch.Generator().manual_seed(6)
    pairs = [[simulated(generator, 2, 100, 0.0, 0.0) for _ in range(2)] for _ in range(300)]
    found = [repeated_means(*pair) for pair in pairs]
    assert any(len(set(values.sum(dim=1).tolist())) == 1 for pair in pairs for values in pair)
    assert all(each.variance.total > 0 for each in found)
    assert sum(each.p_value < 0.05 for each in found) <= 24


def test_span_of_a_value_sets_the_smallest_variance():
    """A loss may be larger than 1, and so may the difference that no image happened to show."""
    same = torch.full((2, 10), 3.0)
    wide, narrow = (repeated_means(same, same, span).interval()[1] for span in (4.0, 1.0))
    assert wide == pytest.approx(4 * narrow)
