"""The statistics of a repeat, compared with scipy and with numbers made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from cvkit.errors import RunError
from cvkit.repeats.lines import header, interval_text, rows, sentences, spread_rows
from cvkit.repeats.page import repeat_page
from cvkit.repeats.results import SeedResult
from cvkit.repeats.summary import Spread, Summary

RESULT = SeedResult(
    *(0, Path("seed-0"), "test", "accuracy", 0.5, 1.0, {"ece": 0.1}, 0, 2.0, (0.4, 0.5), "test"),
    names=("a", "b", "c", "d"),
    true=("x", "x", "y", "y"),
    predicted=("x", "y", "y", "x"),
)
OTHER = replace(RESULT, seed=1, score=0.75, loss=0.8, predicted=("x", "y", "y", "y"), chosen=1)
THIRD = replace(RESULT, seed=2, score=1.0, loss=0.6, predicted=("x", "x", "y", "y"))


def test_interval_is_that_of_scipy():
    """The mean, the deviation with n - 1, and Student's t."""
    values = [0.81, 0.84, 0.79, 0.9]
    spread = Spread.of(values)
    expected = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert spread.interval == pytest.approx(expected)
    assert spread.deviation == pytest.approx(np.std(values, ddof=1))


def test_one_seed_has_no_spread():
    """A deviation of 0 would claim certainty."""
    summary = Summary((RESULT,))
    assert (summary.score.deviation, summary.score.interval, summary.mean_of_pairs) == (None, None, None)
    assert sentences(summary) == ["test accuracy of one seed: 50.00 %; add seeds to find out how much it varies"]


@pytest.mark.parametrize(
    ("values", "ends", "cut"),
    [([0.98, 1.0], (None, 1.0), "100"), ([0.0, 0.01], (0.0, None), "0"), ([0.0, 1.0], (0.0, 1.0), "0 and 100")],
)
def test_interval_of_a_score_is_cut_at_the_possible_values(values, ends, cut):
    """An accuracy above 100 % is not possible, and the text says where the interval was cut."""
    spread = Spread.of(values, 0.0, 1.0)
    free = Spread.of(values)
    expected = tuple(mine if end is None else end for mine, end in zip(free.interval, ends, strict=True))
    assert spread.interval == expected
    assert interval_text(spread).endswith(f" (cut at {cut} %)")
    assert "cut" not in interval_text(free)
    assert Summary((RESULT, replace(OTHER, score=1.0))).score.interval[1] == 1.0


def test_agreement_counts_images_that_all_seeds_predict_alike():
    """Two of four images are the same for all; pairs agree on 3, 2 and 3 of 4."""
    summary = Summary((RESULT, OTHER, THIRD))
    assert summary.disputed == (1, 3)
    assert summary.agreement == 0.5
    assert summary.pairs == {(0, 1): 0.75, (0, 2): 0.5, (1, 2): 0.75}
    assert summary.mean_of_pairs == pytest.approx(2 / 3)


def test_every_row_of_the_table_has_the_cells_of_its_header():
    """Also with a metric that one seed lacks, which is left out."""
    for results in [(RESULT,), (RESULT, OTHER, THIRD), (RESULT, replace(OTHER, metrics={}))]:
        summary = Summary(results)
        assert {len(row) for row in [*rows(summary), *spread_rows(summary)]} == {len(header(summary))}


def test_seeds_that_saw_other_images_are_not_compared():
    """Their difference would be that of the data."""
    with pytest.raises(RunError, match="not measured on the same images"):
        Summary((RESULT, replace(OTHER, true=("x", "x", "x", "y"))))


def test_page_lists_disputed_images_with_the_fewest_right_predictions_first(unrendered):
    """Image b is right for one seed of three, and image d for two."""
    page = repeat_page("tiny", Summary((RESULT, OTHER, THIRD)), "recipe", ["seed 3 has not finished"])
    agreement, disputed = page.sections[1].artifacts
    assert disputed.rows == (("b", "x", "1 of 3", "y (2), x (1)"), ("d", "y", "2 of 3", "y (2), x (1)"))
    assert agreement.header == ("seed", "seed 0", "seed 1", "seed 2")
    assert agreement.rows[0] == ("0", "", "75.0 %", "50.0 %")
    assert page.warnings == ("seed 3 has not finished",)
