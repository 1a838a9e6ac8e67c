"""`image_folder`: layout, decoding, and what is said of folders and files that will not do."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from cvkit import DataError
from cvkit_datasets.image_folder import image_folder, read_image


@pytest.fixture
def base(tmp_path):
    """Two classes, two training images and one test image of each, red dogs and blue cats."""
    for half, count in (("train", 2), ("test", 1)):
        for name, colour in (("dog", (255, 0, 0)), ("cat", (0, 0, 255))):
            folder = tmp_path / "pets" / half / name
            folder.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (20, 10), colour).save(folder / f"{number}.png")
    return tmp_path / "pets"


def test_folder_gives_sorted_classes_and_uint8_images(tmp_path, base):
    """Labels follow the sorted names of the class folders; images are uint8 (3, size, size)."""
    both = image_folder(tmp_path, path="pets", size=8)
    assert both.info.classes == ("cat", "dog")
    assert (both.info.height, both.info.width) == (8, 8)
    assert (len(both.train), len(both.test)) == (4, 2)
    image, label = both.train[0]
    assert (image.dtype, tuple(image.shape), label) == (torch.uint8, (3, 8, 8), 0)
    assert image[:, 4, 4].tolist() == [0, 0, 255]
    assert [both.train[i][1] for i in range(4)] == [0, 0, 1, 1]


def test_path_may_be_absolute_and_the_other_half_may_be_val(tmp_path, base):
    """An absolute path ignores the data folder; val/ stands in where there is no test/."""
    (base / "test").rename(base / "val")
    assert len(image_folder(tmp_path / "elsewhere", path=str(base)).test) == 2


def test_split_travels_to_worker_processes(tmp_path, base):
    """A DataLoader's workers get a copy that reads the same."""
    train = image_folder(tmp_path, path="pets", size=8).train
    assert torch.equal(pickle.loads(pickle.dumps(train))[3][0], train[3][0])


def test_digest_tells_folders_apart(tmp_path, base):
    """One more image is another data set; so is another size."""
    first = image_folder(tmp_path, path="pets").digest
    assert image_folder(tmp_path, path="pets").digest == first
    assert image_folder(tmp_path, path="pets", size=8).digest != first
    Image.new("RGB", (5, 5)).save(base / "train" / "cat" / "new.jpg")
    assert image_folder(tmp_path, path="pets").digest != first


def test_files_that_are_no_images_are_left_out(tmp_path, base):
    """Notes, hidden files and hidden folders are not images or classes."""
    (base / "train" / "cat" / "notes.txt").write_text("")
    (base / "train" / "cat" / "._0.png").write_text("")
    (base / "train" / ".thumbnails").mkdir()
    assert len(image_folder(tmp_path, path="pets").train) == 4


def test_image_is_cropped_about_the_middle(tmp_path):
    """Of a wide image the middle square is kept."""
    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, 10:20] = 255
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    assert (read_image(tmp_path / "wide.png", 10) == 255).all()


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [("L", 100, [100] * 3), ("RGBA", (9, 8, 7, 0), [9, 8, 7]), ("1", 1, [255] * 3), ("I;16", 100 * 256, [100] * 3)],
)
def test_every_mode_becomes_rgb(tmp_path, mode, value, expected):
    """Grey is spread over three channels, alpha dropped, 16 bits scaled to 8."""
    Image.new(mode, (6, 6), value).save(tmp_path / "image.png")
    assert read_image(tmp_path / "image.png", 4)[:, 2, 2].tolist() == expected


def test_exif_orientation_is_applied(tmp_path):
    """A picture taken with the camera on its side stands upright."""
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    upright = read_image(tmp_path / "turned.png", 16)
    assert (upright[:, :8] == 255).all()
    assert (upright[:, 8:] == 0).all()


def test_thin_image_does_not_swell(tmp_path):
    """A thousand times as long as high, an image is cropped before it is enlarged."""
    Image.new("RGB", (20_000, 1), (1, 2, 3)).save(tmp_path / "thin.png")
    assert read_image(tmp_path / "thin.png", 224)[:, 0, 0].tolist() == [1, 2, 3]


def test_damaged_image_is_named(tmp_path, base):
    """A file that ends early, or is no image at all, is a DataError with its path, when it is read."""
    path = base / "train" / "cat" / "0.png"
    whole = path.read_bytes()
    split = image_folder(tmp_path, path="pets").train
    for content in (b"", b"text", whole[: len(whole) // 2], b"GIF89a" + whole[6:]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"cat/0\.png"):
            split[0]


def test_decompression_bomb_is_an_error(tmp_path, monkeypatch):
    """An image over Pillow's bound is refused instead of warned about."""
    Image.new("1", (400, 300)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100_000)
    with pytest.raises(DataError, match=r"bomb\.png"):
        read_image(tmp_path / "bomb.png", 8)


def rename(base, old, new):
    (base / old).rename(base / new)


def empty(base, folder):
    for file in (base / folder).iterdir():
        file.unlink()


def remove(base, folder):
    empty(base, folder)
    (base / folder).rmdir()


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda base: rename(base, "train", "training"), "pets/train"),
        (lambda base: rename(base, "test", "testing"), "pets/test"),
        (lambda base: empty(base, "train/dog"), "pets/train/dog"),
        (lambda base: (base / "test" / "emu").mkdir(), "'emu'"),
        (lambda base: remove(base, "test/dog"), "'dog'"),
        (lambda base: (remove(base, "train/dog"), remove(base, "test/dog")), "'cat'"),
        (lambda base: (remove(base, "train/dog"), remove(base, "train/cat")), "pets/train"),
    ],
    ids=["no train", "no test", "no images", "class of test", "class of train", "one class", "no classes"],
)
def test_folder_that_will_not_do_is_explained(tmp_path, base, spoil, named, wording):
    """Missing halves, missing classes and empty classes each say what is wrong and where."""
    spoil(base)
    with pytest.raises(DataError, match=named) as caught:
        image_folder(tmp_path, path="pets")
    assert str(caught.value) == wording


def test_impossible_statistics_are_refused(tmp_path, base):
    """A standard deviation of nought would divide by it."""
    with pytest.raises(ValueError, match="std"):
        image_folder(tmp_path, path="pets", std=(0.2, 0.0, 0.2))


def test_home_folder_that_is_not_known_is_told(tmp_path, monkeypatch, wording):
    """As in a container that runs as a user without a name."""
    monkeypatch.delenv("HOME", raising=False)
    with pytest.raises(DataError, match="'~nobody-here/photos'") as caught:
        image_folder(tmp_path, path="~nobody-here/photos")
    assert str(caught.value) == wording


def test_digest_tells_painted_images_apart(tmp_path, base):
    """The same names and the same number of bytes, other pixels: a run is not continued on them."""
    first = image_folder(tmp_path, path="pets").digest
    for file in (base / "train" / "cat").glob("*.png"):
        content = bytearray(file.read_bytes())
        content[-20] ^= 1
        file.write_bytes(content)
    assert image_folder(tmp_path, path="pets").digest != first
