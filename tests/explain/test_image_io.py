"""Image files are read upright, opaque and in 8 bits, however they were saved."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from cvkit.engine.building import open_dataset
from cvkit.errors import DataError
from cvkit.explain.image_io import reader_of
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


@pytest.mark.parametrize("dataset", ["shapes", "{name: image_folder, path: x}", "{name: image_table, path: x}"])
def test_every_data_set_reads_other_images_alike(tmp_path, red, dataset):
    """Transparency, orientation and modes are decided in one place."""
    image = red.convert("RGBA")
    image.putalpha(0)
    image.save(tmp_path / "a.png")
    assert (np.asarray(reader_of(recipe_of(dataset), 3)(tmp_path / "a.png")) == 255).all()


def test_options_of_the_data_set_decide_how_files_are_read(tmp_path):
    """`bits` of the recipe holds for other images too: the model was trained on such values."""
    Image.fromarray(np.full((4, 4), 4000, np.uint16)).save(tmp_path / "a.png")
    recipe = recipe_of("{name: image_folder, path: x, bits: 12, channels: 1}")
    assert (np.asarray(reader_of(recipe, 1)(tmp_path / "a.png")) == 4000 >> 4).all()


def test_image_of_a_folder_is_what_training_was_given(tmp_path, red):
    """Bit for bit, in the size of the file; both are framed by the same function afterwards."""
    for name in ("train/a", "train/b", "test/a", "test/b"):
        (tmp_path / name).mkdir(parents=True)
        red.save(tmp_path / name / "x.jpg")
    recipe = recipe_of(f"{{name: image_folder, path: {tmp_path}, size: 16}}")
    splits = open_dataset(recipe, tmp_path)
    shown = reader_of(recipe, 3)(tmp_path / "test" / "a" / "x.jpg")
    assert np.array_equal(np.asarray(shown).transpose(2, 0, 1), splits.test[0][0].numpy())


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
