"""Kornia: our batched crop, flip and cutout against Kornia's own, and the family of stock classes."""

from __future__ import annotations

import inspect
import subprocess
import sys

import kornia.augmentation as K
import pytest
import torch
from masked import without_cause
from torch.nn.functional import pad

from cvkit import DataInfo
from cvkit_kornia.crop import random_crop
from cvkit_kornia.cutout import cutout
from cvkit_kornia.flip import horizontal_flip
from cvkit_kornia.library_transform import library_transform
from cvkit_kornia.names import names

INFO = DataInfo(3, 32, 32, ("cat", "dog"), mean=(0.1, 0.2, 0.3), std=(0.2, 0.2, 0.2))
OURS = [random_crop(INFO), horizontal_flip(INFO), cutout(INFO), cutout(INFO, p=0.5)]


@pytest.fixture
def images():
    """A batch in [0, 1], every pixel its own value."""
    return torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def counts(top, left, side):
    """How often each of side x side corners was drawn."""
    return torch.bincount(top.long() * side + left.long(), minlength=side * side).double()


def chi_square(observed, expected):
    return float(((observed - expected) ** 2 / expected).sum())


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular", "constant"])
def test_crop_equals_slices_of_the_padded_image(images, mode):
    """Each output is the plain slice at its drawn corner."""
    crop = random_crop(INFO, padding=3, padding_mode=mode)
    out = crop(images)
    padded = pad(images, [3] * 4, mode=mode)
    for i, (top, left) in enumerate(zip(crop._params["top"], crop._params["left"], strict=True)):
        assert torch.equal(out[i], padded[i, :, top : top + 32, left : left + 32])


def test_crop_equals_stock_kornia_at_the_same_offsets(images):
    """Given the corners that Kornia's RandomCrop drew, the pixels are the same."""
    theirs = K.RandomCrop((32, 32), padding=4, padding_mode="reflect")
    expected = theirs(images)
    corner = theirs._params["src"][:, 0].long()
    assert torch.equal(random_crop(INFO)(images, params={"left": corner[:, 0], "top": corner[:, 1]}), expected)


def test_crop_offsets_are_uniform_as_stock_kornias_are():
    """All 81 offsets are equally likely; 80 degrees of freedom exceed 134 once in 7,000 times."""
    torch.manual_seed(0)
    shape, n = (40_500, 3, 32, 32), 40_500
    ours = random_crop(INFO).forward_parameters(shape)
    theirs = K.RandomCrop((32, 32), padding=4).forward_parameters(shape)["src"][:, 0]
    mine, stock_counts = counts(ours["top"], ours["left"], 9), counts(theirs[:, 1], theirs[:, 0], 9)
    assert len(mine) == len(stock_counts) == 81
    assert chi_square(mine, torch.full((81,), n / 81)) < 134
    assert chi_square(mine, (mine + stock_counts) / 2) + chi_square(stock_counts, (mine + stock_counts) / 2) < 134


def test_crop_transform_matrix_maps_input_to_output_pixels(images):
    """A pixel that stays in the picture is found where the matrix says."""
    crop = random_crop(INFO)
    out = crop(images)
    x, y, _ = (crop.transform_matrix @ torch.tensor([16.0, 15.0, 1.0])).long().unbind(1)
    assert torch.equal(out[torch.arange(16), :, y, x], images[:, :, 15, 16])


def test_crop_takes_another_size(images):
    """`size` is the side of the output."""
    assert random_crop(INFO, size=24, padding=0)(images).shape == (16, 3, 24, 24)


@pytest.mark.parametrize(
    ("options", "least"),
    [({"size": 41}, "41x41"), ({"padding": 32}, "33x33"), ({"padding": 33, "padding_mode": "circular"}, "33x33")],
    ids=["size", "reflected", "circular"],
)
def test_crop_refuses_what_cannot_be_cut(options, least, wording):
    """Sizes that do not go together are named before any batch."""
    with pytest.raises(ValueError, match=least) as caught:
        random_crop(INFO, **options)
    assert str(caught.value) == wording


def test_flip_mirrors_the_chosen_images_exactly(images):
    """An image is either itself or its mirror image, as its decision says."""
    torch.manual_seed(0)
    flip = horizontal_flip(INFO)
    out = flip(images)
    chosen = flip._params["batch_prob"] > 0.5
    assert 0 < int(chosen.sum()) < 16
    assert torch.equal(out[chosen], images[chosen].flip(-1))
    assert torch.equal(out[~chosen], images[~chosen])


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 1.0])
def test_flip_rate_is_p_as_stock_kornias_is(p):
    """Of 40,000 decisions a fraction p is yes, within four standard deviations."""
    torch.manual_seed(0)
    for flip in (horizontal_flip(INFO, p=p), K.RandomHorizontalFlip(p=p)):
        rate = flip.forward_parameters((40_000, 3, 32, 32))["batch_prob"].mean()
        assert abs(float(rate) - p) <= 4 * (p * (1 - p) / 40_000) ** 0.5


def test_cutout_fills_a_square_with_the_mean_and_nothing_else(images):
    """The square at the drawn corner holds info.mean; every other pixel is the input's."""
    cut = cutout(INFO, size=5)
    out = cut(images)
    expected = images.clone()
    for i, (top, left) in enumerate(zip(cut._params["top"], cut._params["left"], strict=True)):
        expected[i, :, top : top + 5, left : left + 5] = torch.tensor(INFO.mean)[:, None, None]
    assert torch.equal(out, expected)


def test_cutout_equals_stock_kornia_at_the_same_places(images):
    """Given the boxes of an 8x8 RandomErasing and its fill of 0, the pixels are the same."""
    theirs = K.RandomErasing(scale=(1 / 16, 1 / 16), ratio=(1.0, 1.0), p=1.0)
    expected = theirs(images)
    black = DataInfo(3, 32, 32, INFO.classes, mean=(0.0, 0.0, 0.0), std=INFO.std)
    corners = {"top": theirs._params["ys"].long(), "left": theirs._params["xs"].long()}
    assert torch.equal(cutout(black)(images, params=corners), expected)


def test_cutout_places_are_uniform_as_stock_kornias_are():
    """All 625 places are equally likely; 624 degrees of freedom exceed 764 once in 10,000 times."""
    torch.manual_seed(0)
    shape, n = (62_500, 3, 32, 32), 62_500
    ours = cutout(INFO).forward_parameters(shape)
    erasing = K.RandomErasing(scale=(1 / 16, 1 / 16), ratio=(1.0, 1.0), p=1.0)
    theirs = erasing.forward_parameters(shape)
    mine, stock_counts = counts(ours["top"], ours["left"], 25), counts(theirs["ys"], theirs["xs"], 25)
    assert len(mine) == len(stock_counts) == 625
    assert chi_square(mine, torch.full((625,), n / 625)) < 764
    assert chi_square(mine, (mine + stock_counts) / 2) + chi_square(stock_counts, (mine + stock_counts) / 2) < 764


def test_cutout_applies_to_a_fraction_p(images):
    """With p=0.5 some images keep every pixel and the others lose a square."""
    torch.manual_seed(0)
    changed = (cutout(INFO, p=0.5)(images) != images).flatten(1).any(1)
    assert 0 < int(changed.sum()) < 16


def test_cutout_refuses_a_square_larger_than_the_images(wording):
    """A square that cannot lie inside is named before any batch."""
    with pytest.raises(ValueError, match="33x33") as caught:
        cutout(INFO, size=33)
    assert str(caught.value) == wording


@pytest.mark.parametrize("augmentation", OURS, ids=str)
def test_ours_treat_every_image_of_a_batch_differently(augmentation):
    """Copies of one image come out as several different images."""
    torch.manual_seed(0)
    image = torch.rand(1, 3, 32, 32)
    out = augmentation(image.repeat(64, 1, 1, 1))
    assert len(out.flatten(1).unique(dim=0)) > 1


@pytest.mark.parametrize("augmentation", OURS, ids=str)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_ours_keep_layout_and_dtype_and_the_input(augmentation, layout, dtype, images):
    """The output is of the input's memory format and dtype; the input is as it was."""
    batch = images.to(dtype).contiguous(memory_format=layout)
    before = batch.clone()
    out = augmentation(batch)
    assert out.dtype == dtype
    assert out.is_contiguous(memory_format=layout)
    assert torch.equal(batch, before)


@pytest.mark.parametrize("augmentation", OURS, ids=str)
def test_ours_repeat_a_seed_and_replay_parameters(augmentation, images):
    """The global seed decides, and Kornia's replay protocol gives the same output again."""
    torch.manual_seed(7)
    first = augmentation(images)
    assert torch.equal(augmentation(images, params=augmentation._params), first)
    assert not torch.equal(augmentation(images), first)
    torch.manual_seed(7)
    assert torch.equal(augmentation(images), first)


@pytest.mark.parametrize(
    "make", [random_crop, horizontal_flip, cutout, lambda info: cutout(info, p=0.5)], ids=["crop", "flip", "cut", "p"]
)
def test_ours_follow_the_input_and_never_wait_for_the_device(make):
    """On the meta device, where reading any value raises, they run, and draw their parameters there."""
    augmentation = make(INFO)
    out = augmentation(torch.rand(8, 3, 32, 32, device="meta"))
    assert out.shape == (8, 3, 32, 32)
    assert augmentation._params["batch_prob"].device.type == "meta"
    assert all(
        augmentation._params[key].device.type == "meta" for key in {"top", "left"} & augmentation._params.keys()
    )


@pytest.mark.parametrize("augmentation", OURS, ids=str)
def test_ours_are_subclasses_of_kornias_bases(augmentation):
    """They are Kornia augmentations, so Kornia's containers take them."""
    assert isinstance(augmentation, K.GeometricAugmentationBase2D | K.IntensityAugmentationBase2D)


def test_names_are_what_kornia_exports():
    """The names read from the source are Kornia's 2-D augmentations, without base classes and label mixes."""
    exported = {
        name
        for name, value in vars(K).items()
        if inspect.isclass(value) and issubclass(value, K.AugmentationBase2D) and "Base2D" not in name
    }
    assert set(names()) == exported
    assert names() == sorted(names())


def test_names_load_neither_torch_nor_kornia():
    """Listing the family in a fresh interpreter imports nothing heavy."""
    code = (
        "import sys, cvkit_kornia; from cvkit_kornia.names import names; assert names();"
        "print({'torch', 'numpy', 'kornia'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("RandomRotation", {"degrees": [-15.0, 15.0]}),
        ("ColorJitter", {"brightness": [0.8, 1.2], "hue": 0.1}),
        ("RandomResizedCrop", {"size": [32, 32], "scale": [0.5, 1.0]}),
        ("RandomAffine", {"degrees": 10, "translate": [0.1, 0.1]}),
        ("RandomVerticalFlip", {}),
    ],
)
def test_stock_builds_kornias_class_from_a_recipes_values(name, options, images):
    """Lists stand for tuples, and the result is Kornia's own class, at work on a batch."""
    augmentation = library_transform(name, INFO, **options)
    assert type(augmentation) is getattr(K, name)
    assert augmentation(images).shape == images.shape


def test_stock_leaves_randomness_as_it_was():
    """Building tries the augmentation, and the global generator does not notice."""
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    library_transform("RandomRotation", INFO, degrees=15)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("name", "options", "value"),
    [
        ("RandomRotation", {"degres": 10}, "degres=10"),
        ("RandomRotation", {}, "'degrees'"),
        ("RandomGaussianBlur", {"kernel_size": 4, "sigma": [0.1, 2.0]}, "kernel_size=4"),
        ("Normalize", {"mean": [0.5, 0.5], "std": [0.5, 0.5]}, "3x32x32"),
    ],
    ids=["unknown option", "missing option", "value", "images"],
)
def test_stock_says_what_kornia_refuses(name, options, value, wording):
    """Whatever Kornia raises, on building or on the first batch, becomes one sentence."""
    with pytest.raises(ValueError, match=value) as caught:
        library_transform(name, INFO, **options)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert without_cause(caught.value) == wording
