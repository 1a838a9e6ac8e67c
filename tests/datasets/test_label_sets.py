"""Tables of images with several labels each, or none: columns, splits, and what the account says."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from cvkit import DataError
from cvkit_datasets.image_table import image_table
from cvkit_datasets.options import SplitPlan
from cvkit_datasets.samples import Sample
from cvkit_datasets.splitting_sets import assigned_sets

LISTS = "\n".join(
    f'{{"file": "0.png", "labels": {cell}, "split": "train"}}'
    for cell in ('["a", ["b"]]', "[true]", '{"a": 1}', "[1.5]", '["a"]')
)


def write(folder, text, name="tags.csv", images=4):
    """Write a table beside pictures ``0.png`` and so on."""
    for number in range(images):
        Image.fromarray(np.full((8, 8, 3), 20 * number, np.uint8)).save(folder / f"{number}.png")
    (folder / name).write_text(text)
    return {"path": name, "size": 8}


ROWS = "file,tags,split\n0.png,cat|dog,train\n1.png,,train\n2.png, dog | dog,val\n3.png,cat,test\n"


def test_labels_are_separated_and_may_be_missing(tmp_path):
    """A label counts once; an image without a label is an empty set, and the account counts it."""
    splits = image_table(tmp_path, **write(tmp_path, ROWS), labels_separator="|")
    assert (splits.info.task, splits.info.classes) == ("multi_label", ("cat", "dog"))
    assert {
        split.names[i]: tuple(split[i][1].tolist())
        for split in (splits.train, splits.validation, splits.test)
        for i in range(len(split))
    } == {
        "0.png": (1, 1),
        "1.png": (0, 0),
        "2.png": (0, 1),
        "3.png": (1, 0),
    }
    assert (splits.train.labels.dtype, splits.train.labels.shape) == (torch.uint8, (2, 2))  # a byte for each label
    assert splits.account.counts == {
        "train": {"cat": 1, "dog": 1},
        "validation": {"cat": 0, "dog": 1},
        "test": {"cat": 1, "dog": 0},
    }
    assert splits.account.lines()[:2] == [
        "read 4 images with 2 labels: 2 train, 1 validation, 1 test",
        "1 image without a label: 1 train",
    ]


def test_a_column_for_each_label(tmp_path):
    """With 0 and 1; the columns are the classes in their order, also one without a 1, and that is said."""
    rows = "file,cat,dog,owl,split\n0.png,1,1,0,train\n1.png,0,0,0,train\n2.png,0,1,0,val\n3.png,true,0,0,test\n"
    splits = image_table(tmp_path, **write(tmp_path, rows), label_columns=("owl", "dog", "cat"))
    assert splits.info.classes == ("owl", "dog", "cat")
    assert sorted(splits.train[i][1].tolist() for i in range(2)) == [[0, 0, 0], [0, 1, 1]]
    lacking = "the train images lack 'owl'. The model has an output for each, and learns never to predict it"
    assert lacking in splits.account.notes


def test_classes_of_sets_may_include_labels_without_images(tmp_path):
    """So that the outputs of the model are the same for each part of the data."""
    splits = image_table(tmp_path, **write(tmp_path, ROWS), labels_separator="|", classes=("owl", "dog", "cat"))
    assert splits.info.classes == ("owl", "dog", "cat")
    assert splits.account.counts["train"] == {"owl": 0, "dog": 1, "cat": 1}


def test_one_label_is_a_task(tmp_path):
    """Each image has the label or not."""
    rows = "file,defect,split\n0.png,1,train\n1.png,0,train\n2.png,1,val\n3.png,0,test\n"
    splits = image_table(tmp_path, **write(tmp_path, rows), label_columns=("defect",))
    assert (splits.info.classes, splits.info.task) == (("defect",), "multi_label")
    assert sorted(splits.train[i][1].tolist() for i in range(2)) == [[0], [1]]


def test_label_of_test_images_only_is_a_note(tmp_path):
    """Published splits of tags have such labels; a name that differs in case only may be a mistake."""
    rows = "file,tags,split\n0.png,cat|dog,train\n3.png,owl|Dog,test\n"
    splits = image_table(tmp_path, **write(tmp_path, rows), labels_separator="|")
    assert splits.info.classes == ("Dog", "cat", "dog", "owl")
    assert (
        "the train images lack 'Dog', 'owl'; 'Dog' and 'dog' differ in case only. The model has an output for each, "
        "and learns never to predict it"
    ) in splits.account.notes


def test_lists_of_json_need_no_separator(tmp_path):
    """Any separator makes cvkit read several labels; a missing one is empty, and 1.0 is the label 1."""
    rows = "\n".join(
        f'{{"file": "{n}.png", "labels": {tags}, "split": "{half}"}}'
        for n, tags, half in (
            (0, '["a, b", "c", 1.0]', "train"),
            (1, "[null]", "train"),
            (2, '["c"]', "val"),
            (3, '["a, b"]', "test"),
        )
    )
    splits = image_table(tmp_path, **write(tmp_path, rows, "t.jsonl"), labels_separator="|")
    assert splits.info.classes == ("1", "a, b", "c")
    assert not [note for note in splits.account.notes if "separator" in note]


def test_separator_that_no_row_contains_is_a_note(tmp_path):
    """Because the cells are then read as one label each, which is rarely meant."""
    splits = image_table(tmp_path, **write(tmp_path, ROWS.replace("|", ";")), labels_separator="|")
    assert "no row contains the separator '|' in the column 'tags' ('cat;dog')" in splits.account.notes


def test_digest_depends_on_the_labels(tmp_path):
    """Of one image."""
    given = write(tmp_path, ROWS)
    one = image_table(tmp_path, **given, labels_separator="|").digest
    (tmp_path / "tags.csv").write_text(ROWS.replace("1.png,,", "1.png,cat,"))
    assert image_table(tmp_path, **given, labels_separator="|").digest != one


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        (ROWS, {"label_columns": ("tags",), "labels_separator": "|"}),
        (ROWS, {"labels_separator": ""}),
        ("file,cat,dog,split\n0.png,1,2,train\n3.png,0,,test\n", {"label_columns": ("cat", "dog")}),
        ("file,cat,dog,split\n0.png,1,maybe,train\n3.png,0,1,test\n", {"label_columns": ("cat", "dog")}),
        (ROWS, {"label_columns": ("cat",)}),
        ("file,tags,split\n0.png,,train\n3.png,owl,test\n", {"labels_separator": "|"}),
        (ROWS, {}),
        (LISTS, {"labels_separator": "|", "path": "tags.jsonl"}),
        (ROWS, {"label_columns": ("tags", "split", "tags")}),
        (ROWS, {"label_columns": ("tags",), "classes": ("tags",)}),
        ("file,tags,split\n0.png,cat|dog,train\n0.png,cat,train\n3.png,cat,test\n", {"labels_separator": "|"}),
    ],
    ids=[
        "both",
        "empty separator",
        "empty cell",
        "other value",
        "no column",
        "no label",
        "no separator",
        "lists",
        "repeated",
        "classes",
        "contradiction",
    ],
)
def test_table_of_sets_that_will_not_do_is_explained(tmp_path, rows, options, wording):
    """With the rows and what to do."""
    given = write(tmp_path, rows, options.get("path", "tags.csv")) | options
    with pytest.raises((DataError, ValueError)) as caught:
        image_table(tmp_path, **given)
    assert str(caught.value) == wording


def sample(number, *labels, group="", split=None):
    return Sample(f"{number}.png", None, ", ".join(labels), split, group, None, labels)


def test_each_split_has_its_share_of_each_label():
    """Rare labels too, by the rarest label of an image; images without a label are divided as well."""
    draw = np.random.default_rng(0)
    samples = []
    for number in range(2_000):
        labels = [name for name, share in (("usual", 0.7), ("some", 0.3), ("rare", 0.02)) if draw.random() < share]
        samples.append(sample(number, *labels))
    made = assigned_sets(samples, SplitPlan(0.2, 0.2, None, None, 0))
    assert {one.name for one in made} == {one.name for one in samples}
    total = Counter(label for one in made for label in one.labels or ("none",))
    for half in ("validation", "test"):
        found = Counter(label for one in made if one.split == half for label in one.labels or ("none",))
        for label, count in total.items():
            assert found[label] == pytest.approx(0.2 * count, rel=0.25), (half, label)
    assert [one.label for one in made if one.name == "0.png"] == [samples[0].label]


def test_label_of_a_single_image_stays_in_training():
    """Because it could not be learned otherwise."""
    samples = [sample(number, "usual") for number in range(20)] + [sample(20, "usual", "once")]
    for seed in range(10):
        made = assigned_sets(samples, SplitPlan(0.3, None, None, None, seed))
        assert [one.split for one in made if "once" in one.labels] == ["train"]


@pytest.mark.parametrize("images", [1, 2, 3, 4, 5])
def test_rare_labels_have_training_images(images):
    """With both fractions: a label with as many images as splits is in each of them, with fewer in training only."""
    samples = [sample(number, "usual") for number in range(60)]
    samples += [sample(60 + number, "usual", "rare") for number in range(images)]
    for seed in range(20):
        made = assigned_sets(samples, SplitPlan(0.2, 0.2, None, None, seed))
        halves = {one.split for one in made if "rare" in one.labels}
        assert halves == ({"train", "validation", "test"} if images >= 3 else {"train"})


def test_images_with_a_split_of_their_own_do_not_count_for_others():
    """One image of a label is in the given test images, so the other one stays in training."""
    samples = [sample(number, "usual", split="test" if number < 5 else None) for number in range(40)]
    samples += [sample(40, "rare", split="test"), sample(41, "rare"), sample(42, "once", split="train")]
    made = assigned_sets(samples, SplitPlan(0.2, None, None, None, 0))
    halves = {one.name: one.split for one in made}
    assert [halves[f"{number}.png"] for number in (40, 41, 42)] == ["test", "train", "train"]
    assert {*halves.values()} == {"train", "validation", "test"}


def test_group_in_two_given_splits_is_refused():
    """Also if the label of the group has too few images to be divided."""
    samples = [sample(number, "usual") for number in range(20)]
    samples += [sample(20, "rare", group="g", split="train"), sample(21, "rare", group="g", split="test")]
    with pytest.raises(DataError, match=r"the groups 'g' have images in several of the splits"):
        assigned_sets(samples, SplitPlan(0.2, None, None, None, 0))


def test_groups_of_sets_stay_together():
    """Whatever their labels are."""
    samples = [sample(n, *(["a"] if n % 3 else ["b"]), group=f"g{n // 4}") for n in range(80)]
    made = assigned_sets(samples, SplitPlan(0.25, None, None, None, 0))
    for group in {one.group for one in made}:
        assert len({one.split for one in made if one.group == group}) == 1


def test_folds_cover_every_image_once():
    """As validation images."""
    samples = [sample(n, *[name for k, name in enumerate("abc") if n % (k + 2) == 0]) for n in range(60)]
    held = [
        one.name
        for fold in (1, 2, 3)
        for one in assigned_sets(samples, SplitPlan(None, None, 3, fold, 0))
        if one.split == "validation"
    ]
    assert sorted(held) == sorted(one.name for one in samples)


def test_too_few_images_to_split_are_reported():
    """Nothing would be left to validate on."""
    with pytest.raises(DataError, match=r"validation: 0.5 leaves no validation images"):
        assigned_sets([sample(0, "a"), sample(1, "b")], SplitPlan(0.5, None, None, None, 0))
