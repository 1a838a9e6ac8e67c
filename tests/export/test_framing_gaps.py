"""Files that frame images: original images are compared, and the difference of the framing is measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from photos import photo
from PIL import Image

from cvkit import DataInfo, Framing, RunError
from cvkit.data.resizing import FramedSplit, frame
from cvkit.explain.image_files import ImageFile
from cvkit.explain.image_io import default_reader
from cvkit.explain.image_source import FromFiles, FromSplit
from cvkit.export.framing_gaps import FramingGaps
from cvkit.export.originals import UnframedPicture, WithOriginals

INFO = DataInfo(3, 32, 32, ("a", "b"), (0.5,) * 3, (1.0,) * 3, framing=Framing("squash", "bilinear", 1.0))
IMAGES = [photo(0, 50), photo(1, 32), photo(2, 41), photo(3, 50), photo(4, 33), photo(5, 64)]


class Images:
    """A split of images of several sizes."""

    def __len__(self) -> int:
        return len(IMAGES)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return IMAGES[index], index % 2


def source() -> WithOriginals:
    split = FramedSplit(Images(), INFO)
    return WithOriginals(FromSplit("images", split, range(len(split)), form=INFO.labels))


def framed(images: torch.Tensor) -> torch.Tensor:
    return torch.stack([frame(image, INFO) for image in images])


def measured(change):
    gaps = FramingGaps(lambda images: change(framed(images)), reduced=False)
    for pictures in source():
        gaps.add(pictures)
    return gaps.result()


def test_split_has_its_original_images():
    """Beside the framed ones that the run predicts, in the same order."""
    pictures = [picture for batch in source() for picture in batch]
    assert len(pictures) == len(source()) == len(IMAGES)
    for picture, image in zip(pictures, IMAGES, strict=True):
        assert isinstance(picture, UnframedPicture)
        assert torch.equal(picture.original, image)
        assert torch.equal(picture.fitted, frame(image, INFO))
    assert [picture.labels for picture in pictures] == [(0,), (1,)] * 3


def test_files_have_their_original_images(tmp_path):
    """All pixels of a file, even if it is larger than what pages show; unreadable files are named once."""
    Image.new("RGB", (1500, 40), "red").save(tmp_path / "long.png")
    (tmp_path / "text.png").write_text("no image")
    files = [ImageFile(tmp_path / name, None) for name in ("text.png", "long.png")]
    compared = WithOriginals(FromFiles("files", files, default_reader(3), INFO))
    ((picture,),) = [*compared]
    assert picture.original.shape == (3, 40, 1500)
    assert len(compared.unread) == 1
    assert "text.png" in compared.unread[0]
    assert (compared.name, compared.by_outcome, len(compared)) == ("files", False, 2)


def test_equal_framing_has_no_gap():
    """Only images of another size than the model count: of others, the framing is nothing."""
    found = measured(lambda images: images)
    assert (found.resized, found.worst_gap, found.worst_image, found.different) == (5, 0, "", 0)


def test_gap_is_that_of_the_worst_pixel():
    """With the image in which it is, and the share of the pixels that differ at all."""

    def change(images):
        changed = images.clone()
        if torch.equal(images[0], frame(IMAGES[2], INFO)):
            changed[0, 0, 0, :4] ^= 3
        return changed

    found = measured(change)
    assert 1 <= found.worst_gap <= 3
    assert found.worst_image == "test image 2"
    assert found.different == pytest.approx(4 / (5 * 3 * 32 * 32))


def test_another_shape_is_an_error():
    """As of a framing that keeps the size."""
    with pytest.raises(RunError, match=r"test image 0 as \(1, 3, 31, 32\)"):
        measured(lambda images: images[:, :, 1:])


def test_measurement_says_that_photos_were_reduced():
    """The run then sees other pixels than the file."""
    assert FramingGaps(framed, reduced=True).result().reduced
    assert replace(measured(lambda images: images)).reduced is False
