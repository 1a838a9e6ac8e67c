"""The checks of samplers: a right one passes each, and each catches a sampler made to break it."""

from __future__ import annotations

import pytest
import torch

from cvkit.testing import SamplerSuite, Suite


def draws(labels):
    """Return a sampler that draws each image independently, from the global generators."""
    return lambda seed: torch.randint(len(labels), (len(labels),))


class TestRight(SamplerSuite):
    factory = staticmethod(draws)


class TestRightInAnotherOrder(SamplerSuite):
    factory = staticmethod(draws)
    labels = torch.tensor([0, 1, 1])
    weights = None


def returns_a_list(labels):
    return lambda seed: list(range(len(labels)))


def uses_half_of_the_images(labels):
    return lambda seed: torch.arange(len(labels) // 2)


def counts_from_one(labels):
    return lambda seed: torch.randperm(len(labels)) + 1


class ShufflesOn:
    """Each order is the previous one, shuffled."""

    def __init__(self, labels):
        self.order = torch.arange(len(labels))

    def __call__(self, seed):
        self.order = self.order[torch.randperm(len(self.order))]
        return self.order


class CountsSamplers:
    """The order depends on how many samplers were built."""

    built = 0

    def __init__(self, labels):
        CountsSamplers.built += 1
        self.count, self.number = len(labels), CountsSamplers.built

    def __call__(self, seed):
        return torch.randperm(self.count).roll(self.number)


def in_order(labels):
    return lambda seed: torch.arange(len(labels))


def sorts_in_place(labels):
    labels.values.copy_(labels.values.sort().values)
    return draws(labels)


def divides_among_present_classes(labels):
    classes = labels.values.unique()
    each = [(labels.values == label).nonzero()[:, 0] for label in range(len(classes))]
    return lambda seed: torch.stack([one[int(torch.randint(len(one), ()))] for one in each * len(labels)])[
        : len(labels)
    ]


def needs_two_of_each(labels):
    share = len(labels) // int(labels.values.max() + 1)
    return lambda seed: torch.randperm(len(labels))[: share * int(labels.values.max() + 1)]


def divides_weights_in_place(labels):
    labels.weights.div_(labels.weights.sum())
    return draws(labels)


def draws_by_weight(labels):
    return lambda seed: labels.weights.multinomial(len(labels), replacement=True)


TWINS = [
    ("order", returns_a_list, "returned list; expected int64 (100,)"),
    ("order", uses_half_of_the_images, "returned int64 (50,); expected int64 (100,)"),
    ("order", counts_from_one, "returned numbers from 1 to 100"),
    ("repeatable", ShufflesOn, "the same seed again gives another order"),
    ("repeatable", CountsSamplers, "the same seed from a new sampler gives another order"),
    ("epochs_differ", in_order, "two seeds give the same order"),
    ("input", sorts_in_place, "different afterwards"),
    ("input", divides_weights_in_place, "the weights are different afterwards"),
    ("any_weights", draws_by_weight, "RuntimeError for weights of 0"),
    ("any_labels", divides_among_present_classes, "for a class without images"),
    ("any_labels", needs_two_of_each, "for the last class with one image of seven, it returned int64 (6,)"),
]


@pytest.mark.parametrize(("check", "twin", "words"), TWINS, ids=[f"{c}-{t.__name__}" for c, t, _ in TWINS])
def test_check_catches_its_broken_twin(check, twin, words, seen):
    """What the twin does wrong is what the failure says was seen."""
    assert words in seen(SamplerSuite, check, twin)


def counts_classes(labels):
    labels.values.bincount()
    return draws(labels)


SET_TWINS = [("label_sets", counts_classes, "bincount")]


@pytest.mark.parametrize(("check", "twin", "words"), SET_TWINS)
def test_check_of_label_sets_catches_its_broken_twin(check, twin, words, seen):
    """A sampler that reads labels as classes."""
    said = seen(SamplerSuite, check, twin, tasks=("single_label", "multi_label"))
    assert "for sets of labels" in said
    assert words in said


def test_every_check_has_a_twin():
    """No check is trusted that has never failed."""
    assert {check for check, *_ in TWINS + SET_TWINS} == SamplerSuite.checks() - Suite.checks()
