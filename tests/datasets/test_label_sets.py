"""Tables of images with several labels each, or none: columns, splits, and what the account says."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from cvkit import DataError
from cvkit_datasets.image_table import image_table
from cvkit_datasets.options import SplitPlan
from cvkit_datasets.samples import Sample
from cvkit_datasets.splitting_sets import assigned_sets


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
        split.names[i]: split[i][1]
        for split in (splits.train, splits.validation, splits.test)
        for i in range(len(split))
    } == {
        "0.png": (1, 1),
        "1.png": (0, 0),
        "2.png": (0, 1),
        "3.png": (1, 0),
    }
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
    """With 0 and 1; a column without a 1 is no label, and that is said."""
    rows = "file,cat,dog,owl,split\n0.png,1,1,0,train\n1.png,0,0,0,train\n2.png,0,1,0,val\n3.png,true,0,0,test\n"
    splits = image_table(tmp_path, **write(tmp_path, rows), label_columns=("cat", "dog", "owl"))
    assert splits.info.classes == ("cat", "dog")
    assert sorted(splits.train[i][1] for i in range(2)) == [(0, 0), (1, 1)]
    assert "no row has the label 'owl'" in splits.account.notes


def test_lists_of_json_need_no_separator(tmp_path):
    """Any separator says that an image may have several labels."""
    rows = "\n".join(
        f'{{"file": "{n}.png", "labels": {tags}, "split": "{half}"}}'
        for n, tags, half in (
            (0, '["a, b", "c"]', "train"),
            (1, "[]", "train"),
            (2, '["c"]', "val"),
            (3, '["a, b"]', "test"),
        )
    )
    splits = image_table(tmp_path, **write(tmp_path, rows, "t.jsonl"), labels_separator="|")
    assert splits.info.classes == ("a, b", "c")


def test_digest_depends_on_the_labels(tmp_path):
    """And a set of one label is not a class."""
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
        ("file,tags,split\n0.png,cat|dog,train\n3.png,owl,test\n", {"labels_separator": "|"}),
        ("file,tags,split\n0.png,cat|dog,train\n0.png,cat,train\n3.png,cat,test\n", {"labels_separator": "|"}),
    ],
    ids=["both", "empty separator", "empty cell", "other value", "no column", "label only in test", "contradiction"],
)
def test_table_of_sets_that_will_not_do_is_explained(tmp_path, rows, options, wording):
    """With the rows and what to do."""
    given = write(tmp_path, rows)
    with pytest.raises((DataError, ValueError)) as caught:
        image_table(tmp_path, **given, **options)
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
