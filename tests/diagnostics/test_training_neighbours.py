"""The most similar training images of errors: found whatever the training images are, and never too many of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cvkit import TensorSplit, Trainer, build_parts, discover
from cvkit.data.loading import DeviceResidentSource
from cvkit.diagnostics.features import Features
from cvkit.diagnostics.training_neighbours import training_neighbours
from cvkit.recipe import read_text, resolve

RECIPE = """
dataset: {name: shapes, train_size: 40, test_size: 6}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.01}
train: {epochs: 1, batch_size: 8}
"""
COPY, AT = 3, 17  # a test image, and where it is in training too


@pytest.fixture(scope="module")
def searched():
    """Return what is found for the test images, the last one of which is also in training, under another label."""
    catalog = discover()

    def search(*overrides, at_once=250):
        recipe = resolve(read_text(RECIPE, overrides), catalog)
        splits = recipe.dataset.build(Path("unused"))
        images, labels = splits.train.images.clone(), splits.train.labels.clone()
        images[AT] = splits.test.images[COPY]
        labels[AT] = (splits.test.labels[COPY] + 1) % 10
        split = TensorSplit(images, labels, originals=splits.train.originals)
        parts = build_parts(recipe, replace(splits, train=split))
        test = splits.test.images
        features = Features.before_logits(Trainer(parts).trained(), test[:2])
        return parts, training_neighbours(parts, features, test, at_once)

    return search


@pytest.mark.parametrize(
    ("overrides", "resident"),
    [
        ([], True),
        (["train.resident=false", "train.workers=0"], False),
        (["augmentations=[trivial_augment]", "train.workers=0"], False),
    ],
    ids=["on the device", "streamed", "augmented one by one"],
)
def test_copy_in_training_is_the_nearest_with_its_own_label(searched, overrides, resident):
    """Whether training images are on the device, streamed, or augmented, which they are not for this."""
    parts, found = searched(*overrides)
    assert isinstance(parts.train_source, DeviceResidentSource) == resident
    assert found.found.indices.shape == (6, 3)
    assert found.found.indices[COPY, 0] == AT
    assert found.found.similarities[COPY, 0] == pytest.approx(1, abs=1e-5)
    assert torch.equal(found.images[COPY, 0], parts.splits.train.images[AT])
    (label, picture), *others = found.pictures(COPY, parts.info.classes)
    assert label == f"{parts.info.classes[parts.splits.train.labels[AT]]} 1.00"
    assert picture.startswith(b"\x89PNG")
    assert len(others) == 2


def test_neighbours_of_some_of_the_images(searched):
    """Two galleries share one search, and each has the neighbours of its own images."""
    parts, found = searched()
    part = found.of_rows(COPY, 2)
    assert [part.pictures(row, parts.info.classes) for row in (0, 1)] == [
        found.pictures(row, parts.info.classes) for row in (COPY, COPY + 1)
    ]


def test_batches_do_not_change_what_is_found(searched):
    """Seven at a time find what all at once find, so memory need not grow with the training images."""
    (_, once), (_, parted) = searched(), searched(at_once=7)
    assert torch.equal(once.found.indices, parted.found.indices)
    torch.testing.assert_close(once.found.similarities, parted.found.similarities)


def test_limit_is_kept_and_said(searched, monkeypatch):
    """A random sample of the training images, the same each time, and no more of them pass through the model."""
    passed = []
    call = Features.__call__
    monkeypatch.setattr(Features, "__call__", lambda self, images: passed.append(len(images)) or call(self, images))
    (_, all_), (_, some), (_, again) = searched(), *(searched("report.neighbours=10") for _ in range(2))
    assert passed == [6, 40, 6, 10, 6, 10]
    assert (some.searched, some.total) == (10, 40)
    assert "10 of 40 (report.neighbours)" in some.caption
    assert "report.neighbours" not in all_.caption
    assert torch.equal(some.found.indices, again.found.indices)
    assert len(some.found.indices.unique()) <= 10


def test_report_without_neighbours_compares_nothing(searched):
    """The setting is for reports that must be quick."""
    assert searched("report.neighbours=0")[1] is None


def test_repeated_image_is_shown_once(searched):
    """Otherwise all neighbours of an image would be the same one."""
    _, found = searched("dataset={name: repeat, times: 3, of: {name: shapes, train_size: 40, test_size: 6}}")
    assert found.total == 40
    for row in found.images:
        assert len({image.numpy().tobytes() for image in row}) == 3
