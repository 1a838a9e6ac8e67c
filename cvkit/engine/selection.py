"""Which images choices are made by, and which choices of `selection` a run can make."""

from __future__ import annotations

from collections.abc import Sequence

from ..data.splits import Half, Splits
from ..errors import RunError
from ..recipe import Recipe
from ..recipe.settings import SelectionSettings
from ..tasks import TASKS


def evaluated_halves(recipe: Recipe, splits: Splits) -> tuple[Half, ...]:
    """Return the halves that are evaluated after each epoch. Choices are made by the first one."""
    if splits.validation is None:
        return ("test",)
    watched = recipe.evaluation.test == "each_epoch" and splits.test is not None
    return ("validation", "test") if watched else ("validation",)


def require_choice(settings: SelectionSettings, task: str, metrics: Sequence[str], has_validation: bool) -> None:
    """Raise `RunError` if the run cannot make the choices of `settings`.

    Args:
        settings: What is chosen.
        task: The task of the data set.
        metrics: The names of the recipe's metrics.
        has_validation: Whether the data set has validation images.
    """
    if not settings.chooses:
        return
    known = tuple(dict.fromkeys((TASKS[task].score, "loss", *metrics)))
    if settings.metric not in known:
        raise RunError(
            f"selection.metric is '{settings.metric}', but the records contain {', '.join(known)}; choose one of "
            "these, or add the metric to the recipe's metrics"
        )
    if not has_validation:
        raise RunError(
            "selection.keep_best and selection.patience need validation images, and the data set has none. A choice "
            "by the test images would make their accuracy too optimistic. Use a data set with validation images, "
            "such as image_folder with validation: 0.1"
        )
