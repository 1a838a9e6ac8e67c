"""The labels of a split, and how many images each class has."""

from __future__ import annotations

import pytest
import torch

from cvkit import TensorSplit
from cvkit.data.labels import ClassCounts, Labels, labels_of, weights_of

IMAGES = torch.zeros(4, 3, 2, 2, dtype=torch.uint8)


class Streamed:
    """Images in files, which count how often they are read; `labels` is whatever it is given."""

    def __init__(self, labels: object = None) -> None:
        self.read = 0
        if labels is not None:
            self.labels = labels

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int, /) -> tuple[torch.Tensor, int]:
        self.read += 1
        return IMAGES[index], (2, 0, 2, 2)[index]


@pytest.mark.parametrize(
    ("split", "reads"),
    [
        (TensorSplit(IMAGES, torch.tensor([2, 0, 2, 2])), 0),
        (Streamed((2, 0, 2, 2)), 0),
        (Streamed(), 4),
        (Streamed(("cat", "dog", "cat", "cat")), 4),
        (Streamed((0, 1, 2)), 4),
    ],
    ids=["tensors", "numbers", "none", "names", "of the classes"],
)
def test_labels_are_read_only_where_a_split_does_not_hold_them(split, reads):
    """Something else under the same name is not mistaken for them."""
    assert labels_of(split).tolist() == [2, 0, 2, 2]
    assert getattr(split, "read", 0) == reads


def test_classes_are_counted_when_they_are_asked_for():
    """A class without images has 0, and a loss that asks for none pays nothing."""
    split = Streamed()
    counts = ClassCounts(Labels.of(split), 4)
    assert (len(counts), split.read) == (4, 0)
    assert list(counts) == [1, 0, 3, 0]
    assert (counts[2], counts[:2], split.read) == (3, [1, 0], 4)


def test_labels_are_read_once_when_they_are_first_used():
    """For all of the images and for some of them."""
    split = Streamed()
    labels = Labels.of(split)
    some = labels.at(torch.tensor([3, 1]))
    assert (len(labels), len(some), split.read) == (4, 2, 0)
    assert some.values.tolist() == [2, 0]
    assert labels.values.tolist() == [2, 0, 2, 2]
    assert split.read == 4


@pytest.mark.parametrize("given", [(0, 1, 2.5, 0), torch.tensor([0, 1, 2.5, 0])], ids=["numbers", "tensor"])
def test_weights_are_those_of_the_split(given):
    """Read with the labels, also for some of the images; a split without any has none."""
    split = Streamed()
    split.weights = given
    labels = Labels.of(split)
    assert labels.weights.dtype == torch.float64
    assert labels.weights.tolist() == [0, 1, 2.5, 0]
    assert labels.at(torch.tensor([2, 0])).weights.tolist() == [2.5, 0]
    assert split.read == 0
    assert (weights_of(Streamed()), Labels.of(Streamed()).weights) == (None, None)


@pytest.mark.parametrize("given", [(1.0,), (1, 1, 1, -1), (1, float("nan"), 1, 1), (0, 0, 0, 0), ("a",) * 4, 3])
def test_weights_that_cannot_be_used_are_refused(given, wording):
    """Instead of an order that nobody asked for."""
    split = Streamed()
    split.weights = given
    with pytest.raises(ValueError, match="weight") as caught:
        weights_of(split)
    assert str(caught.value) == wording
