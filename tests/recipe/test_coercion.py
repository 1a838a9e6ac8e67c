"""Values of types that the built-in settings do not have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cvkit.recipe import describe
from cvkit.recipe.coercion import coerce, plain_value
from cvkit.signatures.signature import MISSING, Option


def test_types_beyond_a_recipe_are_left_to_the_factory():
    """An annotation that cannot be checked accepts what is written, and sets have one order in text."""
    assert coerce([1, 2], Option("x", "", Iterable[int], MISSING)) == [1, 2]
    assert coerce("a", Option("x", "", type("Custom", (), {}), MISSING)) == "a"
    assert coerce(["b", "a"], Option("x", "", set[str], MISSING)) == {"a", "b"}
    assert plain_value({"b", "a", "c"}) == ["a", "b", "c"]


def test_path_is_a_path_though_its_default_is_declared_as_text():
    """Whether the recipe writes the default or another path; so both start in the folder of the recipe."""
    for kind in (Path, Path | None):
        option = Option("x", "", kind, "photos")
        assert coerce("photos", option) == Path("photos")
        assert coerce("others", option) == Path("others")


def test_types_are_described_in_words(wording):
    """Types beyond those of the built-in settings read well too."""
    types = (int | float, dict[str, object], Sequence[float], tuple, Path | None, Any)
    assert [describe(type_) for type_ in types] == wording
