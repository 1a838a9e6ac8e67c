"""What is taken for what."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch

from cvkit.diagnostics import confused_pairs, confusion, confusion_matrix
from cvkit.diagnostics.matrix_drawing import _pooled
from cvkit.diagnostics.similar_classes import confused_groups, similar_order
from cvkit.engine.predictions import Predictions
from cvkit.figures.page import Page, Section, render


def _predictions(labels, predicted, classes):
    logits = torch.nn.functional.one_hot(torch.tensor(predicted), classes).float()
    return Predictions(logits, torch.tensor(labels), 0.5)


def test_confusion_matrix_counts_true_classes_in_rows():
    """Row is the true class, column the predicted one, and every image is counted once."""
    counts = confusion_matrix(_predictions([0, 0, 0, 1, 2, 2], [0, 1, 1, 1, 0, 2], 3), 3)
    assert counts.tolist() == [[1, 2, 0], [0, 1, 0], [1, 0, 1]]


@pytest.mark.parametrize("classes", [2, 10, 20, 40, 100, 1000])
def test_confusion_is_shown_for_any_number_of_classes(classes, wording):
    """A handful and a thousand classes are both shown, on a page and in files of reasonable size."""
    labels = list(range(classes)) * 2
    matrix = confusion(_predictions(labels, [*labels[1:], 0], classes), tuple(f"class {i}" for i in range(classes)))
    assert ET.fromstring(matrix.drawing.svg) is not None
    assert len(matrix.drawing.svg) < 300_000
    assert len(render(Page("x", sections=(Section("Classes", (matrix,)),)))) < 500_000
    assert matrix.caption == wording
    assert len(matrix.rows) == classes  # every image of a class is taken for the next one


def test_every_cell_of_a_small_matrix_is_shown():
    """With its share, its counts in full, and what the errors can be filtered by."""
    predictions = _predictions([0, 0, 0, 1], [0, 1, 1, 1], 2)
    (block,) = confusion(predictions, ("ant", "bee")).blocks
    right, wrong = block.rows[0]
    assert (right.text, right.correct) == ("33", True)
    assert (wrong.text, wrong.pair) == ("67", ("ant", "bee"))
    assert "2 of 3 images" in wrong.tip
    assert block.rows[1][0] is None
    assert block.columns == ("ant", "bee")


def test_most_confused_classes_come_first():
    """Classes that are confused with each other are in one group, wherever they are in the list of classes."""
    labels = [*range(60), 3, 3, 3, 50, 50, 9, 9]
    predicted = [*range(60), 50, 50, 50, 3, 3, 40, 40]
    matrix = confusion(_predictions(labels, predicted, 60), tuple(f"class {i}" for i in range(60)))
    first = matrix.blocks[0]
    assert {"class 3", "class 50", "class 9", "class 40"} <= set(first.names)
    assert len(first.names) == 20
    assert first.columns[-1] == "other classes"
    assert "7 errors" in first.title


def test_groups_hold_no_class_twice_and_each_has_an_error():
    """Also for random errors among many classes."""
    counts = torch.randint(0, 3, (130, 130), generator=torch.Generator().manual_seed(0)).numpy()
    groups = confused_groups(counts, 20, 5)
    members = [label for group in groups for label in group]
    assert [len(group) for group in groups] == [20] * 5
    assert len(members) == len(set(members))
    assert confused_groups(np.eye(30, dtype=np.int64), 20, 5) == []


def test_similar_classes_are_neighbours():
    """Every class once; pairs that are confused are beside each other."""
    counts = 10 * np.eye(6, dtype=np.int64)
    counts[0, 4] = counts[4, 0] = counts[1, 3] = counts[3, 1] = 8
    order = similar_order(counts)
    assert sorted(order) == [*range(6)]
    assert abs(order.index(0) - order.index(4)) == abs(order.index(1) - order.index(3)) == 1


def test_files_have_the_whole_matrix():
    """The CSV names every cell with images, and the drawing is saved as SVG and PNG."""
    files = confusion(_predictions([0, 0, 1], [0, 1, 1], 2), ("ant", "bee")).files()
    assert set(files) == {"confusion.csv", "confusion.svg", "confusion.png"}
    assert files["confusion.csv"].decode().splitlines()[1:] == ["ant,ant,1", "ant,bee,1", "bee,bee,1"]


def test_confusion_survives_a_perfect_model_and_an_absent_class(recwarn, wording):
    """Neither a matrix without errors nor a row without images divides by zero."""
    figure = confusion(_predictions([0, 0], [0, 0], 3), ("a", "b", "c"))
    assert figure.caption == wording
    assert not recwarn.list


def test_confusion_takes_class_names_as_plain_text():
    """Formulas, markup, newlines and endless names are drawn as the text they are."""
    names = ("$x_1$ and $", "<b>&amp;</b>", "a\nb\udcff", "z" * 200)
    matrix = confusion(_predictions([0, 1, 2, 3], [1, 1, 2, 0], 4), names)
    assert ET.fromstring(matrix.drawing.svg) is not None
    assert "<b>&" not in render(Page("x", sections=(Section("Classes", (matrix,)),)))


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
