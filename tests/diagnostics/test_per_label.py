"""Scores of each label have the same rules as those of classes."""

from __future__ import annotations

import pytest
import torch

from cvkit.diagnostics import per_label
from cvkit.diagnostics.per_label import label_calibration
from cvkit.engine.calibration import Calibration
from cvkit.engine.multi_label import MultiLabelPredictions
from cvkit.engine.predictions import Predictions


@pytest.mark.parametrize("bins", [1, 2, 15])
def test_calibration_of_a_label_has_the_bins_of_classes(bins, monkeypatch):
    """A probability at the edge of two bins belongs to the lower one, for labels as for classes."""
    monkeypatch.setattr(per_label, "BINS", bins)
    odds = torch.cat([torch.zeros(3), torch.linspace(1, 4, 37)])  # 0 gives 0.5, an edge of two bins
    right = (torch.arange(40) % 3 > 0).float().index_fill(0, torch.arange(3), 1.0)
    of_classes = Predictions(torch.stack([odds / 2, -odds / 2], dim=1), (1 - right).long(), 0.5)
    (row,) = label_calibration(MultiLabelPredictions(odds[:, None], right[:, None], 0.5), ("a",)).rows
    assert row[-1] == f"{100 * Calibration.of(of_classes, bins).error:.1f} %"
