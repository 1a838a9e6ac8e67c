"""Folders of labels: an image is in the folder of each of its labels, as a link or a copy, or beside them."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from cvkit import DataError, discover, resolve
from cvkit.recipe import read_text
from cvkit.recipe.tasks import task_of
from cvkit_datasets.image_folder import image_folder


def draw(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), 20 * number, np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
    """A dog with a cat, as a copy, a link and a hard link; images of the same name; one without a label."""
    base = tmp_path / "tags"
    for half in ("train", "test"):
        draw(base / half / "cat" / "both.png", 1)
        draw(base / half / "cat" / "0.png", 2)
        draw(base / half / "dog" / "0.png", 3)
        draw(base / half / "empty.png", 4)
        (base / half / "owl").mkdir()
    shutil.copy(base / "train" / "cat" / "both.png", base / "train" / "dog" / "other name.png")
    os.link(base / "train" / "cat" / "both.png", base / "train" / "owl" / "hard.png")
    (base / "test" / "dog" / "both.png").symlink_to(base / "test" / "cat" / "both.png")
    return tmp_path


def sets(split, classes):
    """The labels of each image by its name."""
    return {
        split.names[index]: {name for name, flag in zip(classes, split[index][1], strict=True) if flag}
        for index in range(len(split))
    }


def test_image_has_the_labels_of_all_its_folders(folder):
    """A copy counts as the image, under any name; files of one name that differ are two images."""
    splits = image_folder(folder, path="tags", size=8, several_labels=True)
    assert (splits.info.task, splits.info.classes) == ("multi_label", ("cat", "dog", "owl"))
    assert sets(splits.train, splits.info.classes) == {
        "train/cat/0.png": {"cat"},
        "train/cat/both.png": {"cat", "dog", "owl"},
        "train/dog/0.png": {"dog"},
        "train/empty.png": set(),
    }
    assert sets(splits.test, splits.info.classes) == {
        "test/cat/0.png": {"cat"},
        "test/cat/both.png": {"cat", "dog"},
        "test/dog/0.png": {"dog"},
        "test/empty.png": set(),
    }


def test_account_says_what_was_merged(folder):
    """And how many images have no label."""
    lines = image_folder(folder, path="tags", size=8, several_labels=True).account.lines()
    assert lines[:2] == [
        "read 8 images with 3 labels: 4 train, 4 test",
        "2 images without a label: 1 train, 1 test",
    ]
    assert "11 files are 8 images: 3 links or copies add their labels to others" in lines


def test_without_the_option_each_file_has_the_class_of_its_folder(folder):
    """As before; images beside the folders are left out."""
    shutil.rmtree(folder / "tags" / "test" / "owl")
    splits = image_folder(folder, path="tags", size=8)
    assert (splits.info.task, len(splits.train)) == ("single_label", 5)
    assert {one.name for one in splits.account.left_out} == {"train/empty.png", "test/empty.png"}


def test_folders_without_splits_are_divided(folder):
    """An image beside the folders of labels is an image without a label there, too."""
    base = folder / "flat"
    for number in range(12):
        draw(base / "cat" / f"{number}.png", number)
        if number % 2:
            shutil.copy(base / "cat" / f"{number}.png", base / f"{number}.png")  # it has a label all the same
    for number in range(6):
        Image.fromarray(np.full((9, 9, 3), 20 * number, np.uint8)).save(base / "cat" / f"wide {number}.png")
        (base / "dog").mkdir(exist_ok=True)
        shutil.copy(base / "cat" / f"wide {number}.png", base / "dog" / f"{number}.png")
    splits = image_folder(folder, path="flat", size=8, several_labels=True, validation=0.3)
    every = sets(splits.train, splits.info.classes) | sets(splits.validation, splits.info.classes)
    assert len(every) == 18
    assert sum(labels == {"cat", "dog"} for labels in every.values()) == 6
    assert set() not in every.values()


def test_image_outside_of_the_splits_is_left_out(folder):
    """It is not clear which split it belongs to."""
    draw(folder / "tags" / "loose.png", 5)
    splits = image_folder(folder, path="tags", size=8, several_labels=True)
    assert [one.name for one in splits.account.left_out] == ["loose.png", "test/owl"]


def test_digest_depends_on_the_labels(folder):
    """One copy more is another data set."""
    first = image_folder(folder, path="tags", size=8, several_labels=True).digest
    shutil.copy(folder / "tags" / "train" / "cat" / "0.png", folder / "tags" / "train" / "owl" / "0.png")
    assert image_folder(folder, path="tags", size=8, several_labels=True).digest != first


def test_file_that_cannot_be_read_is_named(folder, monkeypatch):
    """When its bytes are compared."""
    monkeypatch.setattr("cvkit_datasets.same_image._digest", lambda path: (path / "gone").open())
    with pytest.raises(DataError, match=r"could not read .*gone"):
        image_folder(folder, path="tags", size=8, several_labels=True)


@pytest.mark.parametrize(("option", "task"), [("", "single_label"), (", several_labels: true", "multi_label")])
def test_recipe_knows_the_task_before_the_data_are_read(option, task):
    """So components that do not fit are refused by the check."""
    text = f"{{dataset: {{name: image_folder, path: x{option}}}, model: custom_resnet, optimizer: sgd, loss: "
    text += f"{'bce' if task == 'multi_label' else 'cross_entropy'}, train: {{epochs: 1}}}}"
    assert task_of(resolve(read_text(text), discover()).dataset) == task
