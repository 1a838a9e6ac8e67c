"""Drawn images with several shapes: labels, masks, and what an image depends on."""

from __future__ import annotations

import hashlib

import torch

from cvkit_datasets.several_shapes import draw_split, several_shapes


def test_masks_lie_on_the_labels():
    """Each label has a mask that is not empty, other classes have none, and masks do not overlap."""
    split = draw_split("train", 300, 0)
    assert torch.equal(split.masks.flatten(2).any(dim=2).float(), split.labels)
    assert int(split.masks.sum(dim=1).max()) == 1


def test_images_have_up_to_three_shapes():
    """A tenth has none, and each class is about equally frequent."""
    split = draw_split("train", 2_000, 0)
    share = torch.bincount(split.labels.sum(dim=1).long()) / len(split)
    assert torch.allclose(share, torch.tensor([0.1, 0.3, 0.3, 0.3]), atol=0.03)
    assert torch.allclose(split.labels.mean(dim=0), torch.tensor(0.18), atol=0.04)


def test_image_depends_on_its_index_alone(tmp_path):
    """Not on the size of its split, and it differs between splits and seeds."""
    few, many = (several_shapes(tmp_path, train_size=n, test_size=5, validation_size=5) for n in (5, 300))
    assert torch.equal(few.train.images, many.train.images[:5])
    other = several_shapes(tmp_path, train_size=5, test_size=5, validation_size=0, seed=1)
    assert not torch.equal(few.train.images, other.train.images)
    assert not torch.equal(few.train.images, few.test.images)
    assert (other.validation, few.info.task) == (None, "multi_label")
    assert len({few.digest, many.digest, other.digest}) == 3


def test_pixels_are_the_same_on_every_machine():
    """Change `VERSION` with them."""
    split = draw_split("test", 20, 7)
    found = hashlib.sha256(split.images.numpy().tobytes() + split.masks.numpy().tobytes()).hexdigest()
    assert found[:16] == "d07ddb1da90cde84"
