"""The sample of training images that explainers compare with: drawn by the seed, as the model sees it, read late."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from cvkit import Background, DataError, DataInfo, Framing, RunError, TensorSplit
from cvkit.engine.background import LARGEST, background_of, no_background

INFO = DataInfo(3, 4, 4, ("a", "b"), (0.5,) * 3, (0.25,) * 3)


def split(count, size=4):
    """Images of one grey value each, its number, with the parity as the class."""
    shade = torch.arange(count, dtype=torch.uint8)
    return TensorSplit(shade.view(-1, 1, 1, 1).expand(count, 3, size, size).clone(), torch.arange(count) % 2)


def halved(images):
    return images.float() / 2


def sample(count=200, seed=0, info=INFO, size=4):
    return background_of(lambda: split(count, size), info, halved, seed)


def test_sample_is_bounded_and_depends_only_on_the_seed():
    """No image occurs twice, and labels are those of the images."""
    one, again, other = sample(), sample(), sample(seed=1)
    assert len(one) == LARGEST
    assert torch.equal(one.images, again.images)
    assert not torch.equal(one.images, other.images)
    shades = 2 * one.images[:, 0, 0, 0]
    assert len(set(shades.tolist())) == LARGEST
    assert torch.equal(shades.long() % 2, one.labels)
    assert shades.tolist() != sorted(shades.tolist())


def test_small_data_set_is_used_whole():
    """In another order."""
    found = sample(5)
    assert sorted((2 * found.images[:, 0, 0, 0]).tolist()) == [0, 1, 2, 3, 4]


def test_images_of_any_size_are_framed():
    """As the model receives them in evaluation."""
    info = DataInfo(3, 4, 4, ("a", "b"), (0.5,) * 3, (0.25,) * 3, Framing("crop", "bicubic", 1.0))
    assert sample(5, info=info, size=9).images.shape == (5, 3, 4, 4)


def test_images_with_sets_of_labels_have_one_class_each():
    """The first label; -1 if they have none."""
    one = split(6)
    sets = TensorSplit(one.images, torch.eye(2)[one.labels])
    sets.labels[3] = 0
    found = background_of(lambda: sets, replace(INFO, task="multi_label"), halved, 0)
    assert found.labels.dtype == torch.int64
    numbers = (2 * found.images[:, 0, 0, 0]).long()
    assert torch.equal(found.labels, torch.where(numbers == 3, -1, numbers % 2))


def test_images_are_read_once_and_not_before_they_are_used():
    """So explainers without training images need no data set."""
    opened = []
    background = background_of(lambda: opened.append(1) or split(5), INFO, halved, 0)
    assert opened == []
    assert len(background.images) == len(background.labels) == len(background)
    assert opened == [1]


def test_missing_data_says_what_to_do():
    """With the reason."""

    def missing():
        raise DataError("there is no folder 'photos'")

    with pytest.raises(DataError, match=r"background samples, .* there is no folder 'photos'\. Use --data"):
        _ = background_of(missing, INFO, halved, 0, "Use --data").images


def test_caller_without_training_images_has_no_background():
    """An explainer that uses it fails, and no other."""
    with pytest.raises(RunError, match="there are no training images"):
        _ = no_background().images


def test_authors_make_one_of_tensors():
    """For tests of an explainer."""
    images, labels = torch.rand(2, 3, 4, 4), torch.tensor([0, 1])
    found = Background.of(images, labels)
    assert found.images is images
    assert found.labels is labels
