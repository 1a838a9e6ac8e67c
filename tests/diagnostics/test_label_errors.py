"""Errors of label sets, as a gallery: which are chosen, and what the caption says about the others."""

from __future__ import annotations

import pytest
import torch

from cvkit import MultiLabelPredictions
from cvkit.diagnostics.label_errors import label_errors, worst

CLASSES = tuple("abcdef")


@pytest.fixture
def found() -> MultiLabelPredictions:
    """Predictions of 8 images without any label; labels a to d are predicted, with different probabilities."""
    logits = torch.full((8, 6), -3.0)
    logits[:, :4] = torch.linspace(1, 4, 32).view(8, 4)
    return MultiLabelPredictions(logits, torch.zeros(8, 6), 0.5, "test")


@pytest.mark.parametrize(
    ("asked", "labels", "said"),
    [
        (4, [3, 2, 1, 0], "4 of 32 on 8 test images, the highest probability first; each label that has errors is"),
        (2, [3, 2], "2 of 32 on 8 test images, the highest probability first; 2 of 4 labels are shown"),
    ],
)
def test_each_label_has_its_worst_error_as_far_as_there_is_room(found, asked, labels, said):
    """The last image has the highest probabilities; the caption says how many labels are left out."""
    rows, chosen = worst(found, "false positives", asked)
    assert (rows.tolist(), chosen.tolist()) == ([7] * asked, labels)
    images = torch.zeros(len(rows), 3, 8, 8, dtype=torch.uint8)
    gallery = label_errors(images, rows, chosen, found, CLASSES, {}, "false positives", {})
    assert said in gallery.caption
