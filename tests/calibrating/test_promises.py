"""The level of probability that keeps a promise on the images that choose it."""

from __future__ import annotations

import math

import pytest
import torch

from cvkit import Abstention, RunError
from cvkit.calibrating.promises import Promise, levels_to_test, promise_of
from cvkit.engine.intervals import Share, lower_bounds
from cvkit.engine.predictions import Predictions

PLAIN = Abstention()
FITTING = Predictions(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), 0.0)  # only an accuracy needs them


def share_kept(found: Abstention, predictions: Predictions) -> Share:
    """The share of images that are not declined."""
    return Share.where(~found.apply(predictions.logits)[1])


def accuracy_of_kept(found: Abstention, predictions: Predictions) -> float:
    """The accuracy of the images that are not declined."""
    return float(predictions.correct[~found.apply(predictions.logits)[1]].double().mean())


def test_threshold_for_an_accuracy_is_the_last_that_passed(drawn):
    """The bound of the kept images reaches the accuracy for each threshold tested before; the next one fails."""
    fitting, chosen = drawn(600, seed=1), drawn(600)
    found, sentence = Promise("accuracy", 0.8).choose(PLAIN, chosen, fitting)
    confidence, correct = chosen.probabilities.amax(dim=1), chosen.correct
    levels = levels_to_test(fitting.probabilities, fitting.labels, 0.8).tolist()

    def bound(level: float) -> float:
        kept = confidence >= level
        return float(lower_bounds(int(correct[kept].sum()), int(kept.sum())))

    at = levels.index(found.level)
    assert levels == sorted(levels, reverse=True)
    assert all(bound(level) >= 0.8 for level in levels[: at + 1])
    assert bound(levels[at + 1]) < 0.8
    assert 0 < share_kept(found, chosen).value < 1
    assert f"one after the other: {at + 1}." in sentence


def test_threshold_does_not_divide_equal_probabilities():
    """Of images with one probability, all are kept or none: the threshold is that of the confident ones."""
    logits = torch.cat([torch.tensor([[9.0, 0.0]]).expand(60, 2), torch.tensor([[1.0, 0.0]]).expand(40, 2)])
    labels = torch.tensor([0] * 60 + [0] * 5 + [1] * 35)
    given = Predictions(logits, labels, 0.0)
    found, _ = Promise("accuracy", 0.9).choose(PLAIN, given, given)
    assert share_kept(found, given).hits == 60


def test_accuracy_that_no_threshold_reaches_is_refused_with_the_best(drawn):
    """The error says what was reached, and how many images are necessary at least."""
    with pytest.raises(RunError, match=r"do not show an accuracy of 99\.90 %") as caught:
        Promise("accuracy", 0.999).choose(PLAIN, drawn(240), drawn(240, seed=1))
    assert "240 validation images" in str(caught.value)
    assert f"at least {2 * math.ceil(math.log(0.05) / math.log(0.999)):,} are necessary in total" in str(caught.value)


@pytest.mark.parametrize("coverage", [0.1, 0.5, 0.8])
def test_threshold_for_a_coverage_keeps_this_share_of_new_images_on_average(drawn, coverage):
    """The mean over many samples, each of which chooses a threshold for one large sample of new images."""
    new, kept = drawn(20_000, seed=99), []
    for seed in range(60):
        found, _ = Promise("coverage", coverage).choose(PLAIN, drawn(49, seed=seed), FITTING)
        kept.append(share_kept(found, new).value)
    assert sum(kept) / len(kept) == pytest.approx(coverage, abs=0.025)


def test_full_coverage_sets_no_threshold(drawn):
    """No image is declined, and the sentence says so."""
    found, sentence = Promise("coverage", 1).choose(PLAIN, drawn(30), FITTING)
    assert not found.declines
    assert "No threshold is set" in sentence


@pytest.mark.parametrize("error_rate", [0.3, 0.1])
def test_prediction_sets_miss_the_class_at_most_as_often_as_promised(drawn, error_rate):
    """On average over samples, whatever the temperature; the sets are not all classes."""
    new, inside = drawn(20_000, seed=99), []
    for seed in range(60):
        found, _ = Promise("error_rate", error_rate).choose(Abstention((3.0,)), drawn(49, seed=seed), FITTING)
        sets = found.prediction_sets(found.calibrated(new.logits))
        inside.append(float(sets.gather(1, new.labels[:, None]).double().mean()))
    assert sum(inside) / len(inside) == pytest.approx(1 - error_rate, abs=0.025)
    assert float(sets.sum(dim=1).double().mean()) < 3.5


def test_quantile_has_the_rank_of_split_conformal_prediction(drawn):
    """ceil((n + 1)(1 - a)) of the scores 1 - p; of 19 images and an error rate of 0.1 the 18th."""
    chosen = drawn(19)
    found, _ = Promise("error_rate", 0.1).choose(PLAIN, chosen, FITTING)
    scores = 1 - chosen.probabilities.gather(1, chosen.labels[:, None])[:, 0]
    assert 1 - found.level == pytest.approx(float(scores.sort().values[17]), abs=1e-6)


@pytest.mark.parametrize(("images", "possible"), [(8, False), (9, True)])
def test_error_rate_needs_enough_images(drawn, images, possible):
    """1/a - 1 images; with fewer the error says which rate is the lowest."""
    if possible:
        assert Promise("error_rate", 0.1).choose(PLAIN, drawn(images), FITTING)[0].rule == "conformal"
        return
    with pytest.raises(RunError, match=r"lowest is 11.11 %.*at least 9 "):
        Promise("error_rate", 0.1).choose(PLAIN, drawn(images), FITTING)


@pytest.mark.parametrize("images", [100, 500])
def test_promise_of_accuracy_is_seldom_broken_by_a_model_whose_confidence_means_nothing(images):
    """At most 5 % of all calibrations: each threshold has the same accuracy, 0.5 points below the promise."""
    generator, broken = torch.Generator().manual_seed(images), 0
    for _ in range(400):
        fitting, chosen = (uninformative(images, 0.795, generator) for _ in range(2))
        try:
            Promise("accuracy", 0.8).choose(PLAIN, chosen, fitting)
        except RunError:
            continue
        broken += 1
    assert broken <= 32  # the binomial quantile of 0.9975 for 400 draws with a chance of 5 %


def uninformative(images: int, accuracy: float, generator: torch.Generator) -> Predictions:
    """Predictions of class 0 with random confidences, which are right with one probability."""
    logits = torch.stack([1 + torch.rand(images, generator=generator), torch.zeros(images)], dim=1)
    wrong = torch.rand(images, generator=generator) >= accuracy
    return Predictions(logits, wrong.long(), 0.0)


def test_promise_of_accuracy_is_kept_and_keeps_many_images(drawn):
    """Most of the images that the true threshold would keep are kept."""
    new, kept, coverages = drawn(50_000, seed=99), 0, []
    for seed in range(100):
        found, _ = Promise("accuracy", 0.7).choose(PLAIN, drawn(300, seed=seed), drawn(300, seed=1000 + seed))
        kept += accuracy_of_kept(found, new) >= 0.7
        coverages.append(share_kept(found, new).value)
    assert kept >= 88
    assert sum(coverages) / len(coverages) > 0.4


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
