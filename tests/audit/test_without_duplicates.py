"""The accuracy of a run with and without duplicated images."""

from __future__ import annotations

import pytest
import torch

from cvkit.audit.without_duplicates import Accuracies


@pytest.mark.parametrize("leaked", [(), (0, 3), (0, 1, 2, 3)])
def test_accuracy_is_told_with_and_without(wording, leaked):
    """Three of four are correct."""
    found = Accuracies.of(torch.tensor([True, False, True, True]), leaked)
    assert (found.correct, found.images, found.leaked) == (3, 4, len(leaked))
    assert found.sentence("test") == wording


def test_counts_of_the_leaked_images():
    """Of images 0 and 1, only the first is correct."""
    assert Accuracies.of(torch.tensor([True, False, True, True]), (0, 1)) == Accuracies(3, 4, 1, 2)
