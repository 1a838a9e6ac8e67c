"""Components that do not support the task of the data set are reported when the recipe is checked."""

from __future__ import annotations

import pytest

from cvkit import RecipeError, discover, resolve
from cvkit.recipe import read_text

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
