"""The same images are found in several runs, or the comparison is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from compared_runs import digest, write_label_run, write_run

from cvkit import RunError
from cvkit.comparison.alignment import align
from cvkit.comparison.run_results import read_run

RIGHT = [1, 0, 1, 1, 0, 1]


@pytest.fixture
def run(tmp_path):
    """Write a run and read it."""
    return lambda name, correct=RIGHT, **values: read_run(write_run(tmp_path / name, correct, **values))


def shuffled(order):
    """Return digests and classes of six images in another order."""
    return {"digests": [digest(i) for i in order], "true": [("cat", "dog", "bird")[i % 3] for i in order]}


def test_images_are_recognised_by_their_digests(run):
    """Another order of the same images changes nothing: each image is compared with itself."""
    order = [5, 3, 1, 0, 2, 4]
    one, other = run("a"), run("b", [RIGHT[i] for i in order], **shuffled(order))
    found = align([one, other], common=False)
    assert found.by == "digest"
    assert found.runs[1].table.correct.int().tolist() == RIGHT
    assert found.runs[1].table.true == one.table.true
    assert found.left_out == ()


def test_equal_images_are_counted_each(run):
    """A test set with the same image twice is aligned with itself, one by one."""
    twice = {"digests": [digest(0), digest(0), digest(1)], "true": ["cat", "cat", "dog"]}
    found = align([run("a", [1, 0, 1], **twice), run("b", [1, 1, 1], **twice)], common=False)
    assert found.positions == (0, 1, 2)


def test_different_images_are_refused_or_cut(run, wording):
    """With `common`, the images of both are compared, in the order of the first run; the rest is counted."""
    runs = [run("a"), run("b", [1, 1, 0, 0], **shuffled([4, 2, 7, 8]))]
    with pytest.raises(RunError) as refused:
        align(runs, common=False)
    found = align(runs, common=True)
    assert found.positions == (2, 4)
    assert found.runs[1].table.correct.tolist() == [True, True]
    assert [str(refused.value), *found.left_out] == wording


def test_nothing_in_common_is_refused(run, wording):
    """Even with `common`, there must be images to compare."""
    with pytest.raises(RunError) as refused:
        align([run("a", [1]), run("b", [1], digests=[digest("other")])], common=True)
    with pytest.raises(RunError) as relabelled:
        align([run("c", [1, 1]), run("d", [1, 1], true=["bird", "cat"])], common=True)
    assert [str(refused.value), str(relabelled.value)] == wording


def test_relabelled_images_are_refused_or_left_out(run, wording):
    """An image with another label would count as fixed or broken without any change of the model."""
    classes = ["cat", "dog", "bird"] * 2
    runs = [run("a"), run("b", true=[*classes[:5], "cat"])]
    with pytest.raises(RunError) as refused:
        align(runs, common=False)
    found = align(runs, common=True)
    assert found.positions == (0, 1, 2, 3, 4)
    assert [str(refused.value), *found.left_out] == wording


def test_runs_with_equal_names_are_told_apart(tmp_path, wording):
    """Each run of a repeat is called seed-0; the counts of both are shown, with their paths."""
    runs = [
        read_run(write_run(tmp_path / recipe / "seed-0", [1] * len(order), **shuffled(order)))
        for recipe, order in (("plain", [0, 1, 2, 3]), ("wide", [0, 5]))
    ]
    with pytest.raises(RunError) as refused:
        align(runs, common=False)
    assert [str(refused.value), *align(runs, common=True).left_out] == wording


def test_without_digests_the_data_must_be_the_same(run, wording):
    """A position says nothing unless the data digests are equal; neither do the names of files."""
    names = [f"{number}.png" for number in range(6)]
    runs = [run(name, digests=[], files=names) for name in ("a", "b")]
    known = [replace(each, data="shapes:1") for each in runs]
    for other in (runs, [known[0], runs[1]], [known[0], replace(known[1], data="shapes:2")]):
        with pytest.raises(RunError):
            align(other, common=True)
    assert align(known, common=False).by == "file"
    assert align([replace(each, table=replace(each.table, files=None)) for each in known], False).by == "index"
    with pytest.raises(RunError) as refused:
        align(runs, common=False)
    assert str(refused.value) == wording


def test_different_tasks_and_labels_are_refused(run, tmp_path, wording):
    """Neither one class with sets of labels, nor sets of different labels."""
    sets = read_run(write_label_run(tmp_path / "sets", [[0.9, 0.1, 0.2]], [[1, 0, 0]]))
    renamed = replace(sets, table=replace(sets.table, labels=("sky", "tree", "sea")))
    messages = []
    for runs in ([run("a", [1]), sets], [sets, renamed]):
        with pytest.raises(RunError) as refused:
            align(runs, common=True)
        messages.append(str(refused.value))
    assert messages == wording
