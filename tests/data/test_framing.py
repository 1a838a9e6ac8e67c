"""Images of any size in the input size: which part the model sees, and with which pixels."""

from __future__ import annotations

import pickle

import pytest
import torch
from torchvision.transforms import v2

from cvkit.data.framing import Framing, PretrainedInput, Window
from cvkit.data.resizing import FramedSplit, frame, suited
from cvkit.data.splits import DataInfo


def info(framing: Framing | None, height: int = 32, width: int = 32, mean: float = 0.5) -> DataInfo:
    return DataInfo(3, height, width, ("a", "b"), (mean,) * 3, (0.2,) * 3, framing)


def left_and_right(height: int = 32, width: int = 96) -> torch.Tensor:
    """An image that is white in its left sixth only."""
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    image[:, :, : width // 6] = 255
    return image


@pytest.mark.parametrize("mode", ["pad", "squash"])
def test_whole_image_reaches_the_model(mode):
    """What is at the left edge of a wide image is seen; a crop of the centre does not contain it."""
    assert (frame(left_and_right(), info(Framing(mode))) > 200).any()
    assert not (frame(left_and_right(), info(Framing("crop", crop_pct=1.0))) > 0).any()


@pytest.mark.parametrize(("mode", "lowest", "highest"), [("pad", 1.0, 1.0), ("squash", 1.0, 1.0), ("crop", 0.3, 0.7)])
def test_class_at_the_edge_is_recognised_in_whole_images_alone(mode, lowest, highest):
    """96x32 pixels, and the class is in the left sixth: of a crop of the centre, the nearest class mean is chance."""
    draws = torch.Generator().manual_seed(0)
    labels = torch.arange(200) % 2
    images = torch.randint(100, (200, 3, 32, 96), dtype=torch.uint8, generator=draws)
    images[labels == 1, :, :, :16] += 100
    framed = torch.stack([frame(image, info(Framing(mode, crop_pct=1.0))) for image in images]).flatten(1).float()
    means = torch.stack([framed[:100][labels[:100] == label].mean(dim=0) for label in (0, 1)])
    found = torch.cdist(framed[100:], means).argmin(dim=1)
    assert lowest <= float((found == labels[100:]).float().mean()) <= highest


@pytest.mark.parametrize(
    ("framing", "size", "wanted", "expected"),
    [
        (Framing("crop", crop_pct=1.0), (80, 160), (8, 8), Window(8, 16, 0, 4)),
        (Framing("crop", crop_pct=0.5), (80, 160), (8, 8), Window(16, 32, 4, 12)),
        (Framing("crop", crop_pct=1.0), (160, 80), (8, 16), Window(32, 16, 12, 0)),
        (Framing("pad"), (80, 160), (8, 8), Window(4, 8, -2, 0)),
        (Framing("pad"), (3, 3), (8, 16), Window(8, 8, 0, -4)),
        (Framing("squash"), (80, 160), (8, 8), Window(8, 8, 0, 0)),
        (Framing("pad"), (1, 5000), (8, 8), Window(1, 8, -4, 0)),
    ],
)
def test_geometry(framing, size, wanted, expected):
    """Crop covers the input size, pad fits into it, squash has it."""
    assert framing.window(size, wanted) == expected


@pytest.mark.parametrize("size", [(97, 131), (224, 300), (41, 40), (300, 33)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
def test_crop_is_torchvisions_resize_and_centre_crop(size, interpolation):
    """With the shorter side at the input size / crop_pct, as in the evaluation of published models."""
    image = torch.randint(256, (3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mode = v2.InterpolationMode(interpolation)
    expected = v2.Compose([v2.Resize(40, mode, antialias=True), v2.CenterCrop(32)])(image)
    found = frame(image, info(Framing("crop", interpolation, 0.8)))
    assert torch.equal(found, expected)


def test_border_has_the_mean_colour():
    """After the normalisation it is 0."""
    framed = frame(torch.full((3, 10, 20), 255, dtype=torch.uint8), info(Framing("pad"), mean=0.2))
    assert framed[:, 0].unique().tolist() == [51]
    assert framed[:, 16].unique().tolist() == [255]


@pytest.mark.parametrize("mode", ["crop", "pad", "squash"])
@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (20_000, 1), (1, 1), (2, 1), (7, 70_000)])
@pytest.mark.parametrize("wanted", [(8, 8), (8, 24), (224, 224)])
def test_any_shape_gets_the_input_size(mode, size, wanted):
    """However long and narrow."""
    image = torch.full((3, *size), 7, dtype=torch.uint8)
    assert frame(image, info(Framing(mode), *wanted)).shape == (3, *wanted)


def test_image_of_the_input_size_is_unchanged():
    """Bit for bit."""
    image = torch.randint(256, (3, 32, 32), dtype=torch.uint8)
    assert torch.equal(frame(image, info(Framing("crop", crop_pct=0.5))), image)


def test_framed_split_can_be_sent_to_workers():
    """And keeps the attributes of its split."""
    split = pickle.loads(pickle.dumps(FramedSplit([(left_and_right(), 1)], info(Framing("pad")))))
    image, label = split[0]
    assert (image.shape, label, len(split)) == ((3, 32, 32), 1, 1)
    assert split.index((split.split[0][0], 1)) == 0


def test_pretrained_network_brings_its_own_normalisation_and_framing():
    """Unless the recipe gives them, or the channels differ."""
    declared = PretrainedInput((0.1, 0.2, 0.3), (0.4, 0.4, 0.4), "bicubic", 0.95)
    own = suited(info(Framing()), declared)
    assert (own.mean, own.std, own.framing) == (declared.mean, declared.std, Framing("crop", "bicubic", 0.95))
    asked = info(Framing("pad", "nearest"))
    assert suited(asked, declared).framing == Framing("pad", "nearest", 0.95)
    assert suited(asked, None) == DataInfo(
        3, 32, 32, ("a", "b"), asked.mean, asked.std, Framing("pad", "nearest", 0.875)
    )
    fixed = DataInfo(3, 32, 32, ("a", "b"), (0.9,) * 3, (0.2,) * 3, Framing(), fixed_normalisation=True)
    assert suited(fixed, declared).mean == (0.9,) * 3
    assert suited(DataInfo(1, 32, 32, ("a", "b"), (0.9,), (0.2,)), declared).mean == (0.9,)


def test_info_with_framing_survives_json():
    """And an info of an older run has none."""
    whole = info(Framing("pad", "bicubic", 0.9))
    assert DataInfo.from_json(whole.to_json()) == whole
    old = {key: value for key, value in whole.to_json().items() if key not in ("framing", "fixed_normalisation")}
    assert DataInfo.from_json(old).framing is None
