"""Splits are by class, by seed and by the hash of names; groups stay together, and rare classes are on both sides."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from cvkit import DataError
from cvkit_datasets.image_folder import image_folder
from cvkit_datasets.options import SplitPlan
from cvkit_datasets.samples import Sample
from cvkit_datasets.splitting import assigned


def samples(group=None, **sizes):
    """Samples of classes of these sizes; `group` returns the group of a name."""
    return [
        Sample(name, Path(name), label, None, group(name) if group else "")
        for label, size in sizes.items()
        for name in (f"{label}/{number:05}.jpg" for number in range(size))
    ]


def split(given, validation=None, test=None, folds=None, fold=None, seed=0):
    """The split of each name."""
    return {one.name: one.split for one in assigned(given, SplitPlan(validation, test, folds, fold, seed))}


def counts(found, split_name):
    return Counter(name.partition("/")[0] for name, own in found.items() if own == split_name)


UNEVEN = {"a": 300, "b": 150, "c": 60, "d": 40}


@pytest.mark.parametrize("seed", range(20))
def test_a_fraction_is_that_share_of_each_class(seed):
    """Within a quarter; of a random draw over all images, the rare class would be off by more than half at times."""
    found = split(samples(**UNEVEN), validation=0.2, test=0.15, seed=seed)
    for share, name in ((0.2, "validation"), (0.15, "test")):
        held = counts(found, name)
        for label, size in UNEVEN.items():
            assert 0.6 * share * size <= held[label] <= 1.4 * share * size
    assert len(found) == sum(UNEVEN.values())


def test_a_number_is_exact_and_proportional():
    """Of 550 images, 55 are a tenth of each class, and the rarest gives one at least."""
    found = split(samples(**UNEVEN, e=3), validation=55)
    held = counts(found, "validation")
    assert held.total() == 55
    assert held == {"a": 29, "b": 15, "c": 6, "d": 4, "e": 1}


def test_images_do_not_move_when_others_are_added():
    """Half as many again: no image that was there is moved, so nothing that was trained on is tested on."""
    before = split(samples(a=1000, b=1000), validation=0.2, test=0.2)
    more = [Sample(f"{one}/new{n}.jpg", Path(), one) for one in "ab" for n in range(500)]
    after = split([*more, *samples(a=1000, b=1000)], validation=0.2, test=0.2)
    assert {name: after[name] for name in before} == before
    added = Counter(after[one.name] for one in more)
    assert 120 < added["test"] < 280
    assert 120 < added["validation"] < 280


def test_a_number_moves_few_images_when_others_are_added():
    """It is exact instead; the order of the hashes changes at its end only."""
    before = split(samples(a=1000, b=1000), validation=400)
    more = [Sample(f"{one}/new{n}.jpg", Path(), one) for one in "ab" for n in range(10)]
    after = split([*more, *samples(a=1000, b=1000)], validation=400)
    assert 0 < sum(after[name] != own for name, own in before.items()) < 20


def test_assignment_depends_on_names_and_seed_alone():
    """Not on the order in which a file system lists them, nor on earlier draws."""
    given = samples(**UNEVEN)
    assert split(given, validation=0.2) == split(given[::-1], validation=0.2)
    assert split(given, validation=0.2) != split(given, validation=0.2, seed=1)
    assert split(given, validation=0.2, test=0.1)["a/00000.jpg"] in ("train", "validation", "test")


def test_assignment_is_the_same_in_later_versions():
    """A run that is resumed, or repeated years later, has the same test images."""
    found = split(samples(a=12, b=12), validation=0.25, test=0.25)
    assert {name for name, own in found.items() if own == "validation"} == {
        "a/00002.jpg",
        "a/00008.jpg",
        "b/00006.jpg",
        "b/00009.jpg",
        "b/00010.jpg",
    }
    assert {name for name, own in found.items() if own == "test"} == {
        "a/00000.jpg",
        "a/00001.jpg",
        "a/00006.jpg",
        "a/00010.jpg",
        "b/00004.jpg",
        "b/00011.jpg",
    }


def patient(name):
    """Twelve images of each patient, whose numbers are in the names."""
    return f"patient{int(re.findall(r'[0-9]+', name)[0]) // 12}"


@pytest.mark.parametrize("options", [{"validation": 0.2, "test": 0.2}, {"validation": 60}, {"folds": 5, "fold": 2}])
def test_a_group_never_stands_on_both_sides(options):
    """Of frames of a video drawn one by one, nearly all test frames would have a neighbour in training."""
    alone = split(samples(a=240, b=240), **options)
    assert len({(patient(name), own) for name, own in alone.items()}) > len({patient(name) for name in alone})
    found = split(samples(lambda name: name[0] + patient(name), a=240, b=240), **options)
    sides = {}
    for name, own in found.items():
        assert sides.setdefault(name[0] + patient(name), own) == own
    for name in set(found.values()):
        assert {label for label, number in counts(found, name).items() if number} == {"a", "b"}


def test_a_group_of_several_classes_stays_together():
    """A patient with images of both classes."""
    found = split(samples(patient, a=240, b=240), validation=0.25)
    sides = {}
    for name, own in found.items():
        assert sides.setdefault(patient(name), own) == own
    assert 0.1 < counts(found, "validation").total() / 480 < 0.4


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("seed", range(10))
def test_a_rare_class_keeps_an_image_on_each_side(size, seed):
    """However small the fraction, or large."""
    for share in (0.01, 0.2, 0.9):
        found = split(samples(a=200, rare=size), validation=share, seed=seed)
        assert 1 <= counts(found, "validation")["rare"] < size


def test_a_class_that_cannot_be_on_each_side_is_refused_by_name(wording):
    """One image for two sides, two for three, all images of one patient, fewer than folds."""
    cases = {
        "one": (samples(a=20, rare=1, lone=1), {"validation": 0.2}),
        "two": (samples(a=20, rare=2), {"validation": 0.2, "test": 0.2}),
        "group": (samples(lambda name: "p" if "rare" in name else name, a=20, rare=9), {"validation": 0.2}),
        "folds": (samples(a=20, rare=3), {"folds": 4, "fold": 1}),
        "count": (samples(a=20, b=20, rare=3), {"validation": 2}),
        "all": (samples(a=20, b=20), {"validation": 40}),
        "too much": (samples(a=20, b=20), {"validation": 0.6, "test": 0.5}),
    }
    for name, (given, options) in cases.items():
        with pytest.raises(DataError) as caught:
            split(given, **options)
        assert str(caught.value) == wording(name=name)
        assert "rare" in str(caught.value) or name in ("count", "all", "too much")


def test_folds_cover_every_image_once():
    """Each image is validated in one fold, and the classes are spread evenly."""
    given = samples(a=103, b=52, c=7)
    folds = [split(given, folds=5, fold=fold) for fold in range(1, 6)]
    for name in folds[0]:
        assert [found[name] for found in folds].count("validation") == 1
    for label, size in (("a", 103), ("b", 52), ("c", 7)):
        held = [counts(found, "validation")[label] for found in folds]
        assert sum(held) == size
        assert max(held) - min(held) <= 1
    sizes = [counts(found, "validation").total() for found in folds]
    assert max(sizes) - min(sizes) <= 1


def test_folds_leave_the_test_images_alone():
    """They are the same in each fold, and in none of the others."""
    given = samples(a=100, b=100)
    tests = [
        {name for name, own in split(given, test=0.2, folds=4, fold=fold).items() if own == "test"}
        for fold in (1, 2, 3, 4)
    ]
    assert 30 < len(tests[0]) < 50
    assert all(one == tests[0] for one in tests)


@pytest.mark.parametrize("option", ["validation", "test", "folds"])
def test_a_split_that_the_folder_has_is_not_drawn_again(tmp_path, option, wording):
    """Both cannot hold; silence would hide which does."""
    for name in ("train/a", "train/b", "val/a", "val/b", "test/a", "test/b"):
        (tmp_path / "n" / name).mkdir(parents=True)
        for number in range(4):
            Image.new("L", (4, 4)).save(tmp_path / "n" / name / f"{number}.png")
    options = {"folds": 2, "fold": 1} if option == "folds" else {option: 0.3}
    with pytest.raises(DataError, match=option) as caught:
        image_folder(tmp_path, path="n", **options)
    assert str(caught.value) == wording


def frames(tmp_path, *halves):
    for half in halves:
        for kind in ("cat", "dog"):
            (tmp_path / "v" / half / kind).mkdir(parents=True)
            for video in range(5):
                for frame in range(6):
                    Image.new("L", (4, 4)).save(tmp_path / "v" / half / kind / f"{kind}-v{video}-{frame}.png")


def test_group_of_a_folder_is_a_pattern_over_the_path(tmp_path):
    """Its first group, or all of it, names the video."""
    frames(tmp_path, "")
    for pattern in (r"(\w+-v\d+)-\d", r"\w+-v\d+"):
        splits = image_folder(tmp_path, path="v", validation=0.3, group=pattern)
        train, held = ({name.rpartition("-")[0] for name in half.names} for half in (splits.train, splits.validation))
        assert not train & held
        assert len(held) >= 2
    splits = image_folder(tmp_path, path="v", validation=0.3)
    train, held = ({name.rpartition("-")[0] for name in half.names} for half in (splits.train, splits.validation))
    assert train & held


def test_group_that_does_not_match_or_is_on_both_sides_already_is_refused(tmp_path, wording):
    """A file without a group might belong to any; a given split may leak too."""
    frames(tmp_path, "train", "val")
    with pytest.raises(DataError, match="60 of 120") as caught:
        image_folder(tmp_path, path="v", group="cat-v[0-9]")
    assert str(caught.value) == wording(name="no match")
    with pytest.raises(DataError, match="'cat-v0'") as caught:
        image_folder(tmp_path, path="v", group="(?:cat|dog)-v[0-9]")
    assert str(caught.value) == wording(name="both sides")
