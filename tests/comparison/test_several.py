"""Holm's correction."""

from __future__ import annotations

import pytest

from cvkit.comparison.several import holm


def test_p_values_are_corrected_in_steps():
    """The smallest of n is multiplied by n, the next by n - 1; no p-value becomes smaller than the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_corrected_p_values_are_at_most_one():
    """A single one is unchanged."""
    assert holm([0.7, 0.8]) == [1.0, 1.0]
    assert holm([0.03]) == [0.03]
    assert holm([]) == []
