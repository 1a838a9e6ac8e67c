"""Image files are read upright, opaque and in 8 bits, however they were saved; `explain` and data sets share this."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvkit.data.decoding import decode, read_image
from cvkit.data.image_formats import IMAGE_FORMATS


@pytest.fixture
def red() -> Image.Image:
    """Red above, blue below, twice as wide as high."""
    image = Image.new("RGB", (40, 20), "red")
    image.paste("blue", (0, 10, 40, 20))
    return image


def read(path: Path, channels: int = 3, **options: int) -> np.ndarray:
    return np.asarray(decode(path, channels, **options))


def deep_png(values: np.ndarray) -> bytes:
    """A PNG of 16-bit values (H, W, C), which Pillow cannot write in colour."""
    height, width, channels = values.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "gif"])
def test_lossless_formats_are_read_exactly(tmp_path, red, ending):
    """A palette, as of GIF, is looked up."""
    red.save(tmp_path / f"a.{ending}")
    assert np.array_equal(read(tmp_path / f"a.{ending}"), np.asarray(red))


@pytest.mark.parametrize("channels", [1, 3])
def test_tensor_has_the_channels_first(tmp_path, red, channels):
    """The tensor that a data set gives is the picture that `explain` shows."""
    red.save(tmp_path / "a.png")
    tensor = read_image(tmp_path / "a.png", channels)
    assert tensor.shape == (channels, 20, 40)
    pixels = read(tmp_path / "a.png", channels).reshape(20, 40, channels)
    assert np.array_equal(tensor.numpy(), pixels.transpose(2, 0, 1))


def test_every_ending_is_of_a_format_that_pillow_reads():
    """And in lower case, as it is compared."""
    Image.init()
    assert set(IMAGE_FORMATS.values()) <= Image.OPEN.keys()
    assert all(ending == ending.lower() and ending in Image.EXTENSION for ending in IMAGE_FORMATS)


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp"])
def test_photo_is_turned_as_its_exif_says(tmp_path, red, ending):
    """A camera held upright saves the picture lying."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    red.save(tmp_path / f"a.{ending}", exif=exif)
    pixels = read(tmp_path / f"a.{ending}").astype(int)
    assert pixels.shape == (40, 20, 3)
    assert np.abs(pixels[5, 3] - [0, 0, 255]).max() < 40
    assert np.abs(pixels[5, 16] - [255, 0, 0]).max() < 40


@pytest.mark.parametrize("turn", range(1, 9))
def test_all_eight_orientations_stand_upright(tmp_path, turn):
    """Of a picture whose four quarters differ."""
    upright = Image.fromarray(np.array([[0, 80], [160, 240]], np.uint8).repeat(8, 0).repeat(12, 1))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = turn
    (upright.transpose(undo[turn]) if turn in undo else upright).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read(tmp_path / "a.png", 1), np.asarray(upright))


def test_exif_that_does_not_parse_is_ignored(tmp_path, red, recwarn):
    """The picture itself is good, and nothing is printed."""
    for number, block in enumerate(
        (b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12", b"Exif\0\0" + b"\xff" * 40)
    ):
        path = tmp_path / f"{number}.jpg"
        red.save(path, exif=block, quality=95)
        assert read(path).shape == (20, 40, 3)
    assert not recwarn.list


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_places_are_white(tmp_path, red, mode):
    """Whatever colour lies under them."""
    image = red.convert(mode)
    image.putalpha(Image.fromarray(np.repeat([[0], [255]], 10, axis=0).repeat(40, axis=1).astype(np.uint8)))
    image.save(tmp_path / "a.png")
    pixels = read(tmp_path / "a.png")
    assert (pixels[:10] == 255).all()
    assert np.array_equal(pixels[10:], np.asarray(red.convert(mode).convert("RGB"))[10:])


@pytest.mark.parametrize("channels", [1, 3])
def test_icon_whose_shape_is_in_the_alpha_channel_alone_is_not_black(tmp_path, channels):
    """Black everywhere; only the transparency carries the shape."""
    shape = np.zeros((16, 16), np.uint8)
    shape[4:12, 4:12] = 255
    icon = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    icon.putalpha(Image.fromarray(shape))
    icon.save(tmp_path / "a.png")
    pixels = read(tmp_path / "a.png", channels).reshape(16, 16, -1)
    assert np.array_equal(pixels[..., 0], 255 - shape)


@pytest.mark.parametrize("ending", ["png", "gif"])
def test_transparent_colour_of_a_palette_is_white(tmp_path, red, ending):
    """As of a GIF or a small PNG."""
    palette = red.quantize(2)
    blue = palette.getpixel((0, 19))
    palette.save(tmp_path / f"a.{ending}", transparency=blue)
    pixels = read(tmp_path / f"a.{ending}")
    assert (pixels[10:] == 255).all()
    assert (pixels[:10] == [255, 0, 0]).all()


def test_sixteen_bits_keep_their_upper_eight(tmp_path):
    """They are scaled, where Pillow alone would cut them off at 255."""
    values = np.arange(0, 65_536, 64, dtype=np.uint16).reshape(32, 32)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert np.array_equal(read(tmp_path / "a.png", 1), values >> 8)


def test_twelve_bits_fill_the_range_where_the_recipe_says_so(tmp_path):
    """As of a camera or a scanner: read as 16 bits, none would be above 15 of 255."""
    values = np.arange(0, 4096, dtype=np.uint16).reshape(64, 64)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert read(tmp_path / "a.png", 1).max() == 15
    assert np.array_equal(read(tmp_path / "a.png", 1, bits=12), values >> 4)
    Image.new("L", (4, 4), 200).save(tmp_path / "eight.png")
    assert (read(tmp_path / "eight.png", 1, bits=12) == 200).all()


def test_values_above_the_bits_of_the_recipe_are_refused(tmp_path, wording):
    """They would wrap around, or be cut off in silence."""
    Image.fromarray(np.full((4, 4), 5000, np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"5000.*4095.*bits: 12") as caught:
        decode(tmp_path / "a.png", 1, bits=12)
    assert str(caught.value) == wording(name="grey")
    (tmp_path / "b.png").write_bytes(deep_png(np.full((4, 4, 3), 4000)))
    with pytest.raises(ValueError, match="bits: 12") as caught:
        decode(tmp_path / "b.png", 3, bits=12)
    assert str(caught.value) == wording(name="colour")
    assert (read(tmp_path / "b.png") == 4000 >> 8).all()


def test_print_colours_are_made_red_green_and_blue(tmp_path, red):
    """CMYK, as magazines use it."""
    red.convert("CMYK").save(tmp_path / "a.tif")
    assert np.array_equal(read(tmp_path / "a.tif"), np.asarray(red))


@pytest.mark.parametrize("ending", ["gif", "png", "webp", "tif"])
def test_first_frame_of_an_animation_is_read(tmp_path, red, ending):
    """The frames after it do not matter."""
    others = [Image.new("RGB", red.size, "green"), Image.new("RGB", red.size, "white")]
    options = {"lossless": True} if ending == "webp" else {}
    red.save(tmp_path / f"a.{ending}", save_all=True, append_images=others, **options)
    assert np.array_equal(read(tmp_path / f"a.{ending}"), np.asarray(red))


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_values_without_a_known_range_are_refused(tmp_path, kind):
    """A guess would show another picture than the model sees."""
    Image.fromarray(np.full((4, 4), 70_000, kind)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match="unknown range"):
        decode(tmp_path / "a.tif", 3)


def test_large_photo_is_read_where_the_recipe_allows_it(tmp_path, monkeypatch, wording):
    """Pillow's limit is against bombs; the message has the line to write, and Pillow's own limit stays."""
    Image.new("1", (1500, 1000)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500_000)
    with pytest.raises(ValueError, match="max_megapixels: 2") as caught:
        decode(tmp_path / "large.png", 1)
    assert str(caught.value) == wording
    assert read(tmp_path / "large.png", 1, max_megapixels=2).shape == (1000, 1500)
    assert Image.MAX_IMAGE_PIXELS == 500_000
    with pytest.raises(ValueError, match="max_megapixels: 2"):
        decode(tmp_path / "large.png", 1, max_megapixels=1)


def test_png_named_jpg_is_read(tmp_path, red):
    """The content decides, not the ending."""
    red.save(tmp_path / "a.jpg", "PNG")
    assert np.array_equal(read(tmp_path / "a.jpg"), np.asarray(red))
