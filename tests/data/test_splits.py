"""Sources give the same batches however they hold the data; pixels go one way."""

from __future__ import annotations

import pytest
import torch

from cvkit import KINDS, Component, DataError, DataInfo, Origin, TensorSplit
from cvkit.data.loading import DataLoaderSource, DeviceResidentSource, Reading, materialize, open_source
from cvkit.data.preprocessing import Preprocessor
from cvkit.host.registry import Entry

CPU = torch.device("cpu")
DARKEN = Entry(KINDS["augmentations"], Component("darken", "test_data:darken"), Origin("acme", "acme-dark", "1.0"))
INFO = DataInfo(3, 4, 4, ("a", "b"), (0.5, 0.4, 0.3), (0.2, 0.25, 0.5))


@pytest.fixture
def split():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (10, 3, 4, 4), dtype=torch.uint8, generator=generator)
    return TensorSplit(images, torch.arange(10) % 2)


class Listed:
    """A map-style data set that is not a tensor."""

    def __init__(self, split):
        self.split = split

    def __len__(self):
        return len(self.split)

    def __getitem__(self, index):
        return self.split[index]


@pytest.mark.parametrize("workers", [0, 2])
def test_streamed_batches_equal_resident_ones(split, workers):
    """The order of samples does not depend on where they live or on how many workers read them."""
    order = torch.tensor([3, 1, 9, 0, 7, 7, 2])
    resident = list(DeviceResidentSource(split, CPU).batches(Reading(order, 3)))
    streamed = list(DataLoaderSource(Listed(split), CPU, workers).batches(Reading(order, 3)))
    assert [len(batch.labels) for batch in resident] == [3, 3, 1]
    for one, other in zip(resident, streamed, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)


def test_streaming_draws_nothing_from_the_global_generator(split):
    """torch's DataLoader seeds its workers from the global generator unless told otherwise."""
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    list(DataLoaderSource(Listed(split), CPU, 0).batches(Reading(torch.arange(10), 5)))
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("in_memory", "resident", "kind"),
    [
        (True, "auto", DeviceResidentSource),
        (True, False, DataLoaderSource),
        (False, "auto", DataLoaderSource),
        (False, True, DeviceResidentSource),
    ],
)
def test_source_is_resident_where_it_fits_or_is_asked_for(split, in_memory, resident, kind):
    """`auto` keeps only what is in memory already."""
    source = open_source(split if in_memory else Listed(split), CPU, resident, workers=0)
    assert isinstance(source, kind)
    assert len(source) == 10


def test_reading_some_images_keeps_their_masks():
    """A sample taken for a picture keeps what is known of it."""
    split = TensorSplit(torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.arange(4), torch.eye(4).view(4, 2, 2) > 0)
    part = materialize(split, [2, 0])
    assert part.labels.tolist() == [2, 0]
    assert torch.equal(part.masks, split.masks[[2, 0]])


@pytest.mark.parametrize("channels_last", [False, True])
def test_pixels_are_normalised_by_mean_and_std(split, channels_last):
    """(x / 255 - mean) / std, in the memory format asked for."""
    pixels = Preprocessor(INFO, [], CPU, channels_last)
    result = pixels.for_evaluation(split.images)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (INFO.mean, INFO.std))
    torch.testing.assert_close(result, (split.images / 255 - mean) / std)
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    assert result.is_contiguous(memory_format=memory_format)


def test_augmentations_see_floats_in_the_unit_interval_and_only_in_training(split):
    """uint8 -> [0, 1] -> augmentations -> normalised; evaluation skips the augmentations alone."""
    seen = []

    def darken(images):
        seen.append((float(images.min()), float(images.max())))
        return images * 0

    pixels = Preprocessor(INFO, [(DARKEN, darken)], CPU, channels_last=False)
    black, _ = pixels.for_training(split.images, split.labels)
    assert 0 <= seen[0][0] < seen[0][1] <= 1
    torch.testing.assert_close(black[0, :, 0, 0], torch.tensor([-2.5, -1.6, -0.6]))
    pixels.for_evaluation(split.images)
    assert len(seen) == 1


def test_pixels_filled_with_the_mean_become_zero():
    """What makes a cutout of the mean colour invisible to the first convolution."""
    pixels = Preprocessor(INFO, [], CPU, channels_last=False)
    filled = torch.tensor(INFO.mean).view(1, 3, 1, 1).expand(2, 3, 4, 4)
    torch.testing.assert_close(pixels.normalize(filled), torch.zeros(2, 3, 4, 4), atol=1e-6, rtol=0)


@pytest.mark.parametrize("workers", [0, 1])
def test_damaged_image_is_reported_in_its_own_words(split, workers):
    """From a worker too, without that worker's traceback."""

    class Damaged(Listed):
        def __getitem__(self, index):
            if index == 4:
                raise DataError("cat/4.png is damaged")
            return super().__getitem__(index)

    with pytest.raises(DataError) as caught:
        list(DataLoaderSource(Damaged(split), CPU, workers).batches(Reading(torch.arange(10), 3)))
    assert str(caught.value) == "cat/4.png is damaged"


def test_what_a_later_cvkit_knows_of_data_is_passed_over():
    """A run folder of one can still be explained."""
    info = DataInfo(3, 8, 8, ("a", "b"), (0.5,) * 3, (0.25,) * 3)
    assert DataInfo.from_json(info.to_json() | {"more": 1}) == info
