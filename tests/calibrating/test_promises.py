"""The level of probability that keeps a promise on the images that choose it."""

from __future__ import annotations

import math

import pytest
import torch

from cvkit import Abstention, RunError
from cvkit.calibrating.promises import Promise, promise_of
from cvkit.engine.intervals import Share, lower_bounds
from cvkit.engine.predictions import Predictions

PLAIN = Abstention()


def share_kept(found: Abstention, predictions: Predictions) -> Share:
    """The share of images that are not declined."""
    return Share.where(~found.apply(predictions.logits)[1])


def accuracy_of_kept(found: Abstention, predictions: Predictions) -> float:
    """The accuracy of the images that are not declined."""
    return float(predictions.correct[~found.apply(predictions.logits)[1]].double().mean())


def test_threshold_for_an_accuracy_is_the_lowest_with_a_sufficient_bound(drawn):
    """The bound of the kept images reaches the accuracy, and no lower threshold of an image does."""
    chosen = drawn(600)
    found, _ = Promise("accuracy", 0.8).choose(PLAIN, chosen)
    confidence, correct = chosen.probabilities.amax(dim=1), chosen.correct

    def bound(level: float) -> float:
        kept = confidence >= level
        return float(lower_bounds(int(correct[kept].sum()), int(kept.sum())))

    assert bound(found.level) >= 0.8
    assert all(bound(level) < 0.8 for level in confidence.tolist() if level < found.level)
    assert 0 < share_kept(found, chosen).value < 1


def test_threshold_does_not_divide_equal_probabilities():
    """Of ten images with one probability, all are kept or none: the threshold is that of the confident ones."""
    logits = torch.cat([torch.tensor([[9.0, 0.0]]).expand(60, 2), torch.tensor([[1.0, 0.0]]).expand(40, 2)])
    labels = torch.tensor([0] * 60 + [0] * 5 + [1] * 35)
    found, _ = Promise("accuracy", 0.9).choose(PLAIN, Predictions(logits, labels, 0.0))
    assert share_kept(found, Predictions(logits, labels, 0.0)).hits == 60


def test_accuracy_that_no_threshold_reaches_is_refused_with_the_best(drawn):
    """The error says what was reached, and how many images are necessary at least."""
    with pytest.raises(RunError, match=r"no threshold reaches an accuracy of 99\.90 %") as caught:
        Promise("accuracy", 0.999).choose(PLAIN, drawn(240))
    assert "240 validation images" in str(caught.value)
    assert f"{math.ceil(math.log(0.05) / math.log(0.999)):,} images" in str(caught.value)


@pytest.mark.parametrize("coverage", [0.1, 0.5, 0.8])
def test_threshold_for_a_coverage_keeps_this_share_of_new_images_on_average(drawn, coverage):
    """The mean over many samples, each of which chooses a threshold for one large sample of new images."""
    new, kept = drawn(20_000, seed=99), []
    for seed in range(60):
        found, _ = Promise("coverage", coverage).choose(PLAIN, drawn(49, seed=seed))
        kept.append(share_kept(found, new).value)
    assert sum(kept) / len(kept) == pytest.approx(coverage, abs=0.025)


def test_full_coverage_sets_no_threshold(drawn):
    """No image is declined, and the sentence says so."""
    found, sentence = Promise("coverage", 1).choose(PLAIN, drawn(30))
    assert not found.declines
    assert "no threshold" in sentence


@pytest.mark.parametrize("error_rate", [0.3, 0.1])
def test_prediction_sets_miss_the_class_at_most_as_often_as_promised(drawn, error_rate):
    """On average over samples, whatever the temperature; the sets are not all classes."""
    new, inside = drawn(20_000, seed=99), []
    for seed in range(60):
        found, _ = Promise("error_rate", error_rate).choose(Abstention((3.0,)), drawn(49, seed=seed))
        sets = found.prediction_sets(found.calibrated(new.logits))
        inside.append(float(sets.gather(1, new.labels[:, None]).double().mean()))
    assert sum(inside) / len(inside) == pytest.approx(1 - error_rate, abs=0.025)
    assert float(sets.sum(dim=1).double().mean()) < 3.5


def test_quantile_has_the_rank_of_split_conformal_prediction(drawn):
    """ceil((n + 1)(1 - a)) of the scores 1 - p; of 19 images and an error rate of 0.1 the 18th."""
    chosen = drawn(19)
    found, _ = Promise("error_rate", 0.1).choose(PLAIN, chosen)
    scores = 1 - chosen.probabilities.gather(1, chosen.labels[:, None])[:, 0]
    assert 1 - found.level == pytest.approx(float(scores.sort().values[17]), abs=1e-6)


@pytest.mark.parametrize(("images", "possible"), [(8, False), (9, True)])
def test_error_rate_needs_enough_images(drawn, images, possible):
    """1/a - 1 images; with fewer the error says which rate is the lowest."""
    if possible:
        assert Promise("error_rate", 0.1).choose(PLAIN, drawn(images))[0].rule == "conformal"
        return
    with pytest.raises(RunError, match=r"lowest is 11.11 %.*at least 9 "):
        Promise("error_rate", 0.1).choose(PLAIN, drawn(images))


def test_promise_of_accuracy_is_kept_on_new_images_about_as_often_as_its_bound(drawn):
    """The bound is at 95 %, and it is not corrected for the choice among thresholds."""
    new, kept = drawn(50_000, seed=99), 0
    for seed in range(100):
        found, _ = Promise("accuracy", 0.7).choose(PLAIN, drawn(300, seed=seed))
        kept += accuracy_of_kept(found, new) >= 0.7
    assert kept >= 88


@pytest.mark.parametrize(
    "values", [{"accuracy": 1.0}, {"accuracy": 95}, {"coverage": 0.0}, {"error_rate": 0.0}, {"error_rate": 1.0}]
)
def test_value_out_of_its_range_is_refused(values):
    """A percentage is a likely mistake."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        promise_of(**values)


def test_only_one_promise_is_given():
    """Two are different rules; none is no promise."""
    assert promise_of() is None
    assert promise_of(error_rate=0.1) == Promise("error_rate", 0.1)
    assert promise_of(error_rate=0.1).share == pytest.approx(0.9)
    with pytest.raises(ValueError, match="accuracy and coverage"):
        promise_of(accuracy=0.9, coverage=0.8)
