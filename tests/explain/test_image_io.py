"""Image files are read upright, opaque and in 8 bits, however they were saved."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cvkit.engine.building import open_dataset
from cvkit.errors import DataError
from cvkit.explain.image_io import read_image, reader_of
from cvkit.explain.picture import fit
from cvkit.host.discovery import discover
from cvkit.recipe import Recipe, read_text, resolve


def recipe_of(dataset: str) -> Recipe:
    return resolve(read_text(f"dataset: {dataset}\nmodel: custom_resnet\noptimizer: sgd"), discover())


@pytest.fixture
def red() -> Image.Image:
    """Red above, blue below, twice as wide as high."""
    image = Image.new("RGB", (40, 20), "red")
    image.paste("blue", (0, 10, 40, 20))
    return image


def read(path: Path, mode: str = "RGB") -> np.ndarray:
    return np.asarray(read_image(path, mode))


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "gif"])
def test_lossless_formats_are_read_exactly(tmp_path, red, ending):
    """A palette, as of GIF, is looked up."""
    red.save(tmp_path / f"a.{ending}")
    assert np.array_equal(read(tmp_path / f"a.{ending}"), np.asarray(red))


def test_photo_is_turned_as_its_exif_says(tmp_path, red):
    """A camera held upright saves the picture lying."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    red.save(tmp_path / "a.png", exif=exif)
    pixels = read(tmp_path / "a.png")
    assert pixels.shape == (40, 20, 3)
    assert pixels[0, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_places_are_white(tmp_path, red, mode):
    """Whatever colour lies under them."""
    image = red.convert(mode)
    image.putalpha(Image.fromarray(np.repeat([[0], [255]], 10, axis=0).repeat(40, axis=1).astype(np.uint8)))
    image.save(tmp_path / "a.png")
    pixels = read(tmp_path / "a.png")
    assert (pixels[:10] == 255).all()
    assert np.array_equal(pixels[10:], np.asarray(red.convert(mode).convert("RGB"))[10:])


def test_transparent_colour_of_a_palette_is_white(tmp_path, red):
    """As of a GIF or a small PNG."""
    palette = red.quantize(2)
    blue = palette.getpixel((0, 19))
    palette.save(tmp_path / "a.png", transparency=blue)
    pixels = read(tmp_path / "a.png")
    assert (pixels[10:] == 255).all()
    assert (pixels[:10] == [255, 0, 0]).all()


def test_sixteen_bits_keep_their_upper_eight(tmp_path):
    """They are scaled, where Pillow alone would cut them off at 255."""
    values = np.arange(0, 65_536, 64, dtype=np.uint16).reshape(32, 32)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert np.array_equal(read(tmp_path / "a.png", "L"), values >> 8)


def test_print_colours_are_made_red_green_and_blue(tmp_path, red):
    """CMYK, as magazines use it."""
    red.convert("CMYK").save(tmp_path / "a.tif")
    assert np.array_equal(read(tmp_path / "a.tif"), np.asarray(red))


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_values_without_a_known_range_are_refused(tmp_path, kind, wording):
    """A guess would show another picture than the model sees."""
    Image.fromarray(np.full((4, 4), 70_000, kind)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"/a\.tif") as caught:
        reader_of(recipe_of("shapes"), 3)(tmp_path / "a.tif")
    assert str(caught.value) == wording


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda _: b"not an image"])
def test_damaged_file_is_named(tmp_path, damage):
    """Cut short, or no image at all."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes(damage((tmp_path / "a.jpg").read_bytes()))
    with pytest.raises(DataError, match=r"/a\.jpg"):
        reader_of(recipe_of("shapes"), 3)(tmp_path / "a.jpg")


def test_data_set_reads_files_its_own_way(tmp_path, red):
    """`image_folder` drops transparency, in training and here alike."""
    image = red.convert("RGBA")
    image.putalpha(0)
    image.save(tmp_path / "a.png")
    own = reader_of(recipe_of("{name: image_folder, path: x}"), 3)(tmp_path / "a.png")
    assert np.array_equal(np.asarray(own), np.asarray(red))
    assert (np.asarray(reader_of(recipe_of("shapes"), 3)(tmp_path / "a.png")) == 255).all()


def test_image_of_a_folder_is_what_training_was_given(tmp_path, red):
    """Bit for bit, once it is brought to the run's size."""
    for name in ("train/a", "train/b", "test/a", "test/b"):
        (tmp_path / name).mkdir(parents=True)
        red.save(tmp_path / name / "x.jpg")
    recipe = recipe_of(f"{{name: image_folder, path: {tmp_path}, size: 16}}")
    splits = open_dataset(recipe, tmp_path)
    picture = fit("x", reader_of(recipe, 3)(tmp_path / "test" / "a" / "x.jpg"), splits.info)
    assert torch.equal(picture.fitted, splits.test[0][0])


def test_images_of_other_channels_have_no_files(wording):
    """Said before any file is opened."""
    with pytest.raises(DataError, match=r"\b5\b") as caught:
        reader_of(recipe_of("shapes"), 5)
    assert str(caught.value) == wording


def test_pipe_called_like_an_image_is_not_waited_for(tmp_path, wording):
    """Nobody writes into it, so that reading it would never end."""
    os.mkfifo(tmp_path / "a.png")
    read = reader_of(recipe_of("shapes"), 3)
    with pytest.raises(DataError, match=r"/a\.png") as caught:
        read(tmp_path / "a.png")
    assert str(caught.value) == wording(name="pipe")
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert str(caught.value) == wording(name="folder")
