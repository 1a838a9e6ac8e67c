"""A calibration from predictions: which images serve for what, and what is measured."""

from __future__ import annotations

from dataclasses import replace
from html import unescape

import pytest
import torch
from torch.nn.functional import cross_entropy

from cvkit import RunError
from cvkit.calibrating.calibrate import calibrated, require_halves, require_one_class
from cvkit.calibrating.halves import halves
from cvkit.calibrating.page import calibration_page
from cvkit.calibrating.promises import Promise
from cvkit.calibrating.temperature import fit_temperature
from cvkit.engine.intervals import Share
from cvkit.figures.page import render

NAMES = ("a", "b", "c", "d")
PROMISES = (None, Promise("accuracy", 0.8), Promise("coverage", 0.7), Promise("error_rate", 0.1))


@pytest.mark.parametrize("images", [2, 7, 100])
def test_halves_are_disjoint_and_depend_on_the_seed_only(images):
    """Together they are all images; another seed gives others."""
    first, second = halves(images, 3)
    assert sorted([*first.tolist(), *second.tolist()]) == [*range(images)]
    assert len(second) - len(first) in (0, 1)
    assert torch.equal(first, halves(images, 3)[0])
    assert images < 10 or not torch.equal(first, halves(images, 4)[0])


def test_temperature_ignores_the_images_that_choose_the_rule(drawn):
    """Other labels in the second half change only the threshold; without a rule all images fit the temperature."""
    validation, test = drawn(400, 2.0, half="validation"), drawn(200, 2.0, seed=1)
    first, second = halves(400, 0)
    labels = validation.labels.clone()
    labels[second] = validation.predicted[second]
    one, other = (
        calibrated(each, test, NAMES, 0, Promise("accuracy", 0.75))
        for each in (validation, replace(validation, labels=labels))
    )
    assert one.abstention.temperatures == other.abstention.temperatures
    assert one.abstention.level > other.abstention.level
    assert (one.fitted_on, one.chosen_on) == (200, 200)
    expected = fit_temperature(validation.logits[first], validation.labels[first])
    assert one.abstention.temperatures == expected.temperatures
    everything = calibrated(validation, test, NAMES, 0)
    assert (everything.fitted_on, everything.chosen_on, everything.abstention.declines) == (400, 0, False)


def test_error_of_a_model_that_is_too_confident_decreases(drawn):
    """Before, the interval is above what chance explains; after, the error is below it."""
    result = calibrated(drawn(2_000, 3.0), drawn(2_000, 3.0, seed=1), NAMES, 0)
    before, after = result.errors
    assert before.low > before.by_chance
    assert after.value < after.by_chance
    assert result.calibrated.loss < float(cross_entropy(result.test.logits, result.test.labels))


@pytest.mark.parametrize("promise", PROMISES, ids=["none", "accuracy", "coverage", "error rate"])
def test_table_counts_what_the_abstention_does(drawn, promise):
    """The shares are those of the test images, and the promise stands in its own row only."""
    result = calibrated(drawn(1_000, 2.0), drawn(800, 2.0, seed=1), NAMES, 0, promise)
    chances, declined = result.abstention.apply(result.test.logits)
    assert result.coverage.hits == int((~declined).sum())
    right = chances.argmax(dim=1) == result.test.labels
    assert (result.kept_accuracy.hits, result.kept_accuracy.of) == (int(right[~declined].sum()), result.coverage.hits)
    header, rows = result.table()
    assert all(len(row) == len(header) for row in rows)
    promised = [row[0] for row in rows if row[1]]
    expected = {"accuracy": "accuracy of kept", "coverage": "coverage", "error_rate": "class is in"}
    assert len(promised) == (promise is not None)
    assert promise is None or promised[0].startswith(expected[promise.wanted])
    assert all(name in repr(result) for name, *_ in rows)


def test_promise_that_the_test_images_break_is_reported(drawn):
    """The test images have other labels than the model was calibrated for."""
    test = drawn(800, seed=1)
    wrong = replace(test, labels=(test.labels + 1) % 4)
    result = calibrated(drawn(800), wrong, NAMES, 0, Promise("accuracy", 0.8))
    assert any("break the promise" in line for line in result.remarks())
    kept = calibrated(drawn(800), test, NAMES, 0, Promise("accuracy", 0.8))
    assert [*kept.remarks()] == []


def test_calibration_that_makes_probabilities_worse_is_reported(drawn):
    """Beyond what chance explains: the validation images made the model look more confident than it is."""
    worse = calibrated(drawn(800, factor=4.0), drawn(800, seed=1), NAMES, 0, None)
    (line,) = [line for line in worse.remarks() if "calibration error" in line]
    assert line.endswith("so the probabilities were better without it")
    better = calibrated(drawn(800, factor=4.0), drawn(800, factor=4.0, seed=1), NAMES, 0, None)
    assert not [line for line in better.remarks() if "calibration error" in line]


@pytest.mark.parametrize(("share", "said"), [(0.5, "kept"), (0.97, "undecided"), (0.9999, "broken")])
def test_page_says_whether_the_promise_was_kept(drawn, share, said):
    """In the note of its first number: few images may not decide."""
    result = calibrated(drawn(800), drawn(40, seed=1), NAMES, 0, Promise("coverage", 0.5))
    kept = replace(result, promise=Promise("coverage", share))
    vars(kept)["coverage"] = Share(38, 40)
    note = calibration_page(kept, "run", "weights", NAMES).facts[0].note
    assert f"; {said}: 95 % interval" in note


def test_promise_without_a_test_image_that_is_kept_is_reported(drawn):
    """All test images are below the threshold, so nothing could be measured."""
    test = drawn(50, seed=1)
    result = calibrated(drawn(800), replace(test, logits=0 * test.logits), NAMES, 0, Promise("accuracy", 0.8))
    assert any("could not be checked" in line for line in result.remarks())
    assert "accuracy_of_kept" not in result.to_json()["measured"]


@pytest.mark.parametrize("per_class", [False, True], ids=["one temperature", "per class"])
@pytest.mark.parametrize("promise", PROMISES, ids=["none", "accuracy", "coverage", "error rate"])
def test_page_shows_what_was_promised_and_measured(drawn, unrendered, promise, per_class):
    """Each number of the table is on the page, with a diagram before and after."""
    result = calibrated(drawn(1_000, 2.0), drawn(300, 2.0, seed=1), NAMES, 0, promise, per_class)
    page = unescape(render(calibration_page(result, "small", "after step 3", NAMES))).replace("\u00a0", " ")
    for cells in result.table()[1]:
        assert all(cell in page for cell in cells)
    assert "Before: ECE" in page
    assert "After: ECE" in page
    assert ("Sizes of the prediction sets" in page) == (promise is not None and promise.wanted == "error_rate")
    assert (">Temperatures<" in page) == per_class


def test_sets_of_labels_are_refused():
    """With the setting that chooses their thresholds."""
    require_one_class("single_label")
    with pytest.raises(RunError, match=r"evaluation\.thresholds"):
        require_one_class("multi_label")


def test_data_needs_validation_and_test_images(make_splits):
    """The error says which are missing, and what to write into the recipe."""
    require_halves(make_splits(validation=4, test=4))
    for sizes, named in (
        ({"validation": 0, "test": 4}, "validation: 0.1 to the dataset"),
        ({"validation": 4, "test": 0}, "test: 0.15"),
        ({"validation": 1, "test": 4}, "at least 2"),
    ):
        with pytest.raises(RunError, match=named):
            require_halves(make_splits(**sizes))
