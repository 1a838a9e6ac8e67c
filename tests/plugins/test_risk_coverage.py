"""The section `risk_coverage`: the error of the most confident predictions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cvkit import Predictions
from cvkit_metrics.risk_coverage import risk_coverage, risks_of


def test_risks_equal_their_definition():
    """For each number of predictions, the fraction of them that is wrong."""
    correct = torch.rand(50, generator=torch.Generator().manual_seed(0)) < 0.7
    expected = [1 - np.mean(correct[:count].numpy()) for count in range(1, 51)]
    assert risks_of(correct).tolist() == pytest.approx(expected)


def test_table_has_the_error_of_the_most_confident_predictions():
    """Of four images, the two most confident are right, then one is wrong and one is right."""
    logits = torch.tensor([[4.0, 0.0], [0.0, 1.0], [3.0, 0.0], [2.0, 0.0]])
    predictions = Predictions(logits, torch.tensor([0, 1, 0, 1]), 0.5)
    _, table = risk_coverage(predictions, coverages=(1.0, 0.75, 0.5)).artifacts
    assert [row[:3] for row in table.rows] == [
        ("100 %", "4", "25.00 %"),
        ("75 %", "3", "33.33 %"),
        ("50 %", "2", "0.00 %"),
    ]
    figure, _ = risk_coverage(predictions).artifacts
    assert f"{(0 + 0 + 1 / 3 + 1 / 4) / 4:.4f}" in figure.caption
