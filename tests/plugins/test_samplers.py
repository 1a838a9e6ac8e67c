"""The samplers of cvkit: which images an epoch uses, how often, and in which order."""

from __future__ import annotations

import pytest
import torch

from cvkit import Labels, permutation
from cvkit.seeding import derive
from cvkit_torch.samplers import Balanced, Weighted, shuffle

SIZES = torch.tensor([70, 20, 0, 8, 2])
VALUES = torch.arange(5).repeat_interleave(SIZES)[torch.randperm(100, generator=torch.Generator().manual_seed(1))]
LABELS = Labels(100, VALUES.clone)


def uses_of_classes(power: float, seed: int = 3) -> list[int]:
    return torch.bincount(VALUES[Balanced(LABELS, power=power)(seed)], minlength=5).tolist()


@pytest.mark.parametrize("epoch", range(3))
def test_shuffle_is_the_order_of_earlier_versions(epoch):
    """Bit for bit, and it reads no labels."""
    labels = Labels(1000, lambda: pytest.fail("labels were read"))
    assert torch.equal(shuffle(labels)(derive("train order", 7, epoch)), permutation(1000, "train order", 7, epoch))


@pytest.mark.parametrize(
    ("power", "expected"),
    [
        (0.0, [70, 20, 0, 8, 2]),
        (1.0, [25, 25, 0, 25, 25]),
        # Square roots 8.37, 4.47, 2.83 and 1.41, of 17.08 in total.
        (0.5, [49, 26, 0, 17, 8]),
    ],
)
def test_classes_are_used_in_exact_numbers(power, expected):
    """In every epoch the same; a class without images has none."""
    for seed in range(3):
        assert uses_of_classes(power, seed) == expected


def test_power_of_zero_uses_every_image_once():
    order = Balanced(LABELS, power=0)(3)
    assert order.sort().values.tolist() == list(range(100))


def test_images_of_a_class_are_used_evenly():
    """The numbers of uses of two images of a class differ by at most one."""
    uses = torch.bincount(Balanced(LABELS)(3), minlength=100)
    for number, fewest, most in ((0, 0, 1), (1, 1, 2), (3, 3, 4), (4, 12, 13)):
        of_class = uses[number == VALUES]
        assert (int(of_class.min()), int(of_class.max())) == (fewest, most)


def test_each_epoch_chooses_other_images_of_a_frequent_class():
    """So that all of them are used in the course of a run."""
    sampler, frequent = Balanced(LABELS), set((VALUES == 0).nonzero()[:, 0].tolist())
    chosen = [frequent & set(sampler(seed).tolist()) for seed in range(40)]
    assert all(len(images) == 25 for images in chosen)
    assert set().union(*chosen) == frequent


def test_classes_are_mixed():
    """Not one class after the other: each half of an epoch contains every class."""
    for half in VALUES[Balanced(LABELS)(3)].split(50):
        assert (torch.bincount(half, minlength=5)[[0, 1, 3, 4]] > 5).all()


def test_counts_that_do_not_divide_are_rounded_to_the_number_of_images():
    """Seven images in three classes."""
    values = torch.tensor([0, 0, 0, 0, 0, 1, 2])
    order = Balanced(Labels(7, values.clone))(1)
    assert sorted(torch.bincount(values[order]).tolist()) == [2, 2, 3]


def weighted(*weights: float) -> Weighted:
    return Weighted(Labels(len(weights), lambda: pytest.fail("labels were read"), torch.tensor(weights).double()))


def test_images_are_used_in_proportion_to_their_weights():
    """Rounded down or up in each epoch, and exact in the mean; an image of weight 0 is never used."""
    weights = (0.0, 1.0, 2.0, 3.5, 0.3, 0.0, 1.2)
    sampler, wanted = weighted(*weights), 7 * torch.tensor(weights).double() / 8
    uses = torch.stack([torch.bincount(sampler(seed), minlength=7) for seed in range(4000)])
    assert (uses.sum(dim=1) == 7).all()
    assert (uses >= wanted.floor()).all()
    assert (uses <= wanted.ceil()).all()
    assert uses.double().mean(dim=0).tolist() == pytest.approx(wanted.tolist(), abs=0.03)


def test_equal_weights_use_every_image_once():
    """In an order that differs between epochs."""
    sampler = weighted(*[0.1] * 500)
    orders = [sampler(seed) for seed in range(20)]
    assert all(order.sort().values.tolist() == list(range(500)) for order in orders)
    assert len({tuple(order.tolist()) for order in orders}) == 20


def test_equal_uses_of_an_image_are_not_adjacent():
    """The points of the draw are shuffled again."""
    order = weighted(*[0.0] * 50, 1.0, 1.0)(1)
    assert 0 < int((order == 50)[:26].sum()) < 26


def test_data_without_weights_cannot_be_weighted(wording):
    with pytest.raises(ValueError, match="weights") as caught:
        Weighted(LABELS)
    assert str(caught.value) == wording
