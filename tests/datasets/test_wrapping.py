"""Data sets that change others: what survives, what changes, and that no image moves to another split."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cvkit import ComponentError, RecipeError, TensorSplit, discover, resolve
from cvkit.audit.audit import audit
from cvkit.data.checking import CheckedSplit
from cvkit.data.repetitions import once, without_repetitions
from cvkit.engine.building import open_dataset
from cvkit.recipe import read_any
from cvkit.runs.data_csv import data_csv
from cvkit_datasets.several_shapes import several_shapes
from cvkit_datasets.views import splits_of

CATALOG = discover(distributions=["cvkit-core"])
SHAPES = {"name": "shapes", "train_size": 60, "test_size": 20, "validation_size": 10}
SETS = {"name": "several_shapes", "train_size": 20, "test_size": 10, "validation_size": 0}


def opened(dataset, root=Path("unused")):
    recipe = resolve(read_any({"dataset": dataset, "model": "custom_resnet", "optimizer": "sgd"}), CATALOG)
    return open_dataset(recipe, root)


def photos(tmp_path, classes=("cat", "dog", "owl"), number=6, folder="photos"):
    """A folder with a few photos of each class, of several sizes."""
    draw = np.random.default_rng(len(folder))
    for half, count in (("train", number), ("test", 2)):
        for name in classes:
            (tmp_path / folder / half / name).mkdir(parents=True)
            for index in range(count):
                pixels = draw.integers(0, 256, (16, 20 + index, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / folder / half / name / f"{index}.jpg")
    return {"name": "image_folder", "path": str(tmp_path / folder), "size": 16}


@pytest.fixture
def of_files(tmp_path):
    return photos(tmp_path)


def pixels(split):
    return {split[index][0].numpy().tobytes() for index in range(len(split))}


def test_subset_in_memory_keeps_masks_and_the_share_of_each_class():
    """The other splits stay as they are."""
    whole, half = opened(SHAPES), opened({"name": "subset", "of": SHAPES, "fraction": 0.5})
    assert isinstance(half.train, TensorSplit)
    assert torch.bincount(half.train.labels).tolist() == [3] * 10
    assert pixels(half.train) < pixels(whole.train)
    assert half.train.masks is not None
    assert torch.equal(half.test.images, whole.test.images)
    assert torch.equal(half.validation.labels, whole.validation.labels)
    assert half.account.lines()[-1] == (
        "the data set is a subset: 30 of 60 train, 10 of 10 validation, 20 of 20 test images"
    )


def test_smaller_subset_is_part_of_a_larger_one_and_of_its_seed():
    """So a learning curve adds images."""
    sizes = [opened({"name": "subset", "of": SHAPES, "count": count}).train for count in (10, 20, 40)]
    assert pixels(sizes[0]) < pixels(sizes[1]) < pixels(sizes[2])
    other = opened({"name": "subset", "of": SHAPES, "count": 20, "seed": 1}).train
    assert pixels(other) != pixels(sizes[1])
    everywhere = opened({"name": "subset", "of": SHAPES, "count": 10, "splits": "all"})
    assert [len(split) for split in (everywhere.train, everywhere.validation, everywhere.test)] == [10, 10, 10]


def test_subset_of_classes_has_labels_in_the_order_of_the_recipe():
    """In every split."""
    found = opened({"name": "subset", "of": SHAPES, "classes": ["square", "circle"]})
    assert found.info.classes == ("square", "circle")
    whole = opened(SHAPES)
    circle = whole.info.classes.index("circle")
    images = {whole.test[index][0].numpy().tobytes() for index in range(20) if whole.test[index][1] == circle}
    assert {
        found.test[index][0].numpy().tobytes() for index in range(len(found.test)) if found.test[index][1]
    } == images


def test_files_keep_names_framing_and_lazy_decoding(of_files):
    """And their account; data.csv names the files that are used."""
    whole, part = opened(of_files), opened({"name": "subset", "of": of_files, "count": 9})
    assert not isinstance(part.train, TensorSplit)
    assert part.info.framing == whole.info.framing
    assert set(part.train.names) < set(whole.train.names)
    assert part.test.names == whole.test.names
    for index, name in enumerate(part.train.names):
        image, label = part.train[index]
        assert torch.equal(image, whole.train[whole.train.names.index(name)][0])
        assert name.startswith(f"train/{part.info.classes[label]}/")
    assert part.account.counts["train"] == {"cat": 3, "dog": 3, "owl": 3}
    assert len([line for line in "".join(data_csv(part)).splitlines() if ",train," in line or "train/" in line]) == 9
    assert pickle.loads(pickle.dumps(part.train))[0][1] == part.train[0][1]


def test_photos_are_reduced_through_wrappers(of_files):
    """`decode: draft` and its needs reach the files."""
    asked = []

    class Reducible:
        names = ("a", "b")
        labels = (0, 1)

        def __len__(self):
            return 2

        def __getitem__(self, index):
            raise AssertionError("it was not reduced")

        def reduced(self, index, needed):
            asked.append((index, needed))
            return torch.zeros(3, 4, 4, dtype=torch.uint8), index

    from cvkit_datasets.views import chain, view

    def needed(height, width):
        return height, width

    wrapped = chain([view(Reducible(), [1, 0], [5, 6]), Reducible()], [range(7), range(7)])
    assert [wrapped.reduced(index, needed)[1] for index in range(4)] == [6, 5, 0, 1]
    assert [index for index, _ in asked] == [1, 0, 0, 1]
    assert wrapped.names == ("of.0/b", "of.0/a", "of.1/a", "of.1/b")
    assert isinstance(opened(of_files).train, CheckedSplit)


def test_repeat_makes_epochs_longer_and_evaluation_stays(of_files):
    """In memory and from files."""
    twice = opened({"name": "repeat", "of": SHAPES, "times": 3})
    assert (len(twice.train), len(twice.test)) == (180, 20)
    assert torch.equal(twice.train.images[:60], twice.train.images[120:])
    files = opened({"name": "repeat", "of": of_files, "times": 2})
    assert len(files.train) == 36
    assert files.train.names[:18] == files.train.names[18:]


@pytest.mark.parametrize("memory", [True, False], ids=["memory", "files"])
def test_repeated_images_are_counted_once_in_any_nesting(of_files, memory):
    """By data.csv and by the audit, which does not call the repetitions duplicates."""
    base, size = (SHAPES, 60) if memory else (of_files, 18)
    twice = {"name": "repeat", "of": {"name": "subset", "of": base, "count": 9}, "times": 2}
    names = {name: name for name in opened(base).info.classes}
    for dataset, distinct, length in (
        (twice, 9, 18),
        ({"name": "repeat", "of": twice}, 9, 36),
        ({"name": "relabel", "of": twice, "classes": names}, 9, 18),
        ({"name": "subset", "of": twice, "count": 17}, None, 17),
        ({"name": "concatenate", "of": [twice, base, {**twice, "times": 3}]}, 9 + size + 9, 18 + size + 27),
    ):
        splits = opened(dataset)
        found = once(splits.train)
        assert len(splits.train) == length
        assert len(found) == (distinct or len(pixels(splits.train)))
        if dataset["name"] != "concatenate":
            assert len(pixels(found)) == len(found)
            assert pixels(found) == pixels(splits.train)
            assert not audit(without_repetitions(splits), 0.999).pairs
        if not memory:
            assert "".join(data_csv(splits)).count(",train,") == len(found)


def test_report_audits_repeated_images_once(of_files, cvkit_host):
    """As `cvkit audit` does."""
    recipe = {
        "dataset": {"name": "repeat", "of": {**of_files, "size": 32}},
        "model": {"name": "custom_resnet", "width": 2},
        "optimizer": {"name": "sgd", "lr": 0.01},
        "train": {"epochs": 1, "batch_size": 18, "workers": 0},
        "report": {"misclassified": 0, "augmented": 0},
    }
    page = (cvkit_host.run(json.dumps(recipe)).folder / "report.html").read_text()
    assert "equal pixels" not in page


def test_relabel_renames_and_merges(of_files):
    """The images stay."""
    found = opened({"name": "relabel", "of": of_files, "classes": {"cat": "pet", "dog": "pet"}})
    assert found.info.classes == ("pet", "owl")
    assert found.account.counts["train"] == {"pet": 12, "owl": 6}
    assert found.train.names == opened(of_files).train.names
    for index, name in enumerate(found.train.names):
        assert found.train[index][1] == (1 if "/owl/" in name else 0)
    assert found.account.lines()[-1] == "classes are relabelled: cat is pet, dog is pet"


def test_concatenate_joins_classes_by_name_and_splits_by_kind(tmp_path):
    """Names that occur twice get the number of their data set; weights of the mean are the numbers of images."""
    first, second = photos(tmp_path), photos(tmp_path, ("owl", "cat", "ant"), 3, "more")
    both = opened({"name": "concatenate", "of": [first, second]})
    assert both.info.classes == ("cat", "dog", "owl", "ant")
    assert both.account.counts == {
        "train": {"cat": 9, "dog": 6, "owl": 9, "ant": 3},
        "test": {"cat": 4, "dog": 2, "owl": 4, "ant": 2},
    }
    assert len(set(both.train.names)) == 27
    assert both.train.names[0].startswith("of.0/")
    for index, name in enumerate(both.train.names):
        assert f"/{both.info.classes[both.train[index][1]]}/" in name
    one, two = opened(first).info, opened(second).info
    assert both.info.mean[0] == pytest.approx((2 * one.mean[0] + two.mean[0]) / 3)
    memory = opened({"name": "concatenate", "of": [SHAPES, SHAPES | {"seed": 1, "validation_size": 0}]})
    assert isinstance(memory.train, TensorSplit)
    assert memory.train.masks is not None
    assert len(memory.validation) == 10
    assert "of.1 has no validation images" in memory.account.lines()[-1]


def test_validation_split_takes_each_class_from_the_training_images(of_files):
    """In memory, with masks, and from files, with names; what is not taken stays in the training images."""
    few = {**SHAPES, "validation_size": 0}
    whole, split = opened(few), opened({"name": "validation_split", "of": few, "validation": 0.2})
    assert pixels(split.train) | pixels(split.validation) == pixels(whole.train)
    assert (len(split.train), len(split.validation), len(split.test)) == (48, 12, 20)
    assert split.validation.masks is not None
    assert split.account.lines()[-1] == "12 of 60 training images are used as validation images"
    number = opened({"name": "validation_split", "of": few, "validation": 10})
    assert torch.bincount(number.validation.labels).tolist() == [1] * 10
    assert pixels(number.validation) < pixels(split.validation)
    other = opened({"name": "validation_split", "of": few, "validation": 10, "seed": 1})
    assert pixels(other.validation) != pixels(number.validation)
    files = opened({"name": "validation_split", "of": of_files, "validation": 3})
    assert {name.split("/")[1] for name in files.validation.names} == {"cat", "dog", "owl"}
    assert set(files.train.names).isdisjoint(files.validation.names)


WRAPPED = {
    "subset": {"name": "subset", "of": SHAPES, "count": 30},
    "repeat": {"name": "repeat", "of": SHAPES},
    "relabel": {"name": "relabel", "of": SHAPES, "classes": {"circle": "square"}},
    "concatenate": {"name": "concatenate", "of": [SHAPES, SHAPES | {"seed": 1}]},
    "validation_split": {"name": "validation_split", "of": SHAPES | {"validation_size": 0}},
}


@pytest.mark.parametrize("dataset", WRAPPED.values(), ids=WRAPPED)
def test_splits_stay_apart_and_the_digest_follows_the_data(dataset):
    """No image of one split is in another; other data or other options have another digest, of the same method."""
    found = opened(dataset)
    train, test, validation = (pixels(split) for split in (found.train, found.test, found.validation))
    assert len(train | test | validation) == len(train) + len(test) + len(validation)
    assert opened(dataset).digest == found.digest
    inner = dataset["of"]
    others = [{**inner, "seed": 9}] if isinstance(inner, dict) else [[*inner[:1], SHAPES | {"seed": 9}]]
    for other in others:
        changed = opened({**dataset, "of": other})
        assert changed.digest != found.digest
        assert not changed.incomparable(found.digest)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ({"name": "subset", "of": SHAPES, "count": 61}, "count: 61 is more than the 60 train images"),
        ({"name": "subset", "of": SHAPES, "count": 5, "fraction": 0.5}, "set either fraction or count"),
        (
            {"name": "subset", "of": SHAPES, "classes": ["circle", "cube"]},
            "the data set has no class 'cube'; it has circle",
        ),
        ({"name": "subset", "of": SHAPES, "classes": ["circle"]}, "name at least two classes"),
        ({"name": "relabel", "of": SHAPES, "classes": {"cube": "box"}}, "the data set has no class 'cube'"),
        ({"name": "validation_split", "of": SHAPES}, "the data set has 10 validation images of its own"),
        (
            {"name": "validation_split", "of": {"name": "repeat", "of": SHAPES | {"validation_size": 0}}},
            "the data set repeats training images, so an image could be in both splits",
        ),
        (
            {"name": "validation_split", "of": SHAPES | {"validation_size": 0}, "validation": 60},
            "validation: 60 leaves none of the 60 training images",
        ),
        (
            {"name": "validation_split", "of": SHAPES | {"validation_size": 0}, "validation": 59},
            "without training images; lower it",
        ),
    ],
)
def test_option_that_does_not_fit_the_data_is_refused(dataset, message):
    """With the id of the data set."""
    with pytest.raises(ComponentError, match=f"datasets/{dataset['name']}") as raised:
        opened(dataset)
    assert message in str(raised.value)


def test_data_sets_of_other_sizes_are_not_concatenated(of_files):
    """The message says which and what."""
    with pytest.raises(ComponentError, match=r"of\.1 has the height 16, but of\.0 has 32"):
        opened({"name": "concatenate", "of": [SHAPES, of_files]})


def test_missing_data_of_a_nested_part_is_searched_for_and_named(tmp_path):
    """In the data folder, like the data of every data set."""
    photos(tmp_path)
    nested = {"name": "subset", "count": 6, "of": {"name": "image_folder", "path": "photos", "size": 16}}
    assert len(opened(nested, tmp_path).train) == 6
    with pytest.raises(Exception, match="the data 'photos' was not found"):
        opened(nested, tmp_path / "elsewhere")


def test_run_on_a_wrapped_data_set_finishes(cvkit_host):
    """It records the code of each data set, and its report says what was left out."""
    result = cvkit_host.run(
        {
            "dataset": {"name": "subset", "count": 40, "of": SHAPES},
            "model": {"name": "custom_resnet", "width": 2},
            "optimizer": {"name": "sgd", "lr": 0.01},
            "train": {"epochs": 1, "batch_size": 20, "workers": 0},
            "report": {"misclassified": 0, "augmented": 0},
        }
    )
    from cvkit import RunFolder

    places = {one["place"]: one["id"] for one in RunFolder(result.folder).info()["components"]}
    assert (places["dataset"], places["dataset.of"]) == ("datasets/subset", "datasets/shapes")
    assert "The data set is a subset: 40 of 60 train" in result.report.read_text()


@pytest.mark.parametrize(
    "options",
    [
        {"name": "subset", "count": 10},
        {"name": "subset", "classes": ["circle", "square"]},
        {"name": "repeat"},
        {"name": "validation_split"},
        {"name": "relabel", "classes": {"circle": "round"}},
    ],
)
def test_sets_of_labels_are_refused(options):
    """These data sets need one class for each image, which the recipe shows."""
    with pytest.raises(RecipeError, match="but 'datasets/several_shapes' in it is multi_label"):
        opened({**options, "of": SETS})


def test_sets_of_labels_are_not_concatenated():
    """Also if only one of the data sets has them."""
    with pytest.raises(RecipeError, match="but 'datasets/several_shapes' in it is multi_label"):
        opened({"name": "concatenate", "of": [SHAPES, SETS]})


def test_sets_of_labels_that_only_the_opened_data_show_are_refused():
    """As of a data set of a plugin that may have both tasks."""
    splits = several_shapes(Path(), train_size=4, test_size=2, validation_size=0)
    with pytest.raises(ValueError, match="of: the images of the data set have sets of labels"):
        splits_of(splits)
