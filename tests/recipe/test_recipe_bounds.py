"""A slip of the keyboard, or a hostile recipe, costs a moment: nothing grows with a number before it is checked."""

from __future__ import annotations

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
    ("setting", "bound"),
    [
        ("dataset.train_size=100000000", "from 1 to 1000000"),
        ("dataset={name: image_folder, path: x, size: 100000}", "from 1 to 8192"),
        ("tuners=[{name: lr_range_test, set: optimizer.lr, orders: 1000000000000}]", "from 1 to 100"),
        ("tuners=[{name: lr_range_test, set: optimizer.lr, steps: 1000000000000}]", "from 20 to 100000"),
        ("train.epochs=9223372036854775807", "from 1 to 1000000"),
        ("train.workers=100000", "from 0 to 256"),
    ],
)
def test_a_number_that_no_machine_can_serve_is_refused(catalog, tmp_path, setting, bound):
    """Before anything is drawn, allocated or started, and with what would be accepted."""
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    with pytest.raises(RecipeError, match=bound):
        resolve(read(path, [setting]), catalog)


def test_a_recipe_of_thousands_of_mistakes_shows_the_first_and_counts_the_rest():
    """The error keeps them all."""
    error = RecipeError([Problem(f"mistake {number}") for number in range(9_900)])
    assert len(error.problems) == 9_900
    assert str(error).splitlines() == [*(f"mistake {i}" for i in range(MOST_SHOWN)), "and 9,880 more problems"]


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
