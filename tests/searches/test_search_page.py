"""The page of a search, and what is said about failures."""

from __future__ import annotations

import pytest
from searching import SEARCH, written

from cvkit import discover
from cvkit.figures.page import render
from cvkit.searches.lines import failure_lines
from cvkit.searches.page import search_page
from cvkit.searches.reading import SearchFile, source_of
from cvkit.searches.space import Choices
from cvkit.searches.trials import Trial

BATCH = "train.batch_size is larger than the data set"


@pytest.fixture(scope="module")
def search_of(tmp_path_factory):
    catalog, folder = discover(), tmp_path_factory.mktemp("page")
    return lambda more="": SearchFile(source_of(written(folder, SEARCH + more))).resolve(catalog)


def trial(number: int, state: str, values: tuple[float, ...], error: str = "") -> Trial:
    """Return a trial of 3 planned epochs, of which it trained one for each value."""
    params = {"optimizer.lr": 0.1 + number, "optimizer.momentum": 0.5, "augmentations.0.padding": "2"}
    value = values[-1] if state == "complete" else None
    return Trial(number, params, state, value, values, len(values), 3, 2 * len(values), 1.0, error)


TRIALS = [
    trial(0, "complete", (3.0, 2.0, 1.5)),
    trial(1, "complete", (2.0, 1.5, 1.0)),
    trial(2, "pruned", (4.0,)),
    trial(3, "failed", (), f"{BATCH}\nmore"),
    trial(4, "failed", (), BATCH),
]


def test_page_has_the_best_values_and_what_pruning_saved(search_of, unrendered):
    """The share is of the epochs that the complete and the pruned trials would have had."""
    page = search_page(search_of(), TRIALS, "loss", "min", {"optimizer.lr": 1.0}, "optimizer: sgd\n")
    facts = {fact.label: (fact.value, fact.note) for fact in page.facts}
    assert facts["Lowest validation loss"] == (
        "1.0000",
        "trial 1, with optimizer.lr=1.1, optimizer.momentum=0.5, augmentations.0.padding=2",
    )
    assert facts["Saved by pruning"] == ("22 %", "2 of 9 epochs")
    assert facts["Trials"] == ("5", "2 complete, 1 pruned, 2 failed")
    assert [figure.name for figure in page.sections[0].artifacts] == ["history", "importance", "parallel"]
    (table,) = page.sections[1].artifacts
    assert [row[:4] for row in table.rows] == [
        ("1", "1.0000", "complete", "3"),
        ("0", "1.5000", "complete", "3"),
        ("2", "4.0000", "pruned", "1"),
        ("3", "-", "failed", "0"),
        ("4", "-", "failed", "0"),
    ]
    assert "The best recipe</summary>" in render(page)


def test_page_of_a_search_without_a_pruner_claims_nothing_about_pruning(search_of, unrendered):
    """Nor does a page without a complete trial name a best one."""
    page = search_page(search_of("pruner: none\n"), TRIALS[:2], "loss", "min", {}, "")
    assert "Saved by pruning" not in {fact.label for fact in page.facts}
    page = search_page(search_of(), TRIALS[3:], "loss", "min", {}, "")
    assert {fact.label for fact in page.facts} == {"Trials", "Optimizer steps"}


def test_failures_with_the_same_reason_share_a_line():
    """With the first line of the reason."""
    assert failure_lines(TRIALS) == [f"trials 3, 4 failed: {BATCH}"]
    assert failure_lines(TRIALS[:4]) == [f"trial 3 failed: {BATCH}"]
    assert failure_lines(TRIALS[:3]) == []


def test_choice_is_written_as_in_a_recipe_and_short_in_a_figure():
    """By the name of the component, unless two choices have the same name."""
    adamw, sgd = '{"lr": 0.01, "name": "adamw"}', '"sgd"'
    assert Choices((sgd, adamw)).shown(adamw) == "{lr: 0.01, name: adamw}"
    assert Choices((sgd, adamw)).shown(sgd) == "sgd"
    assert Choices((sgd, adamw)).short(adamw, 10) == "adamw"
    two = Choices((adamw, adamw.replace("0.01", "0.02")))
    assert two.short(adamw, 10) == "{lr: 0.01…"
