"""What single predictions are worth, and the file that lists them."""

from __future__ import annotations

import csv
import math

import pytest
import torch

from cvkit.engine.per_sample import PerSample
from cvkit.engine.predictions import Predictions
from cvkit.runs.folder import RunFolder


@pytest.fixture
def predictions():
    """One right by 0.5, one wrong by 0.1, and one as wrong as can be."""
    logits = torch.tensor([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [1.0, 1.0, 1.0]]).log()
    logits[2] = torch.tensor([200.0, 0.0, 0.0])
    return Predictions(logits, torch.tensor([0, 2, 1]), 0.5)


def test_measures_of_each_image(predictions):
    """Margins are above 0 for what is right alone; the loss stays finite where a probability is 0."""
    measured = PerSample.of(predictions)
    assert measured.confidence.tolist() == pytest.approx([0.7, 0.4, 1.0])
    assert measured.of_true.tolist() == pytest.approx([0.7, 0.3, 0.0])
    assert measured.loss.tolist() == pytest.approx([-math.log(0.7), -math.log(0.3), 200.0])
    assert measured.margin.tolist() == pytest.approx([0.5, -0.1, -1.0])


def test_predictions_file_lists_every_image(predictions, tmp_path):
    """One line an image, in the order of the split, with the measures as numbers."""
    RunFolder(tmp_path).write_predictions(predictions, ("cat", "=dog()", "a\udcff,b"))
    with (tmp_path / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["index"] for row in rows] == ["0", "1", "2"]
    assert [row["true"] for row in rows] == ["cat", "a?,b", "'=dog()"]
    assert [row["predicted"] for row in rows] == ["cat", "'=dog()", "cat"]
    assert [row["correct"] for row in rows] == ["1", "0", "0"]
    assert [float(row["probability_predicted"]) for row in rows] == pytest.approx([0.7, 0.4, 1.0])
    assert [float(row["loss"]) for row in rows] == pytest.approx([0.356675, 1.203973, 200.0])
    assert [row["margin"] for row in rows] == ["0.500000", "-0.100000", "-1.000000"]
