"""The expected calibration error of a sample, its interval, and what of it is chance."""

from __future__ import annotations

import pytest
from drawn_predictions import drawn

from cvkit.engine.calibration_error import CalibrationError, error_by_chance


def test_interval_of_the_error_corrects_its_bias():
    """Of a wrong confidence by a known amount, the interval contains the error of very many images."""
    truth = CalibrationError.of(drawn(50_000, 2.0, seed=7)).value
    contained = 0
    for seed in range(15):
        found = CalibrationError.of(drawn(400, 2.0, seed=seed))
        assert 0 <= found.low <= found.high
        contained += found.low <= truth <= found.high
    assert contained >= 12


def test_error_by_chance_is_that_of_right_probabilities():
    """About 95 % of samples whose probabilities are right stay below it."""
    found = [CalibrationError.of(drawn(300, seed=seed)) for seed in range(20)]
    assert sum(each.value < each.by_chance for each in found) >= 16


@pytest.mark.parametrize("images", [1, 20, 400])
def test_error_by_chance_falls_with_the_number_of_images(images):
    """Of twenty images it is large, so their error says little; the seed is fixed."""
    found = error_by_chance(drawn(images))
    assert error_by_chance(drawn(10 * images)) < found <= 1
    assert error_by_chance(drawn(images)) == found
