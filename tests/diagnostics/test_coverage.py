"""The accuracy of the most confident predictions, for each share of the images."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
import torch

from cvkit.diagnostics.coverage import coverage_curve, coverage_table
from cvkit.engine.predictions import Predictions


def predictions(confidence: list[float], correct: list[int]) -> Predictions:
    """Two classes, of which class 0 is predicted with that confidence."""
    chances = torch.tensor(confidence, dtype=torch.float64)
    labels = 1 - torch.tensor(correct).long()
    return Predictions(torch.stack([chances, 1 - chances], dim=1).log(), labels, 0.5)


def test_table_counts_the_images_above_each_confidence():
    """Of ten images, four are above 0.9 and three of these are right."""
    found = predictions([0.96] * 4 + [0.75] * 6, [1, 1, 1, 0] + [1] * 3 + [0] * 3)
    rows = {row[0]: row[1:4] for row in coverage_table(found).rows}
    assert rows["50 %"] == ("10", "100.0 %", "60.0 %")
    assert rows["70 %"] == rows["50 %"]
    assert rows["90 %"] == rows["95 %"] == ("4", "40.0 %", "75.0 %")
    assert rows["99 %"] == ("0", "0.0 %", "-")


def test_caption_says_how_many_images_are_above_a_confidence():
    """The sentence is that of the table's row; without such images it says so."""
    sentence = coverage_curve(predictions([0.96] * 4 + [0.75] * 6, [1, 1, 1, 0] + [1] * 6)).caption
    assert sentence.startswith("Above a confidence of 90 % are 40 % of the images, of which 75.0 % are right.")
    assert coverage_curve(predictions([0.6, 0.7], [1, 0])).caption.startswith("No confidence is above 90 %.")


@pytest.mark.parametrize("images", [1, 9, 3_000])
@pytest.mark.parametrize("threshold", [0.0, 0.7, 1.0])
def test_curve_is_drawn_for_any_number_of_images(images, threshold):
    """Also if no image is above the threshold; few points suffice for many images."""
    found = predictions(torch.linspace(0.51, 0.99, images).tolist(), [1] * images)
    figure = coverage_curve(found, threshold)
    assert ET.fromstring(figure.svg) is not None
    assert len(figure.svg) < 150_000
    assert re.fullmatch(r"[A-Z].*\.", figure.caption)
