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


@pytest.mark.parametrize("n", [1, 6, 24, 200])
@pytest.mark.parametrize("kind", ["false positives", "false negatives"])
@pytest.mark.parametrize("labels", [3, 40])
def test_worst_errors_are_those_of_a_complete_sort(kind, n, labels):
    """Many probabilities are equal; of equal errors, the first images and labels are shown."""
    draw = torch.Generator().manual_seed(labels)
    logits = torch.randn(30, labels, generator=draw).round()
    sets = (torch.rand(30, labels, generator=draw) < 0.2).float()
    logits[:, 1], sets[:, 1] = torch.where(sets[:, 1] > 0, 9.0, -9.0), sets[:, 1]  # a label without errors
    found = MultiLabelPredictions(logits, sets, 0.5)
    given, sure = sets.bool(), found.probabilities
    if kind == "false negatives":
        wrong, sure = given & ~found.predicted, 1 - sure
    else:
        wrong = found.predicted & ~given
    each = -(-n // int(wrong.any(dim=0).sum()))
    errors = []
    for label in range(labels):
        own = sorted((-float(sure[row, label]), row) for row in range(30) if wrong[row, label])
        errors += [(value, place, label, row) for place, (value, row) in enumerate(own[:each])]
    expected = [(row, label) for _, _, label, row in sorted(errors)[:n]]
    rows, of_rows = worst(found, kind, n)
    assert [*zip(rows.tolist(), of_rows.tolist(), strict=True)] == expected


def test_no_errors_are_no_rows():
    """The gallery then has a sentence alone."""
    found = MultiLabelPredictions(torch.tensor([[3.0, -3.0]]), torch.tensor([[1.0, 0.0]]), 0.5)
    assert [len(each) for each in worst(found, "false positives", 3)] == [0, 0]
