"""What is taken for what."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
import torch

from cvkit.diagnostics import confused_pairs, confusion, confusion_matrix
from cvkit.diagnostics.class_confusion import _pooled
from cvkit.engine.predictions import Predictions


def _predictions(labels, predicted, classes):
    logits = torch.nn.functional.one_hot(torch.tensor(predicted), classes).float()
    return Predictions(logits, torch.tensor(labels), 0.5)


def test_confusion_matrix_counts_true_classes_in_rows():
    """Row is the true class, column the predicted one, and every image is counted once."""
    counts = confusion_matrix(_predictions([0, 0, 0, 1, 2, 2], [0, 1, 1, 1, 0, 2], 3), 3)
    assert counts.tolist() == [[1, 2, 0], [0, 1, 0], [1, 0, 1]]


@pytest.mark.parametrize("classes", [2, 10, 20, 40, 100, 1000])
def test_confusion_is_drawn_for_any_number_of_classes(classes, wording):
    """A handful and a thousand classes are both drawn, in a file of reasonable size."""
    labels = list(range(classes)) * 2
    figure = confusion(_predictions(labels, [*labels[1:], 0], classes), tuple(f"class {i}" for i in range(classes)))
    assert ET.fromstring(figure.svg) is not None
    assert len(figure.svg) < 300_000
    assert figure.caption == wording


def test_confusion_survives_a_perfect_model_and_an_absent_class(recwarn, wording):
    """Neither a matrix without errors nor a row without images divides by zero."""
    figure = confusion(_predictions([0, 0], [0, 0], 3), ("a", "b", "c"))
    assert figure.caption == wording
    assert not recwarn.list


def test_confusion_takes_class_names_as_plain_text():
    """Formulas, markup, newlines and endless names are drawn as the text they are."""
    names = ("$x_1$ and $", "<b>&amp;</b>", "a\nb\udcff", "z" * 200)
    assert ET.fromstring(confusion(_predictions([0, 1, 2, 3], [1, 1, 2, 0], 4), names).svg) is not None


def test_pooled_counts_lose_nothing():
    """Neighbouring classes are added up, the last ones too where they do not fill a block."""
    counts = torch.arange(25).reshape(5, 5).numpy()
    pooled = _pooled(counts, 2)
    assert pooled.shape == (3, 3)
    assert pooled.sum() == counts.sum()
    assert pooled[0, 0] == 0 + 1 + 5 + 6
    assert pooled[2, 2] == 24


def test_confused_pairs_are_ranked_by_count_without_the_diagonal():
    """The most frequent error comes first; ties keep the order of labels; what was right is not listed."""
    predictions = _predictions([0, 0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 1, 0], 3)
    table = confused_pairs(predictions, ("ant", "bee", "cat"))
    assert table.rows == (
        ("ant", "bee", "2", "50.0 %"),
        ("bee", "ant", "1", "50.0 %"),
        ("cat", "ant", "1", "100.0 %"),
    )
    assert len(confused_pairs(predictions, ("ant", "bee", "cat"), n=1).rows) == 1


def test_confused_pairs_of_a_perfect_model_say_so(wording):
    """Where nothing was confused, there is a sentence instead of rows."""
    table = confused_pairs(_predictions([0, 1], [0, 1], 2), ("a", "b"))
    assert table.rows == ()
    assert table.caption == wording
