"""A table of what a recipe sets, for every page that is about a recipe."""

from __future__ import annotations

from ..figures.artifacts import Table
from ..recipe import Recipe
from ..recipe.changes import set_values


def recipe_table(recipe: Recipe) -> Table:
    """Return a table of the values that the recipe sets to something else than the default."""
    rows = tuple(
        (each.path, each.now, "-" if each.before == "absent" else each.before)
        for each in set_values(recipe)
        if each.path != "name"
    )
    caption = "The values that are not the defaults. The complete recipe is below."
    return Table("recipe_set", "What the recipe sets", caption, ("path", "value", "default"), rows)
