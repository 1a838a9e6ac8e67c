"""Which images are evaluated after an epoch, and choices are made by."""

from __future__ import annotations

from ..data.splits import Half, Splits
from ..recipe import Recipe


def evaluated_halves(recipe: Recipe, splits: Splits) -> tuple[Half, ...]:
    """Return the halves that are evaluated after each epoch. Choices are made by the first one."""
    if splits.validation is None:
        return ("test",)
    watched = recipe.evaluation.test == "each_epoch" and splits.test is not None
    return ("validation", "test") if watched else ("validation",)
