"""``cvkit compare``: the results of finished runs on the same images."""

from __future__ import annotations

import csv
import json
import os
import shutil
from html import unescape
from pathlib import Path

import pytest
from compared_runs import RECIPE, write_label_run, write_run
from pages import outline

from cvkit import RunFolder

NAMES = ["changed_images.csv", "comparison.html", "comparison.json", "difference.png", "difference.svg"]
BEFORE, AFTER = [1, 0] * 30, [1, 1, 1, 0] * 15


@pytest.fixture
def pair(tmp_path, monkeypatch) -> list[Path]:
    """Two runs on 60 images without data, of which the second fixes 15 images, in the folder that is worked in."""
    monkeypatch.chdir(tmp_path)
    other = RECIPE.replace("lr: 0.05", "lr: 0.1")
    return [write_run(Path("one"), BEFORE), write_run(Path("two"), AFTER, recipe=other)]


def test_comparison_is_printed_and_written(cvkit, pair, wording):
    """The result comes first, then the scores, what changed, and the paths; a page without pictures says why."""
    answer = cvkit("compare", *pair, "--margin", "2")
    assert answer.code == 0
    assert sorted(os.listdir("comparisons/one-vs-two")) == NAMES
    values = json.loads(Path("comparisons/one-vs-two/comparison.json").read_text())
    assert (values["pairs"][0]["verdict"], values["pairs"][0]["fixed"]) == ("better", 15)
    with Path("comparisons/one-vs-two/changed_images.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert {row["change"] for row in rows} == {"fixed"}
    assert [row["image"] for row in rows] == [f"image {index}" for index in range(1, 60, 4)]
    assert answer.out == wording
    assert answer.err == wording


def test_page_contains_the_result(cvkit, pair, wording):
    """And every part of the comparison, under headings."""
    assert cvkit("compare", *pair, "--output", "out").code == 0
    page = Path("out/one-vs-two/comparison.html").read_text()
    assert json.loads(Path("out/one-vs-two/comparison.json").read_text())["pairs"][0]["sentence"] in unescape(page)
    assert outline(page) == wording


def test_against_takes_several_runs(cvkit, pair):
    """All words up to the next option are runs of the second recipe, and the option may be repeated."""
    more = [write_run(Path(f"{name}{seed}"), AFTER, seed=seed) for name in ("a", "b") for seed in (1, 2)]
    wanted = None
    for words in (
        [*more[:2], "--against", *more[2:], "--margin", "3"],
        ["--margin", "3", more[0], more[1], "--against", more[2], "--against", more[3]],
        [*more[:2], f"--against={more[2]}", more[3], "--margin=3"],
        [f"--against={more[2]}", "--against", more[3], "--margin", "3", *more[:2]],
    ):
        answer = cvkit("compare", *words)
        assert answer.code == 0
        groups = json.loads(Path("comparisons/a1-vs-b1-and-2-more/comparison.json").read_text())["groups"]
        found = [[Path(run["folder"]).name for run in group["runs"]] for group in groups]
        wanted = wanted or found
        assert found == wanted == [["a1", "a2"], ["b1", "b2"]]
    assert cvkit("compare", more[0], "--against").code == 2


@pytest.mark.parametrize(
    "words",
    [["one"], ["one", "one"], ["one", "nowhere"], ["one", "other"], ["one", "sets"], ["one", "two", "--margin", "0"]],
    ids=["one run", "the same run", "no folder", "other images", "other task", "margin"],
)
def test_what_cannot_be_compared_is_refused(cvkit, pair, words, wording):
    """Nothing is written, the exit code is 2, and the message says what to do."""
    write_run(Path("other"), BEFORE[:40])
    write_label_run(Path("sets"), [[0.9, 0.1, 0.2]], [[1, 0, 0]])
    answer = cvkit("compare", *words)
    assert (answer.code, answer.out) == (2, "")
    assert not Path("comparisons").exists()
    assert answer.err == wording


def test_common_images_are_compared(cvkit, pair, wording):
    """With ``--common``, and the number of the others is printed."""
    write_run(Path("other"), AFTER[:40])
    answer = cvkit("compare", "one", "other", "--common", "--count", "0")
    assert answer.code == 0
    assert answer.err == wording


def test_only_its_own_files_are_replaced(cvkit, pair):
    """A second comparison replaces the first; another file in the folder, or a run folder, is left alone."""
    assert cvkit("compare", *pair).code == cvkit("compare", *pair).code == 0
    Path("comparisons/one-vs-two/notes.txt").write_text("mine")
    assert cvkit("compare", *pair).code == 2
    assert cvkit("compare", *pair, "--output", "one").code == 2
    assert sorted(os.listdir("one")) == ["predictions.csv", "recipe.yaml", "run.json"]


def test_other_comparisons_with_the_same_names_are_kept(cvkit, pair):
    """Run folders with equal names in other places, and the same runs in other groups, have folders of their own."""
    other = [write_run(Path("copy") / path, AFTER, seed=index) for index, path in enumerate(pair)]
    third = write_run(Path("three"), AFTER, recipe=RECIPE.replace("lr: 0.05", "lr: 0.2"))
    asked = [
        [*pair],
        other,
        [other[0], pair[1]],
        [*pair, third],
        [*pair, "--against", third],
        [*pair[:1], "--common", pair[1]],
    ]
    written = []
    for words in asked:
        answer = cvkit("compare", *words, "--margin", "3")
        assert answer.code == 0
        written.append(Path(answer.out.splitlines()[-1]).parent)
    assert written[0] == written[5] == Path("comparisons/one-vs-two")
    assert len({*written}) == 5
    runs = [json.loads((place / "comparison.json").read_text())["groups"][0]["runs"][0] for place in written]
    assert [Path(run["folder"]) for run in runs] == [words[0].resolve() for words in asked]


@pytest.fixture
def retrained(trained, run_folder) -> list[Path]:
    """The trained run and a copy of it with another seed, in which two predictions differ."""
    folder, trainer = RunFolder(run_folder), trained[1]
    folder.write_predictions(trainer.final_predictions(), trainer.parts.info.classes)
    folder.write_info(folder.info() | {"status": "finished"})
    other = Path("other")
    shutil.copytree(run_folder, other)
    (other / "recipe.yaml").write_text((other / "recipe.yaml").read_text().replace("seed: 0", "seed: 1"))
    with (other / "predictions.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    for row in [*[row for row in rows if row["correct"] == "1"][:1], *[r for r in rows if r["correct"] == "0"][:1]]:
        right = row["correct"] == "0"
        row |= {"correct": str(int(right)), "predicted": row["true"] if right else "ring"}
    with (other / "predictions.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return [run_folder, other]


def test_fixed_and_broken_images_are_shown_with_maps(cvkit, retrained):
    """The images come from the data of the run, and ``--explain`` adds a map of each model."""
    answer = cvkit("compare", *retrained, "--explain")
    assert answer.code == 0
    page = Path("comparisons/run-vs-other/comparison.html").read_text()
    cards = [part.partition("</li>")[0] for part in page.split("<li data-values")[1:]]
    assert len(cards) == 2
    assert all("A: grad_cam" in card and "B: grad_cam" in card for card in cards)
    assert [card.count("<img") + card.count('role="img"') for card in cards] == [3, 3]
    values = json.loads(Path("comparisons/run-vs-other/comparison.json").read_text())
    assert values["groups"][0]["runs"][0]["weights"] > 1_000
    assert values["groups"][0]["runs"][0]["epochs"] == 2


def test_pictures_without_maps(cvkit, retrained):
    """At most ``--count`` of each kind."""
    assert cvkit("compare", *retrained, "--count", "1").code == 0
    cards = Path("comparisons/run-vs-other/comparison.html").read_text().split("<li data-values")[1:]
    assert [card.count("<img") for card in cards] == [1, 1]


def test_sets_of_labels_are_compared(cvkit, tmp_path, monkeypatch, wording):
    """By their mean average precision."""
    monkeypatch.chdir(tmp_path)
    given = [[1, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, 1]] * 10
    sure = [[0.8 if flag else 0.3 for flag in row] for row in given]
    unsure = [[0.6 - 0.05 * (index % 7) if flag else 0.4 for flag in row] for index, row in enumerate(given)]
    answer = cvkit("compare", write_label_run(Path("a"), unsure, given), write_label_run(Path("b"), sure, given))
    assert answer.code == 0
    assert answer.out == wording
