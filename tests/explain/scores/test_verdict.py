"""A verdict is given where the interval over images and draws is clear of its bound, and nowhere else."""

from __future__ import annotations

import pytest
import torch

from cvkit.explain.scores import BASELINES, Scored, Scores, Verdict
from cvkit.explain.scores.bootstrap import FEWEST, Estimate, bootstrap
from cvkit.explain.scores.measures import POINTING, RANDOMISATION


def alike(mean, spread=0.02, n=32, draws=3):
    """Rank correlations of n images under some draws, spread evenly around `mean`."""
    of_images = torch.linspace(-spread, spread, n, dtype=torch.float64)[:, None]
    return mean + of_images + torch.linspace(-spread, spread, draws, dtype=torch.float64)


def scored(**means):
    return Scored.of(RANDOMISATION, {name: alike(mean) for name, mean in means.items()})


@pytest.mark.parametrize(
    ("low", "high", "n", "verdict"),
    [
        (0.1, 0.49, 32, "follows"),
        (0.1, 0.51, 32, "between"),
        (0.76, 0.79, 32, "between"),
        (0.79, 0.82, 32, "between"),
        (0.94, 0.99, 32, "between"),
        (0.96, 0.99, 32, "ignores"),
        (1.0, 1.0, FEWEST, "ignores"),
        (1.0, 1.0, FEWEST - 1, "between"),
        (0.0, 0.0, FEWEST - 1, "between"),
    ],
)
def test_verdict_needs_the_whole_interval_and_enough_images(low, high, n, verdict):
    """The middle of what was measured of Guided Backprop and Eigen-CAM is no place for a bound."""
    assert Verdict.of(Estimate((low + high) / 2, low, high, n)) == verdict


def test_maps_on_either_side_of_0_79_get_the_same_verdict():
    """The former bound, which called one blind to the weights and the next not, by 0.01."""
    found = Scores(32, 1.0, (scored(one=0.785, other=0.795),))
    assert found.warnings == []


def test_maps_that_stay_are_warned_of_with_their_interval(wording):
    """And the figures to read it beside."""
    (warning,) = Scores(32, 1.0, (scored(blind=0.999, grad_cam=0.1),)).warnings
    assert "blind" in warning
    assert warning == wording


def test_interval_covers_the_draws_as_well_as_the_images():
    """Images that agree on each draw tell nothing of the next draw."""
    values = torch.tensor([0.3, 0.5, 0.7]).expand(500, 3)[:, :, None]
    (estimate,) = bootstrap(values)
    assert estimate.low <= 0.37
    assert estimate.high >= 0.63
    (of_images,) = bootstrap(values.mean(dim=1))
    assert of_images.high - of_images.low < 1e-6


def test_interval_of_one_draw_is_that_of_the_images():
    """The same resamples of the same rows."""
    values = torch.rand(40, 2, generator=torch.Generator().manual_seed(0))
    assert bootstrap(values[:, None]) == bootstrap(values)


def test_table_says_what_each_verdict_means_where_it_is_read(wording):
    """A column beside the figure, the bounds and the caveat below; baselines get no verdict."""
    (table,) = Scores(32, 1.0, (Scored.of(RANDOMISATION, {"some": alike(0.8), "Sobel edges": alike(1)}),)).tables()
    assert table.header == wording(name="header")
    assert [row[-1] for row in table.rows] == wording(name="verdicts")
    assert all(figure in table.caption for figure in ("0.5", "0.95", "2211.12486"))
    assert table.caption == wording(name="caption")


def test_verdicts_are_kept_in_the_json():
    found = Scores(32, 1.0, (scored(grad_cam=0.1, eigen_cam=0.85),)).to_json()
    assert found["measures"]["new weights"]["verdicts"] == {"grad_cam": "follows", "eigen_cam": "between"}


@pytest.mark.parametrize(("n", "beaten"), [(FEWEST - 1, [*BASELINES]), (FEWEST, [])])
def test_few_images_beat_no_baseline_surely(n, beaten):
    """That as few as five of five agree happens by chance once in sixteen times."""
    values = {"grad_cam": torch.ones(n)} | {name: torch.zeros(n) for name in BASELINES}
    assert Scored.of(POINTING, values).beaten_by("grad_cam") == beaten
