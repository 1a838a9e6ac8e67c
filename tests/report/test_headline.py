"""The numbers at the top of a report."""

from __future__ import annotations

import pytest
import torch
from judged import even, predicted, sets

from cvkit.engine.paired import Disagreement
from cvkit.formatting import percent, rounded, score_percent
from cvkit.report.headline import Earlier, balanced, change, interval_note


def test_headline_has_the_interval_of_its_counts():
    """64 of 80 images say less than their percentage pretends."""
    assert interval_note(predicted(even(4, 20, 16))) == ", 95 % interval 69.6 to 88.1 %"
    assert interval_note(sets([[1, 0], [0, 1]], [[0.9, 0.1], [0.1, 0.9]])) == ""


def test_balanced_accuracy_is_beside_the_accuracy_of_uneven_classes():
    """It is the mean recall; of even classes it is the accuracy and is left out."""
    (fact,) = balanced(predicted([[81, 9], [4, 6]]))
    assert fact.value == "75.00 %"
    assert "10 to 90 images" in fact.note
    assert "interval" in fact.note
    assert [*balanced(predicted(even(4, 20, 16)))] == []


@pytest.mark.parametrize("counts", [[[90, 0], [0, 10]], [[80, 10], [0, 10]], [[80, 10], [10, 0]], [[80, 10], [4, 5]]])
def test_balanced_accuracy_without_a_known_error_has_no_interval(counts):
    """A class whose images are all right, or of which there are few, has a variance that is too small."""
    (fact,) = balanced(predicted(counts))
    assert "interval" not in fact.note


def test_interval_of_the_balanced_accuracy_keeps_its_level():
    """In simulations of two classes, at least about 90 % of the intervals contain the mean recall."""
    generator = torch.Generator().manual_seed(0)
    inside = 0
    for _ in range(200):
        first = int((torch.rand(200, generator=generator) < 0.9).sum())
        second = int((torch.rand(50, generator=generator) < 0.7).sum())
        (fact,) = balanced(predicted([[first, 200 - first], [50 - second, second]]))
        low, high = (float(word) for word in fact.note.split("interval ")[1].removesuffix(" %").split(" to "))
        inside += low <= 80 <= high
    assert inside >= 0.9 * 200


def test_change_has_its_interval_on_the_same_images():
    """Or says why it has none."""
    now = predicted(even(4, 25, 20))
    assert [*change(now, None)] == []
    (fact,) = change(now, Earlier("run-1", 0.75, Disagreement(8, 3, 100)))
    assert fact.value == "+5.00 points"
    assert "75.00 % in run-1" in fact.note
    assert "p = 0.23" in fact.note
    (worse,) = change(now, Earlier("run-1", 0.85, None))
    assert worse.value == "-5.00 points"
    assert "not known to be the same" in worse.note


@pytest.mark.parametrize(
    ("hits", "images", "decimals", "text"),
    [(241, 400, 1, "60.3 %"), (723, 1200, 1, "60.3 %"), (9, 16, 1, "56.3 %"), (1, 8, 0, "13 %"), (3, 8, 0, "38 %")],
)
def test_halves_are_rounded_up(hits, images, decimals, text):
    """In binary some halves are a little lower, and Python rounds others to even."""
    assert percent(hits / images, decimals) == text


def test_score_has_one_number_of_digits():
    """Everywhere, so that one score has one text."""
    assert score_percent(0.6025) == "60.25 %"
    assert score_percent(1.0) == "100.00 %"
    assert rounded(-0.125, 2) == "-0.13"
