"""How well each class is recognised."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
import torch
from masked import without_numbers

from cvkit.diagnostics import per_class_accuracy
from cvkit.engine.predictions import Predictions


@pytest.mark.parametrize("classes", [1, 2, 40, 41, 1000])
def test_per_class_accuracy_is_drawn_for_any_number_of_classes(classes, wording):
    """One class and a thousand are both drawn; above 40 only both ends, and the caption says so."""
    labels = torch.arange(classes).repeat(2)
    figure = per_class_accuracy(
        Predictions(torch.randn(2 * classes, classes, generator=torch.Generator().manual_seed(0)), labels, 0.5),
        tuple(f"class {i}" for i in range(classes)),
    )
    assert ET.fromstring(figure.svg) is not None
    assert without_numbers(figure.caption) == wording


def test_per_class_accuracy_leaves_out_classes_without_images(wording):
    """A class no test image belongs to has no accuracy, and the caption counts it."""
    figure = per_class_accuracy(Predictions(torch.eye(3)[[0, 1]], torch.tensor([0, 1]), 0.5), ("a", "b", "absent"))
    assert figure.caption == wording
    assert "absent" not in figure.svg
