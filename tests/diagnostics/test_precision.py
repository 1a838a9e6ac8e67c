"""Precision, recall and F1 by class."""

from __future__ import annotations

import re

import torch
from torch.nn.functional import one_hot

from cvkit.diagnostics import per_class_scores
from cvkit.engine.predictions import Predictions


def _table(labels, predicted, classes):
    logits = one_hot(torch.tensor(predicted), len(classes)).float()
    return per_class_scores(Predictions(logits, torch.tensor(labels), 0.5), classes)


def test_scores_are_those_of_their_definitions(wording):
    """Two of three found, two of four named rightly: F1 is 4 / 7. The lowest F1 comes first."""
    table = _table([0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 0, 0, 1, 1], ("ant", "bee"))
    assert table.header == wording(name="header")
    assert table.rows == (
        ("ant", "50.0 %", "66.7 %", "57.1 %", "3", "4"),
        ("bee", "66.7 %", "50.0 %", "57.1 %", "4", "3"),
    )
    assert re.findall(r"[\d.]+ %", table.caption) == ["58.3 %", "58.3 %", "57.1 %"]
    assert table.caption == wording(name="caption")
    assert [row[0] for row in _table([0, 0, 1, 1], [0, 0, 1, 0], ("ant", "bee")).rows] == ["bee", "ant"]


def test_what_is_not_defined_is_no_number_and_counts_in_no_mean():
    """A class never named has no precision, one without images no recall, one without both nothing at all."""
    table = _table([0, 0, 1], [0, 2, 0], ("ant", "bee", "cat", "dog"))
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["bee"] == ("\u2013", "0.0 %", "0.0 %", "1", "0")
    assert rows["cat"] == ("0.0 %", "\u2013", "0.0 %", "0", "1")
    assert rows["dog"] == ("\u2013", "\u2013", "\u2013", "0", "0")
    assert re.findall(r"[\d.]+ %", table.caption) == ["25.0 %", "25.0 %", "16.7 %"]
    assert table.rows[-1][0] == "dog"
