"""Report mistakes in overrides under the names that users gave them, if they did not write ``--set``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from ..errors import RecipeError
from ..host.catalog import Catalog
from .document import Document
from .overrides import PLACE
from .recipe import Recipe
from .resolver import resolve


@contextmanager
def overrides_named(names: Mapping[str, str]) -> Iterator[None]:
    """Report a mistake in an override as a mistake in its place in `names`, such as a command-line option."""
    try:
        yield
    except RecipeError as error:
        places = {f"{PLACE}{text}": name for text, name in names.items()}
        problems = [replace(problem, file=places.get(problem.file, problem.file)) for problem in error.problems]
        raise RecipeError(problems) from None


def resolve_named(
    document: Callable[[Sequence[str]], Document], overrides: Mapping[str, str], catalog: Catalog
) -> Recipe:
    """Read and check a recipe with `overrides`, which map each override to its name, as for `overrides_named`.

    `document` reads the recipe with overrides. Raises `RecipeError` with every mistake.
    """
    with overrides_named(overrides):
        return resolve(document([*overrides]), catalog)
