"""Components that do not support the task of the data set are reported when the recipe is checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvkit import Component, Origin, RecipeError, Splits, discover, hookimpl, resolve
from cvkit.recipe import read_text
from cvkit.recipe.tasks import task_of

CATALOG = discover(distributions=["cvkit-core"])
REST = "\nmodel: custom_resnet\noptimizer: sgd\n"
TAGS = "{name: image_table, path: tags.csv, labels_separator: '|'}"


@pytest.mark.parametrize(
    "text",
    [
        f"dataset: {{name: subset, of: {TAGS}, count: 20}}{REST}",
        f"dataset: {{name: concatenate, of: [shapes, {{name: repeat, times: 2, of: several_shapes}}]}}{REST}",
        f"dataset: {TAGS}{REST}",
        f"dataset: {TAGS}\nloss: cross_entropy{REST}",
    ],
    ids=["nested", "nested twice", "unwritten loss", "written loss"],
)
def test_parts_for_one_class_are_refused_for_sets(text, wording):
    """Data sets that wrap others too, and the loss that the recipe does not name."""
    with pytest.raises(RecipeError) as caught:
        resolve(read_text(text, file="tags.yaml"), CATALOG)
    assert str(caught.value) == wording


def test_wrapped_data_set_of_one_class_is_accepted():
    """A table has sets only if its options say so."""
    resolve(read_text(f"dataset: {{name: subset, count: 20, of: {{name: image_table, path: a.csv}}}}{REST}"), CATALOG)


class Wrapping:
    """A plugin with a data set that wraps another one and may have both tasks, as the wrapped one has."""

    @hookimpl
    def cvkit_datasets(self):
        yield Component("halved", f"{__name__}:halved", tasks=("single_label", "multi_label"))


def halved(root: Path, *, of: Splits) -> Splits:
    return of


@pytest.mark.parametrize(
    ("inner", "loss"), [("several_shapes", "cross_entropy"), ("several_shapes", "bce"), (TAGS, "bce")]
)
def test_data_set_that_wraps_others_has_their_task(inner, loss):
    """If it may have several tasks; so a loss for another task is refused before the data are opened."""
    catalog = discover(distributions=["cvkit-core"])
    catalog.admit(Origin("wrapping", "in-process", "0"), Wrapping())
    text = f"dataset: {{name: halved, of: {{name: halved, of: {inner}}}}}\nloss: {loss}{REST}"
    if loss == "bce":
        assert task_of(resolve(read_text(text), catalog).dataset) == "multi_label"
    else:
        with pytest.raises(
            RecipeError, match="'torch/cross_entropy' supports single_label, but the data set is multi_"
        ):
            resolve(read_text(text), catalog)
