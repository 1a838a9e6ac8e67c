"""`train.schedule_epochs`: how many epochs each pass of the schedule spans."""

from __future__ import annotations

import pytest

from cvkit import RecipeError
from cvkit.host.discovery import discover
from cvkit.recipe import dump, read_text, resolve

LEAST = "dataset: shapes\nmodel: custom_resnet\noptimizer: sgd\ntrain:\n  epochs: 4\n"


def recipe(line: str = ""):
    return resolve(read_text(f"{LEAST}{line}", file="r.yaml"), discover())


@pytest.mark.parametrize(("line", "passes"), [("", (4,)), ("  schedule_epochs: [1, 2]\n", (1, 2))])
def test_passes_are_one_over_all_epochs_or_as_written(line, passes):
    """Also once the recipe has been written out and read again."""
    made = recipe(line)
    assert made.train.passes == passes
    assert resolve(read_text(dump(made)), discover()).train == made.train


@pytest.mark.parametrize(("written", "named"), [("[3, 2]", "5"), ("[]", "[]"), ("3", "3"), ("[2, 0]", "[2, 0]")])
def test_passes_that_cannot_be_are_shown_where_they_are_written(written, named, wording):
    """With line and column."""
    with pytest.raises(RecipeError) as error:
        recipe(f"  schedule_epochs: {written}\n")
    (problem,) = error.value.problems
    assert (problem.file, problem.line, problem.column) == ("r.yaml", 6, 20)
    assert named in problem.message
    assert str(problem) == wording
