"""The metrics of cvkit, compared with scikit-learn's on random predictions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score, top_k_accuracy_score

from cvkit import Calibration, Predictions
from cvkit.testing import sample_info
from cvkit_metrics.classification import balanced_accuracy, macro_f1, top_k
from cvkit_metrics.probabilities import ExpectedCalibrationError, auroc

INFO = sample_info(classes=7)


@pytest.fixture(params=range(5))
def predictions(request) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and labels of 90 images, the classes of uneven size; a class may be absent."""
    generator = torch.Generator().manual_seed(request.param)
    shares = torch.tensor([30.0, 12.0, 8.0, 4.0, 2.0, 1.0, 0.0])
    labels = shares.multinomial(90, replacement=True, generator=generator)
    logits = torch.randn(90, 7, generator=generator)
    logits[torch.arange(90), labels] += 1.0
    return logits, labels


def test_balanced_accuracy_is_that_of_scikit_learn(predictions):
    """A class without an image is left out."""
    logits, labels = predictions
    present = np.isin(logits.argmax(dim=1), labels)  # scikit-learn warns of predictions of an absent class
    logits, labels = logits[present], labels[present]
    expected = balanced_accuracy_score(labels, logits.argmax(dim=1))
    assert balanced_accuracy(INFO)(logits, labels) == pytest.approx(expected, abs=1e-12)


def test_macro_f1_is_that_of_scikit_learn(predictions):
    """A class that occurs only as a prediction counts, with 0."""
    logits, labels = predictions
    expected = f1_score(labels, logits.argmax(dim=1), average="macro", zero_division=0)
    assert macro_f1(INFO)(logits, labels) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_top_k_is_that_of_scikit_learn(predictions, k):
    """For one class it is the accuracy."""
    logits, labels = predictions
    expected = top_k_accuracy_score(labels, logits, k=k, labels=np.arange(7))
    assert top_k(INFO, k=k)(logits, labels) == pytest.approx(expected, abs=1e-12)


def test_values_by_hand():
    """Three images of class 0, all correct, and one of class 1 that is taken for 0."""
    logits, labels = torch.tensor([[2.0, 1.0, 0.0]] * 4), torch.tensor([0, 0, 0, 1])
    info = sample_info(classes=3)
    assert balanced_accuracy(info)(logits, labels) == 0.5
    assert macro_f1(info)(logits, labels) == pytest.approx((6 / 7) / 2)
    assert top_k(info, k=1)(logits, labels) == 0.75
    assert top_k(info, k=2)(logits, labels) == 1


@pytest.mark.parametrize("k", [7, 8])
def test_top_k_of_all_classes_is_refused(k):
    """It is 1 whatever the model does."""
    with pytest.raises(ValueError, match="k must be less than the number of classes, 7"):
        top_k(INFO, k=k)


def sklearn_auroc(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the mean of the areas of the classes that occur, one call of scikit-learn each."""
    chances = logits.double().softmax(dim=1)
    return float(np.mean([roc_auc_score(labels == label, chances[:, label]) for label in labels.unique()]))


def test_auroc_is_that_of_scikit_learn(predictions):
    """A class without an image is left out."""
    logits, labels = predictions
    assert auroc(INFO)(logits, labels) == pytest.approx(sklearn_auroc(logits, labels), abs=1e-12)


def test_auroc_is_exact_with_ties(predictions):
    """Few different logits, so that most probabilities occur more than once."""
    logits, labels = predictions
    logits = logits.clamp(-1, 1).round()
    assert len(logits.softmax(dim=1)[:, 0].unique()) < 60
    assert auroc(INFO)(logits, labels) == pytest.approx(sklearn_auroc(logits, labels), abs=1e-12)


def test_auroc_of_all_classes_is_scikit_learn_s_macro_average_of_one_against_the_rest(predictions):
    """Under its own name, which needs every class to occur."""
    logits, labels = predictions
    labels = torch.cat([labels, torch.arange(7)])
    logits = torch.cat([logits, logits[:7]])
    expected = roc_auc_score(labels, logits.double().softmax(dim=1), multi_class="ovr", average="macro")
    assert auroc(INFO)(logits, labels) == pytest.approx(expected, abs=1e-12)


def test_auroc_of_one_class_is_that_of_chance():
    """No class has both images and other images."""
    assert auroc(INFO)(torch.randn(4, 7), torch.tensor([2, 2, 2, 2])) == 0.5


@pytest.mark.parametrize("bins", [1, 15])
def test_ece_is_the_calibration_error_of_the_report(predictions, bins):
    """With one bin it is the difference between the mean confidence and the accuracy."""
    found = Predictions(*predictions, 0.0)
    value = ExpectedCalibrationError(bins=bins)(*predictions)
    assert value == Calibration.of(found, bins).error
    if bins == 1:
        assert value == pytest.approx(abs(float(found.probabilities.amax(dim=1).mean()) - found.accuracy), abs=1e-6)
