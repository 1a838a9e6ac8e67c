"""The benchmark of learning-rate rules reads regret off a grid of trainings as its tables say."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def table() -> SimpleNamespace:
    """Return what benchmarks/regret_table.py defines."""
    return SimpleNamespace(**runpy.run_path(str(BENCHMARKS / "regret_table.py")))


@pytest.fixture
def curve(table):
    """Return a grid whose best rate is 0.1."""
    return table.Curve([0.01, 0.1, 1.0], [0.3, 0.5, 0.1])


def test_regret_is_linear_in_log_rate_between_grid_points(curve):
    """Half way in decades is half way in accuracy, and the best rate costs nothing."""
    assert curve.regret(0.1) == 0
    assert curve.regret(0.01) == pytest.approx(20)
    assert curve.regret(10**-1.5) == pytest.approx(10)


def test_rate_outside_the_grid_costs_what_its_end_costs_and_is_marked(table, curve):
    """Nothing was trained there."""
    assert curve.regret(1e-9) == curve.regret(0.01)
    assert table.Outcome(curve, [1e-9]).cell() == "1e-09* (20.0)"
    assert table.Outcome(curve, [0.1]).cell() == "0.1 (0.0)"


def test_refusal_is_no_regret_and_comes_last(table, curve):
    """A rule that refuses must not look as if it had found the best rate."""
    refused, worst = table.Outcome(curve, [None, None]), table.Outcome(curve, [1.0, 1.0])
    assert refused.regret is None
    outcomes = {"silent": {"case": refused}, "loud": {"case": worst}}
    assert table.mean_ranks(outcomes) == {"silent": 2, "loud": 1}
    assert "| silent | - | - | - | 2.0 | 2 of 2 |" in table.by_rule(outcomes)


def test_refusal_in_one_seed_leaves_the_other_seeds_rate(table, curve):
    """And is counted."""
    outcomes = {"rule": {"case": table.Outcome(curve, [None, 0.01])}}
    assert "| rule | 20.0 | 20.0 | 20.0 | 1.0 | 1 of 2 | -1.00 |" in table.by_rule(outcomes)


def test_rules_of_equal_regret_share_their_rank(table, curve):
    """Neither is ranked first because it is named first."""
    outcomes = {name: {"case": table.Outcome(curve, [0.1])} for name in ("one", "other")}
    assert table.mean_ranks(outcomes) == {"one": 1.5, "other": 1.5}
