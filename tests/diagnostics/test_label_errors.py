"""The errors of sets of labels that the report shows."""

from __future__ import annotations

import pytest
import torch

from cvkit import MultiLabelPredictions
from cvkit.diagnostics.label_errors import worst


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
