"""`image_folder`: layouts, classes, what is left out, and what is said of folders that will not do."""

from __future__ import annotations

import os
import pickle
import unicodedata

import numpy as np
import pytest
import torch
from PIL import Image

from cvkit import DataError, Framing
from cvkit_datasets.image_folder import image_folder


def photo(path, size=(20, 10), colour=(0, 0, 255)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def base(tmp_path):
    """Two classes, two training images and one test image of each, red dogs and blue cats."""
    for half, count in (("train", 2), ("test", 1)):
        for name, colour in (("dog", (255, 0, 0)), ("cat", (0, 0, 255))):
            for number in range(count):
                photo(tmp_path / "pets" / half / name / f"{number}.png", colour=colour)
    return tmp_path / "pets"


@pytest.fixture
def flat(tmp_path):
    """One folder for each class, ten images of each."""
    for name in ("cat", "dog"):
        for number in range(10):
            photo(tmp_path / "flat" / name / f"{number}.png")
    return tmp_path / "flat"


def names(splits):
    """The files of each split."""
    there = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    return {name: split.names for name, split in there.items() if split is not None}


def test_images_keep_their_size_and_labels_follow_the_sorted_classes(tmp_path, base):
    """Images are uint8 (3, H, W) of any size; the size of the model's input is in the info, with the framing."""
    photo(base / "train" / "dog" / "wide.png", size=(50, 10), colour=(255, 0, 0))
    both = image_folder(tmp_path, path="pets", size=8, framing="pad")
    assert both.info.classes == ("cat", "dog")
    assert (both.info.height, both.info.width, both.info.framing) == (8, 8, Framing("pad"))
    assert (len(both.train), len(both.test), both.validation) == (5, 2, None)
    image, label = both.train[0]
    assert (image.dtype, tuple(image.shape), label) == (torch.uint8, (3, 10, 20), 0)
    assert image[:, 4, 4].tolist() == [0, 0, 255]
    assert tuple(both.train[4][0].shape) == (3, 10, 50)
    assert [both.train[i][1] for i in range(5)] == [0, 0, 1, 1, 1]


def test_size_may_be_a_rectangle(tmp_path, base):
    """Height first, as everywhere."""
    info = image_folder(tmp_path, path="pets", size=(64, 96)).info
    assert (info.height, info.width) == (64, 96)


def test_the_whole_of_a_wide_image_is_given(tmp_path, base):
    """A class may stand at the left edge: nothing is cropped before the framing or an augmentation sees it."""
    pixels = np.zeros((32, 96, 3), np.uint8)
    pixels[:, :8] = 255
    Image.fromarray(pixels).save(base / "train" / "cat" / "0.png")
    image = image_folder(tmp_path, path="pets", size=32).train[0][0]
    assert torch.equal(image, torch.from_numpy(pixels).permute(2, 0, 1))


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Val"])
def test_val_is_the_validation_half_and_never_the_test_half(tmp_path, base, name):
    """Beside test/, or alone."""
    photo(base / name / "cat" / "v.png")
    photo(base / name / "dog" / "v.png")
    splits = image_folder(tmp_path, path="pets")
    assert names(splits)["validation"] == (f"{name}/cat/v.png", f"{name}/dog/v.png")
    assert names(splits)["test"] == ("test/cat/0.png", "test/dog/0.png")
    for file in (base / "test").rglob("*.png"):
        file.unlink()
    splits = image_folder(tmp_path, path="pets")
    assert splits.test is None
    assert len(splits.validation) == 2


def test_one_folder_for_each_class_is_split_as_the_recipe_says(tmp_path, flat):
    """Every image is in one split, with its own label."""
    splits = image_folder(tmp_path, path="flat", validation=0.2, test=0.3)
    found = names(splits)
    assert sorted(name for part in found.values() for name in part) == sorted(
        f"{kind}/{number}.png" for kind in ("cat", "dog") for number in range(10)
    )
    for split in (splits.train, splits.validation, splits.test):
        assert [split[i][1] for i in range(len(split))] == [int("dog" in name) for name in split.names]


def test_train_and_test_folders_get_a_validation_half_from_train(tmp_path, flat):
    """The test images stay as they are."""
    for name in ("cat", "dog"):
        photo(flat / "test" / name / "t.png")
    (flat / "train").mkdir()
    (flat / "cat").rename(flat / "train" / "cat")
    (flat / "dog").rename(flat / "train" / "dog")
    found = names(image_folder(tmp_path, path="flat", validation=4))
    assert found["test"] == ("test/cat/t.png", "test/dog/t.png")
    assert [sum(kind in name for name in found["validation"]) for kind in ("cat", "dog")] == [2, 2]
    assert len(found["train"]) == 16


def test_classes_are_in_the_order_people_expect(tmp_path):
    """2 before 10; `classes` sets another order, and labels follow it."""
    for name in ("1", "2", "10", "b", "a"):
        photo(tmp_path / "n" / "train" / name / "x.png")
        photo(tmp_path / "n" / "val" / name / "x.png")
    assert image_folder(tmp_path, path="n").info.classes == ("1", "2", "10", "a", "b")
    chosen = image_folder(tmp_path, path="n", classes=("b", "a", "10", "2", "1"))
    assert chosen.info.classes == ("b", "a", "10", "2", "1")
    assert (chosen.train.names[0], chosen.train[0][1]) == ("train/b/x.png", 0)


@pytest.mark.parametrize("classes", [("cat",), ("cat", "dog", "emu"), ("cat", "dog", "dog")])
def test_order_of_the_classes_lists_each_once(tmp_path, base, classes, wording):
    """A class that is not listed must not vanish."""
    with pytest.raises(DataError, match="classes") as caught:
        image_folder(tmp_path, path="pets", classes=classes)
    assert str(caught.value) == wording


def test_subfolders_links_and_endings_are_read(tmp_path, base):
    """`.tif .jfif .jpe .gif`, in capitals too, in folders of a class, behind links."""
    cat = base / "train" / "cat"
    for name in ("a.TIF", "b.jfif", "c.jpe", "d.GIF", "e.JPG", "f.tiff", "g.webp", "h.bmp"):
        photo(cat / "2019" / name)
    photo(tmp_path / "elsewhere" / "y.png")
    (cat / "link.png").symlink_to(tmp_path / "elsewhere" / "y.png")
    (cat / "folder").symlink_to(tmp_path / "elsewhere")
    splits = image_folder(tmp_path, path="pets")
    assert {name.removeprefix("train/cat/") for name in splits.train.names if "cat" in name} == {
        *("0.png", "1.png", "link.png", "folder/y.png"),
        *(f"2019/{name}" for name in ("a.TIF", "b.jfif", "c.jpe", "d.GIF", "e.JPG", "f.tiff", "g.webp", "h.bmp")),
    }
    assert splits.account.left_out == ()
    assert all(splits.train[index][0].dtype == torch.uint8 for index in range(len(splits.train)))


def test_what_is_left_out_is_said_with_the_reason(tmp_path, base, wording):
    """Nothing that looks like an image is left out in silence; a link in a circle ends."""
    cat = base / "train" / "cat"
    for name in ("notes.txt", "._0.png", "photo.heic", "README"):
        (cat / name).write_text("")
    (base / ".thumbnails").mkdir()
    (base / "annotations").mkdir()
    (cat / "gone.png").symlink_to(tmp_path / "gone")
    (cat / "again").symlink_to(base)
    os.mkfifo(cat / "pipe.png")
    photo(base / "cover.png")
    photo(base / "train" / "loose.png")
    splits = image_folder(tmp_path, path="pets")
    assert len(splits.train) == 4
    assert splits.account.counts == {"train": {"cat": 2, "dog": 2}, "test": {"cat": 1, "dog": 1}}
    assert {one.name: one.reason for one in splits.account.left_out} == wording
    assert "\n".join(splits.account.lines()) == wording(name="lines")


def test_names_that_are_not_utf8_are_read_and_stored_as_text(tmp_path, base):
    """As of an old archive: the file is opened, and its name can be written to any file."""
    photo(base / "train" / "cat" / os.fsdecode(b"caf\xe9.png"))
    splits = image_folder(tmp_path, path="pets", validation=1 + 1)
    every = (*splits.train.names, *splits.validation.names)
    assert "train/cat/caf\\xe9.png" in every
    assert "".join(every).encode()
    assert all(
        split[i][0].dtype == torch.uint8 for split in (splits.train, splits.validation) for i in range(len(split))
    )


def test_one_name_in_two_spellings_of_unicode_is_one_class(tmp_path):
    """Composed on one system, decomposed on another: in two halves, or in one."""
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    for half, name in (("train", composed), ("test", decomposed)):
        photo(tmp_path / "n" / half / name / "a.png")
        photo(tmp_path / "n" / half / "tea" / "a.png")
    photo(tmp_path / "n" / "train" / decomposed / "b.png")
    splits = image_folder(tmp_path, path="n")
    assert splits.info.classes == (composed, "tea")
    assert splits.account.counts == {"train": {composed: 2, "tea": 1}, "test": {composed: 1, "tea": 1}}
    assert any("spellings" in note for note in splits.account.notes)


def test_test_half_that_lacks_a_class_keeps_the_labels_of_training(tmp_path, base):
    """Scored against shifted labels, every image of a later class would count as wrong."""
    photo(base / "train" / "ant" / "a.png")
    photo(base / "train" / "cow" / "a.png")
    splits = image_folder(tmp_path, path="pets")
    assert splits.info.classes == ("ant", "cat", "cow", "dog")
    assert [(name, splits.test[i][1]) for i, name in enumerate(splits.test.names)] == [
        ("test/cat/0.png", 1),
        ("test/dog/0.png", 3),
    ]
    assert splits.account.counts["test"] == {"ant": 0, "cat": 1, "cow": 0, "dog": 1}
    assert any("'ant', 'cow'" in note for note in splits.account.notes)


def test_split_travels_to_worker_processes(tmp_path, base):
    """A DataLoader's workers get a copy that reads the same."""
    train = image_folder(tmp_path, path="pets", size=8).train
    assert torch.equal(pickle.loads(pickle.dumps(train))[3][0], train[3][0])


def test_digest_tells_data_apart(tmp_path, base):
    """One more image, painted images, other splits, labels and channels: a run is not continued on them."""
    first = image_folder(tmp_path, path="pets").digest
    assert image_folder(tmp_path, path="pets", size=8, framing="squash").digest == first
    others = {
        image_folder(tmp_path, path="pets", channels=1).digest,
        image_folder(tmp_path, path="pets", classes=("dog", "cat")).digest,
        image_folder(tmp_path, path="pets", validation=2).digest,
    }
    photo(base / "train" / "cat" / "new.jpg")
    others.add(image_folder(tmp_path, path="pets").digest)
    (base / "train" / "cat" / "new.jpg").unlink()
    photo(base / "train" / "cat" / "0.png", colour=(0, 0, 254))
    others.add(image_folder(tmp_path, path="pets").digest)
    assert len(others | {first}) == 6


def test_grey_sets_stay_one_channel(tmp_path):
    """`channels: 1`; with three, the account says that they are equal."""
    for half in ("train", "val"):
        for name in "ab":
            (tmp_path / "g" / half / name).mkdir(parents=True)
            Image.new("L", (6, 6), 100).save(tmp_path / "g" / half / name / "x.png")
    grey = image_folder(tmp_path, path="g", channels=1)
    assert (grey.info.channels, len(grey.info.mean), tuple(grey.train[0][0].shape)) == (1, 1, (1, 6, 6))
    assert grey.account.notes == ()
    assert any("channels: 1" in note for note in image_folder(tmp_path, path="g").account.notes)


def test_normalisation_of_the_recipe_is_fixed_and_otherwise_it_is_not(tmp_path, base):
    """A pretrained network's own replaces ImageNet's, which is only the default."""
    assert not image_folder(tmp_path, path="pets").info.fixed_normalisation
    info = image_folder(tmp_path, path="pets", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)).info
    assert (info.mean, info.std, info.fixed_normalisation) == ((0.5,) * 3, (0.5,) * 3, True)


def test_without_framing_every_image_has_the_size(tmp_path, base, wording):
    """They are named before the first step, not as one of them is read."""
    assert image_folder(tmp_path, path="pets", size=(10, 20), framing=None).info.framing is None
    photo(base / "train" / "cat" / "odd.png", size=(9, 9))
    with pytest.raises(DataError, match=r"odd\.png") as caught:
        image_folder(tmp_path, path="pets", size=(10, 20), framing=None)
    assert str(caught.value) == wording


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
        (lambda base: rename(base, "train", "training"), "train/"),
        (lambda base: rename(base, "test", "testing"), "'testing'"),
        (lambda base: empty(base, "train/dog"), "'dog'"),
        (lambda base: photo(base / "test" / "emu" / "0.png"), "'emu'"),
        (lambda base: rename(base, "test/dog", "Dog"), "'Dog'"),
        (lambda base: rename(base, "test/dog", "test/Dog"), "differ in case"),
        (lambda base: photo(base / "emu" / "0.png"), "'emu'"),
        (lambda base: (photo(base / "val/cat/0.png"), photo(base / "valid/cat/0.png")), "'valid'"),
        (lambda base: (remove(base, "train/dog"), remove(base, "test/dog")), "'cat'"),
        (lambda base: (remove(base, "train/dog"), remove(base, "train/cat")), "no images"),
        (lambda base: (remove(base, "test/dog"), remove(base, "test/cat")), "validation: 0.2"),
    ],
    ids=[
        *("no train", "no test", "no images", "class of test", "class beside train", "case", "folder beside train"),
        *("two val", "one class", "no classes", "no test images"),
    ],
)
def test_folder_that_will_not_do_is_explained(tmp_path, base, spoil, named, wording):
    """Unclear layouts, missing halves and classes each say what is wrong and what was seen."""
    spoil(base)
    with pytest.raises(DataError, match=named) as caught:
        image_folder(tmp_path, path="pets")
    assert str(caught.value) == wording


def test_folder_without_class_folders_is_explained(tmp_path, wording):
    """Empty, loose images, a table in it, a file in its place."""
    (tmp_path / "none").mkdir()
    photo(tmp_path / "loose" / "a.png")
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "metadata.csv").write_text("")
    (tmp_path / "file").write_text("")
    for name in ("none", "loose", "table", "file"):
        with pytest.raises(DataError) as caught:
            image_folder(tmp_path, path=name)
        assert str(caught.value) == wording(name=name)


@pytest.mark.parametrize("names", [("training", "testing"), ("Training", "DEV"), ("fit", "eval")])
def test_folders_that_look_like_splits_are_not_classes(tmp_path, names, wording):
    """Their folders repeat; a class of such a name without them is a class."""
    for name in names:
        for number in range(4):
            photo(tmp_path / "pets" / name / "cat" / f"{number}.png")
            photo(tmp_path / "classes" / name / f"{number}.png")
    with pytest.raises(DataError, match=f"'{names[1]}'") as caught:
        image_folder(tmp_path, path="pets", validation=0.25)
    assert str(caught.value) == wording
    assert set(image_folder(tmp_path, path="classes", validation=0.25).info.classes) == set(names)


def test_folder_around_the_folder_is_explained(tmp_path, base, wording):
    """As an archive unpacks: one folder, in which the classes are."""
    base.rename(tmp_path / "inner")
    base.mkdir()
    (tmp_path / "inner").rename(base / "inner")
    with pytest.raises(DataError, match="pets/inner") as caught:
        image_folder(tmp_path, path="pets")
    assert str(caught.value) == wording


@pytest.mark.parametrize(
    "options",
    [
        {"std": (0.2, 0.0, 0.2)},
        {"mean": (0.5,)},
        {"folds": 3},
        {"folds": 3, "fold": 4},
        {"folds": 3, "fold": 1, "validation": 0.2},
        {"group": "("},
    ],
    ids=["std", "mean", "folds", "fold", "folds and validation", "group"],
)
def test_options_that_contradict_each_other_are_refused(tmp_path, base, options, wording):
    """Each says what would be accepted."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the wording is compared
        image_folder(tmp_path, path="pets", **options)
    assert str(caught.value) == wording
