"""Calibration: the reliability diagram and the expected calibration error."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch

from cvkit import Calibration
from cvkit.diagnostics import reliability
from cvkit.engine.predictions import Predictions


def _predictions(confidence, correct):
    """Two classes, of which class 0 is predicted with that confidence."""
    chances = torch.tensor(confidence, dtype=torch.float64)
    labels = 1 - torch.tensor(correct).long()
    return Predictions(torch.stack([chances, 1 - chances], dim=1).log(), labels, 0.5)


def test_error_is_that_of_the_paper_s_formula():
    """Four images at 0.9 of which two are right, and six at 0.6 of which all are: 0.4 * 0.4 + 0.6 * 0.4."""
    of = Calibration.of(_predictions([0.9] * 4 + [0.6] * 6, [1, 1, 0, 0] + [1] * 6))
    assert of.error == pytest.approx(0.4)
    assert of.excess == pytest.approx(0.4 * 0.4 - 0.6 * 0.4)
    assert of.counts.sum() == 10
    assert len(of.counts) == 15


def test_error_equals_a_plain_loop_over_bins():
    """Written out as in section 2 of Guo et al., with bins open below and closed above."""
    generator = torch.Generator().manual_seed(0)
    predictions = Predictions(
        torch.randn(500, 4, generator=generator) * 2, torch.randint(0, 4, (500,), generator=generator), 0.5
    )
    confidence, correct = predictions.probabilities.amax(dim=1).double().numpy(), predictions.correct.numpy()
    expected = 0.0
    for m in range(15):
        inside = (confidence > m / 15) & (confidence <= (m + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    assert Calibration.of(predictions).error == pytest.approx(expected, abs=1e-12)


def test_excess_comes_with_an_interval_that_says_whether_its_sign_means_anything():
    """400 images at 0.75 of which 302 are right: 0.5 % below the accuracy, by an interval on both sides of 0."""
    low, high = Calibration.of(_predictions([0.75] * 400, [1] * 302 + [0] * 98)).excess_interval
    error = 1.96 * (0.755 * 0.245 / 400) ** 0.5
    assert (low, high) == pytest.approx((-0.005 - error, -0.005 + error))


def test_certainty_falls_into_the_last_bin():
    """A confidence of exactly 1 has a bin, and a calibrated one has no error."""
    of = Calibration.of(Predictions(torch.tensor([[200.0, 0.0]]), torch.tensor([0]), 0.0))
    assert of.counts.tolist() == [0] * 14 + [1]
    assert of.error == 0


@pytest.mark.parametrize("images", [1, 1000])
def test_diagram_shows_bars_and_counts(images):
    """One image and a thousand are drawn; the error is in the title and in the caption."""
    figure = reliability(Calibration.of(_predictions(list(np.linspace(0.51, 0.99, images)), [1] * images)), 0.123)
    assert ET.fromstring(figure.svg) is not None
    (error,) = re.findall(r"\d+\.\d+ %", figure.title)
    assert error in figure.caption
    assert "below 12.3 % in 95 % of samples of this size" in figure.caption
