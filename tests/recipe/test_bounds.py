"""A slip of the keyboard, or a hostile recipe, costs a moment: nothing grows with a number before it is checked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cvkit.errors import MOST_SHOWN, Problem, RecipeError
from cvkit.host.catalog import Catalog
from cvkit.host.discovery import discover
from cvkit.host.registry import Registry
from cvkit.recipe import read, resolve

SMALL = """\
dataset: {name: shapes, train_size: 70, test_size: 30}
model: {name: custom_resnet, width: 2}
optimizer: sgd
"""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return discover({}, ())


@pytest.mark.parametrize(
    ("setting", "least", "most"),
    [
        ("dataset.train_size=100000000", 1, 1000000),
        ("dataset={name: image_folder, path: x, size: 100000}", 1, 8192),
        ("tuners=[{name: lr_range_test, set: optimizer.lr, orders: 1000000000000}]", 1, 100),
        ("tuners=[{name: lr_range_test, set: optimizer.lr, steps: 1000000000000}]", 20, 100000),
        ("train.epochs=9223372036854775807", 1, 1000000),
        ("train.workers=100000", 0, 256),
    ],
)
def test_a_number_that_no_machine_can_serve_is_refused(catalog, tmp_path, setting, least, most):
    """Before anything is drawn, allocated or started, and with what would be accepted."""
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    with pytest.raises(RecipeError) as caught:
        resolve(read(path, [setting]), catalog)
    said = [re.findall(r"\b\d+\b", problem.message.replace(",", "")) for problem in caught.value.problems]
    assert any({str(least), str(most)} <= {*numbers} for numbers in said)


def test_a_recipe_of_thousands_of_mistakes_shows_the_first_and_counts_the_rest(wording):
    """The error keeps them all."""
    error = RecipeError([Problem(f"mistake {number}") for number in range(9_900)])
    assert len(error.problems) == 9_900
    *shown, rest = str(error).splitlines()
    assert shown == [f"mistake {number}" for number in range(MOST_SHOWN)]
    assert str(9_900 - MOST_SHOWN) in rest.replace(",", "")
    assert rest == wording


def test_each_name_is_looked_up_once_however_often_it_is_written(catalog, tmp_path, monkeypatch):
    """So that the time a check takes grows with the recipe's size alone."""
    looked_up: list[str] = []
    find = Registry.find

    def counting(self: Registry, name: str):
        looked_up.append(name)
        return find(self, name)

    monkeypatch.setattr(Registry, "find", counting)
    path = tmp_path / "many.yaml"
    path.write_text(SMALL + "augmentations:\n" + "- horizontal_flip\n" * 500 + "- nothing_like_it\n" * 500)
    with pytest.raises(RecipeError) as caught:
        resolve(read(Path(path), []), catalog)
    assert len(caught.value.problems) == 500
    assert sorted(set(looked_up)) == sorted(looked_up)
