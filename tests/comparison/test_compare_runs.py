"""Runs are compared: groups, verdicts, and what the numbers are of."""

from __future__ import annotations

import json
from dataclasses import replace
from html import unescape

import pytest
import torch
from compared_runs import RECIPE, write_label_run, write_run

import cvkit
from cvkit import RunError
from cvkit.comparison.as_json import as_json
from cvkit.comparison.comparison import compare_runs
from cvkit.comparison.groups import grouped
from cvkit.comparison.run_results import read_run
from cvkit.comparison.sentences import needed

OTHER, THIRD = (RECIPE.replace("lr: 0.05", f"lr: {rate}") for rate in (0.1, 0.2))


def correct(n: int, share: float, seed: int, base: list[int] | None = None, change: float = 1.0) -> list[int]:
    """Return n outcomes; if there is a `base`, a share `change` of them is drawn again."""
    generator = torch.Generator().manual_seed(seed)
    drawn = (torch.rand(n, generator=generator) < share).int()
    if base is None:
        return drawn.tolist()
    again = torch.rand(n, generator=generator) < change
    return torch.where(again, drawn, torch.tensor(base, dtype=torch.int32)).tolist()


BASE = correct(600, 0.8, 0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three trainings of a recipe, three of a better one, and two that are nearly the same as the first."""
    folder = tmp_path_factory.mktemp("runs")
    plain = [write_run(folder / f"plain{s}", correct(600, 0.8, s, BASE, 0.3), seed=s) for s in range(3)]
    better = [
        write_run(folder / f"better{s}", correct(600, 0.97, 9 + s, BASE, 0.6), seed=s, recipe=OTHER) for s in range(3)
    ]
    same = write_run(folder / "same", correct(600, 0.8, 0, BASE, 0.3), seed=5, recipe=OTHER)
    third = write_run(folder / "third", correct(600, 0.8, 7, BASE, 0.3), recipe=THIRD)
    return {"plain": plain, "better": better, "same": same, "third": third}


def test_better_run_is_found(runs):
    """The numbers are those of the predictions: scores, fixed and broken images, and their sum by class."""
    found = compare_runs([runs["plain"][0], runs["better"][0]])
    (pair,) = found.pairs
    first, second = (group.runs[0].table.correct for group in found.groups)
    assert found.verdict == "better"
    assert (pair.main.first, pair.main.second) == (float(first.double().mean()), float(second.double().mean()))
    assert len(pair.images.fixed) == int((second & ~first).sum())
    assert len(pair.images.broken) == int((first & ~second).sum())
    assert sum(each.fixed for each in pair.classes) == len(pair.images.fixed)
    assert sum(each.images for each in pair.classes) == found.images == 600
    assert found.interval[0] < found.difference < found.interval[1]
    assert pair.main.bootstrap == pytest.approx(pair.main.interval, abs=0.01)
    assert compare_runs([runs["better"][0], runs["plain"][0]]).verdict == "worse"


def test_runs_of_one_recipe_on_other_data_are_not_repeats(tmp_path):
    """Their difference is not due to chance alone, and the note does not say so."""
    one, again = (read_run(write_run(tmp_path / name, correct(60, 0.8, 0))) for name in ("one", "again"))
    _, notes = grouped([one, again], [])
    assert "due to chance" in notes[0]
    groups, notes = grouped([replace(one, data="files-1:old"), replace(again, data="files-1:new")], [])
    assert [len(group.runs) for group in groups] == [1, 1]
    assert notes == ()


def test_equal_predictions_are_equivalent_within_a_wide_margin_only(runs):
    """600 images cannot show that two models differ by less than 0.4 points, even if they agree on all."""
    pair = [runs["plain"][0], runs["same"]]
    assert compare_runs(pair, margin=0.4).verdict == "undecided"
    assert compare_runs(pair, margin=2).verdict == "equivalent"


def test_verdicts_in_words(runs, wording):
    """Each verdict, with what would decide an open one, and what was not checked."""
    said = []
    plain, better = runs["plain"], runs["better"]
    for names, options in (
        ([plain[0], better[0]], {}),
        ([better[0], plain[0]], {}),
        ([plain[0], runs["same"]], {"margin": 2}),
        ([plain[0], runs["same"]], {"margin": 0.4}),
        ([*plain, *better], {}),
        ([plain[0], plain[1]], {}),
        ([plain[0], runs["same"], runs["third"]], {"margin": 2}),
    ):
        found = compare_runs(names, **options)
        said += [*found.sentences, *found.notes]
    assert said == wording


def test_repeats_of_a_recipe_are_a_group(runs):
    """Runs that differ only in the seed are compared together, in any order of the command."""
    mixed = [path for pair in zip(runs["plain"], runs["better"], strict=True) for path in pair]
    found = compare_runs(mixed)
    assert [len(group.runs) for group in found.groups] == [3, 3]
    assert found.verdict == "better"
    assert found.pairs[0].main.method.startswith("Student's t")
    assert [each.what for each in found.pairs[0].changed] == ["optimizer.lr"]
    given = compare_runs(runs["plain"], runs["better"])
    assert given.pairs[0].measures == found.pairs[0].measures


def test_several_comparisons_are_corrected(runs):
    """The p-value of one of two comparisons is twice as large as alone, if it is the smaller one."""
    both = compare_runs([runs["plain"][0], runs["better"][0], runs["third"]])
    alone = compare_runs([runs["plain"][0], runs["better"][0]])
    assert len(both.pairs) == 2
    assert both.pairs[0].main.p_value == pytest.approx(2 * alone.pairs[0].main.p_value)
    undecided = both.pairs[1].main
    assert undecided.images_needed > compare_runs([runs["plain"][0], runs["third"]]).pairs[0].main.images_needed


@pytest.mark.parametrize("runs_of_each", [(3, 3), (3, 1)], ids=["repeated", "one is not"])
def test_advice_is_not_what_was_excluded(runs_of_each, tmp_path, wording):
    """If neither more images nor more runs alone would do, the sentence asks for both, not for one of them."""
    correct = [[i % 10 >= wrong for i in range(40)] for wrong in (1, 5, 3)]
    turned = [[i % 10 < 10 - wrong for i in range(40)] for wrong in (5, 1, 4)]
    folders = [
        [write_run(tmp_path / f"{name}{seed}", row, seed=seed, recipe=text) for seed, row in enumerate(rows[:count])]
        for name, rows, text, count in zip("ab", (correct, turned), (RECIPE, OTHER), runs_of_each, strict=True)
    ]
    (pair,) = compare_runs(*folders).pairs
    assert (pair.main.images_needed, pair.main.runs_needed) == (None, None)
    assert needed(pair) == wording


def test_interval_of_repeated_runs_is_a_possible_difference(tmp_path):
    """Student's t has no bounds, but no accuracy is below 0 or above 1."""
    rows = ([1] * 10, [0] * 10)
    folders = [
        [write_run(tmp_path / f"{i}{seed}", row, seed=seed, recipe=text) for seed in range(2)]
        for i, (row, text) in enumerate(zip(rows, (RECIPE, OTHER), strict=True))
    ]
    found = compare_runs(*folders)
    assert found.interval[0] == found.difference == -1
    assert found.interval[1] < 0


def test_runs_of_one_recipe_are_compared_each(runs):
    """If only the seeds differ, the difference is due to chance, and a line says so."""
    found = compare_runs(runs["plain"])
    assert len(found.groups) == 3
    assert any("due to chance" in note for note in found.notes)


def test_doubtful_groups_are_named(runs, tmp_path, wording):
    """The same seed twice, another recipe within a group, and a group of one run."""
    twin = write_run(tmp_path / "twin", BASE, seed=0)
    odd = write_run(tmp_path / "odd", BASE, seed=7, recipe=RECIPE.replace("epochs: 3", "epochs: 4"))
    found = compare_runs([runs["plain"][0], twin, odd], [runs["better"][0]])
    assert list(found.notes) == wording


@pytest.mark.parametrize("paths", [[], ["plain0"], ["plain0", "plain0"]], ids=["none", "one", "twice"])
def test_too_few_runs_are_refused(runs, paths, wording):
    """A comparison needs two different runs."""
    with pytest.raises(RunError) as refused:
        compare_runs([runs["same"].parent / path for path in paths])
    assert str(refused.value).replace(str(runs["same"].parent), "<runs>") == wording


@pytest.fixture(scope="module")
def label_runs(tmp_path_factory):
    """Two runs on 150 images with sets of labels, the second less noisy."""
    folder, generator = tmp_path_factory.mktemp("sets"), torch.Generator().manual_seed(0)
    given = (torch.rand(150, 3, generator=generator) < 0.4).int()
    made = []
    for name, noise in (("noisy", 0.6), ("clear", 0.1)):
        chances = (0.25 + given / 2 + noise * torch.randn(150, 3, generator=generator)).clamp(0.01, 0.99)
        made.append(write_label_run(folder / name, chances.tolist(), given.tolist()))
    return made


def test_sets_of_labels_are_compared_by_their_precision(label_runs):
    """The mean average precision decides; F1 and exact matches follow."""
    found = compare_runs(label_runs)
    (pair,) = found.pairs
    assert [measure.name for measure in pair.measures] == ["mean_average_precision", "f1", "exact_match"]
    assert found.verdict == "better"
    assert pair.main.second == pytest.approx(sum(each.second for each in pair.classes) / 3)
    assert pair.classes[0].fixed is None
    assert compare_runs([label_runs[1], label_runs[0]]).verdict == "worse"


def test_comparison_is_json(runs, label_runs):
    """Every number is there, and none is infinite."""
    for found in (compare_runs(runs["plain"], runs["better"]), compare_runs(label_runs)):
        values = json.loads(json.dumps(as_json(found), allow_nan=False))
        assert values["pairs"][0]["verdict"] == found.verdict
        assert values["pairs"][0]["measures"][0]["difference"] == found.difference
        assert values["pairs"][0]["fixed"] == len(found.pairs[0].images.fixed)


def test_python_returns_the_comparison(runs):
    """`cvkit.compare` takes paths, and shows the result as text and in a notebook."""
    plain, better = runs["plain"], runs["better"]
    found = cvkit.compare(str(plain[0]), better[0], margin=2)
    assert isinstance(found, cvkit.Comparison)
    assert str(found) == found.sentences[0]
    assert found.sentences[0] in unescape(found._repr_html_())
    assert "better" in repr(found)
    assert cvkit.compare(*plain, against=better).images == 600
    with pytest.raises(ValueError, match="margin"):
        cvkit.compare(plain[0], better[0], margin=0)
