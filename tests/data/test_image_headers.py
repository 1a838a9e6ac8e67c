"""What a header says is what decoding gives, and only files that look incomplete are decoded."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cvkit.data.decoding import decode
from cvkit.data.image_headers import largest_value, read_header


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif", "bmp", "gif"])
@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_size_is_that_of_the_decoded_image(tmp_path, ending, turn):
    """A photo taken with the camera on its side is higher than wide."""
    exif = Image.Exif()
    exif[0x0112] = turn
    options = {} if ending in ("bmp", "gif") else {"exif": exif}
    Image.new("RGB", (40, 20)).save(tmp_path / f"a.{ending}", **options)
    header = read_header(tmp_path / f"a.{ending}")
    assert (header.width, header.height) == decode(tmp_path / f"a.{ending}", 3).size
    assert not header.animated
    assert not header.exif_damaged


@pytest.mark.parametrize(
    ("image", "grey", "deep"),
    [
        (Image.new("L", (4, 4)), True, False),
        (Image.new("1", (4, 4)), True, False),
        (Image.new("RGB", (4, 4)), False, False),
        (Image.new("LA", (4, 4)), False, False),
        (Image.fromarray(np.zeros((4, 4), np.uint16)), True, True),
    ],
    ids=["grey", "black and white", "colour", "transparent", "16 bits"],
)
def test_channels_and_bits_are_said(tmp_path, image, grey, deep):
    """Of one channel; of two bytes."""
    image.save(tmp_path / "a.png")
    header = read_header(tmp_path / "a.png")
    assert (header.grey, header.deep) == (grey, deep)


def test_whole_files_are_not_decoded(tmp_path, monkeypatch):
    """A pass over many photos reads little of each."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    for ending in ("png", "jpg", "webp", "tif", "bmp", "gif"):
        noise.save(tmp_path / f"a.{ending}")

    def refuse(self):
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", refuse)
    for ending in ("png", "jpg", "webp", "tif", "bmp", "gif"):
        if ending != "webp":  # Pillow's WebP plugin has a method of its own
            assert read_header(tmp_path / f"a.{ending}").width == 64
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(AssertionError, match="decoded"):
        read_header(tmp_path / "a.jpg")


def test_largest_value_of_sixteen_bits_is_found(tmp_path):
    """By which data of fewer bits are noticed."""
    Image.fromarray(np.arange(100, dtype=np.uint16).reshape(10, 10) * 40).save(tmp_path / "a.png")
    assert largest_value(tmp_path / "a.png") == 99 * 40


def test_numbers_of_unknown_range_are_found_by_the_header(tmp_path):
    """They cannot be shown as a picture, which the end of an epoch is too late to say."""
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match="unknown range"):
        read_header(tmp_path / "a.tif")


@pytest.mark.parametrize("block", [Image.Exif().tobytes(), b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0", b"Exif\0\0"])
def test_exif_block_without_entries_is_not_damaged(tmp_path, block):
    """Some programs write one; only a block that cannot be parsed is damaged."""
    Image.new("RGB", (8, 4), "red").save(tmp_path / "a.jpg", exif=block)
    Image.new("RGB", (8, 4), "red").save(tmp_path / "b.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12")
    assert [read_header(tmp_path / name).exif_damaged for name in ("a.jpg", "b.jpg")] == [False, True]
