"""Precision, recall and F1 by class."""

from __future__ import annotations

import re

import pytest
import torch
from torch.nn.functional import one_hot

from cvkit.diagnostics import per_class_scores
from cvkit.diagnostics.per_class import ClassFacts
from cvkit.engine.predictions import Predictions
from cvkit.figures.artifacts import Bar


def _table(labels, predicted, classes):
    logits = one_hot(torch.tensor(predicted), len(classes)).float()
    return per_class_scores(Predictions(logits, torch.tensor(labels), 0.5), classes)


def _numbers(table, row):
    """The cells of a row without the interval."""
    return [cell for name, cell in zip(table.header, table.rows[row], strict=True) if "interval" not in name]


def test_recall_has_a_bar_with_its_interval():
    """2 of 3: the interval of Clopper and Pearson."""
    table = _table([0, 0, 0, 1], [0, 0, 1, 1], ("ant", "bee"))
    (bar,) = (row[1] for row in table.rows if row[0] == "ant")
    assert isinstance(bar, Bar)
    assert (bar.share, bar.low, bar.high) == pytest.approx((2 / 3, 0.0943, 0.9916), abs=1e-4)


def test_table_has_training_images_and_samples_where_they_are_known():
    """A class without a picture has an empty cell; the CSV has the words of the picture, not its bytes."""
    logits = one_hot(torch.tensor([0, 1]), 2).float()
    facts = ClassFacts((70, 3), {1: b"png"})
    table = per_class_scores(Predictions(logits, torch.tensor([0, 1]), 0.5), ("ant", "bee"), facts)
    assert table.header[-2:] == ("training images", "sample")
    assert [row[-2] for row in table.rows] == ["70", "3"]
    assert table.rows[0][-1] == ""
    assert table.rows[1][-1].png == b"png"
    assert b"an image of bee" in table.files()["per_class_scores.csv"]


def test_scores_are_those_of_their_definitions(wording):
    """Two of three found, two of four named rightly: F1 is 4 / 7. The lowest F1 comes first."""
    table = _table([0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 0, 0, 1, 1], ("ant", "bee"))
    assert table.header == wording(name="header")
    first, second = (_numbers(table, row) for row in range(2))
    assert first == ["ant", "66.7 %", "50.0 %", "57.1 %", "bee (1)", "3", "4"]
    assert second == ["bee", "50.0 %", "66.7 %", "57.1 %", "ant (2)", "4", "3"]
    assert re.findall(r"[\d.]+ %", table.caption)[1:] == ["58.33 %", "58.33 %", "57.14 %"]
    assert table.caption == wording(name="caption")
    assert [row[0] for row in _table([0, 0, 1, 1], [0, 0, 1, 0], ("ant", "bee")).rows] == ["bee", "ant"]


def test_what_is_not_defined_is_no_number_and_counts_in_no_mean():
    """A class never named has no precision, one without images no recall, one without both nothing at all."""
    table = _table([0, 0, 1], [0, 2, 0], ("ant", "bee", "cat", "dog"))
    rows = {row[0]: _numbers(table, number)[1:] for number, row in enumerate(table.rows)}
    assert rows["bee"] == ["0.0 %", "\u2013", "0.0 %", "ant (1)", "1", "0"]
    assert rows["cat"] == ["\u2013", "0.0 %", "0.0 %", "\u2013", "0", "1"]
    assert rows["dog"] == ["\u2013", "\u2013", "\u2013", "\u2013", "0", "0"]
    assert re.findall(r"[\d.]+ %", table.caption)[1:] == ["25.00 %", "25.00 %", "16.67 %"]
    assert table.rows[-1][0] == "dog"
