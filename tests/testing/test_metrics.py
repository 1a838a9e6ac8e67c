"""The checks of metrics: a right one passes each, and each catches a metric made to break it."""

from __future__ import annotations

import pytest
import torch

from cvkit.testing import MetricSuite, Suite


class ErrorRate:
    """Return the fraction of images that are misclassified."""

    higher_is_better = False

    def __init__(self, info):
        pass

    def __call__(self, logits, labels):
        return float((logits.argmax(dim=1) != labels).double().mean())


def error_rate(info):
    """Return the fraction of images that are misclassified."""
    return ErrorRate(info)


class TestRight(MetricSuite):
    factory = staticmethod(error_rate)


class TestRightWithoutInfo(MetricSuite):
    factory = staticmethod(lambda: error_rate(None))
    skips = {"docstring": "it is written in one line"}


def returns_a_tensor(info):
    return lambda logits, labels: (logits.argmax(dim=1) == labels).float()


def divides_by_the_images_of_each_class(info):
    def recall(logits, labels):
        hits = torch.bincount(labels[logits.argmax(dim=1) == labels], minlength=info.num_classes)
        return float((hits / torch.bincount(labels, minlength=info.num_classes)).mean())

    return recall


def takes_logs_of_probabilities(info):
    return lambda logits, labels: float(-logits.softmax(dim=1).log().gather(1, labels[:, None]).mean())


class Smooths:
    """A running mean over the evaluations."""

    def __init__(self, info):
        self.running = 0.0

    def __call__(self, logits, labels):
        self.running = 0.5 * self.running + 0.5 * error_rate(None)(logits, labels)
        return self.running


def sorts_in_place(info):
    def value(logits, labels):
        rate = error_rate(None)(logits, labels)
        logits.copy_(logits.sort(dim=1).values)
        return rate

    return value


def weighs_by_place(info):
    def value(logits, labels):
        hits = (logits.argmax(dim=1) == labels).double()
        return float((hits * torch.linspace(0, 1, len(hits)).double().square()).sum())

    return value


def counts_images(info):
    return lambda logits, labels: float(len(labels))


def forgets_that_errors_are_bad(info):
    return lambda logits, labels: error_rate(None)(logits, labels)


class SaysItInWords(ErrorRate):
    higher_is_better = "no"


TWINS = [
    ("number", returns_a_tensor, "a tensor (40,)"),
    ("any_predictions", divides_by_the_images_of_each_class, "nan for one image"),
    ("any_predictions", takes_logs_of_probabilities, "inf for confident and wrong predictions"),
    ("repeatable", Smooths, ", then "),
    ("input", sorts_in_place, "others afterwards"),
    ("order", weighs_by_place, "for the same predictions in reverse"),
    ("direction", forgets_that_errors_are_bad, "0 if all predictions are right and 1 if all are wrong, with higher"),
    ("direction", SaysItInWords, "higher_is_better = 'no'"),
    ("tells_right_from_wrong", counts_images, "40 for both"),
]


@pytest.mark.parametrize(("check", "twin", "words"), TWINS, ids=[f"{c}-{t.__name__}" for c, t, _ in TWINS])
def test_check_catches_its_broken_twin(check, twin, words, seen):
    """What the twin does wrong is what the failure says was seen."""
    assert words in seen(MetricSuite, check, twin)


def hamming(info, thresholds):
    """Return the fraction of labels that are right at the thresholds of the run."""
    least = torch.tensor(thresholds)
    return lambda logits, sets: float(((logits.sigmoid() >= least) == sets.bool()).double().mean())


class TestRightForSets(MetricSuite):
    factory = staticmethod(hamming)
    tasks = ("multi_label",)


def reads_sets_as_classes(info):
    return lambda logits, labels: float((logits.argmax(dim=1) == labels).double().mean())


def divides_by_the_images_of_each_label(info):
    return lambda logits, sets: float((((logits > 0) & (sets > 0)).sum(dim=0) / sets.sum(dim=0)).mean())


def of_both(of_sets):
    """The metric for sets, and the accuracy for classes."""
    return lambda info: of_sets(info) if info.task == "multi_label" else reads_sets_as_classes(info)


@pytest.mark.parametrize("tasks", [("multi_label",), ("single_label", "multi_label")], ids=["alone", "both"])
@pytest.mark.parametrize(
    ("twin", "words"), [(reads_sets_as_classes, "RuntimeError"), (divides_by_the_images_of_each_label, "nan for")]
)
def test_metric_of_sets_is_given_sets(twin, words, tasks, seen):
    """If it is declared for them alone, and if it is declared for both tasks."""
    if twin is divides_by_the_images_of_each_label and len(tasks) == 2:
        twin = of_both(twin)
    assert words in seen(MetricSuite, "any_predictions", twin, tasks=tasks)


def test_every_check_has_a_twin():
    """No check is trusted that has never failed."""
    assert {check for check, *_ in TWINS} == MetricSuite.checks() - Suite.checks()
