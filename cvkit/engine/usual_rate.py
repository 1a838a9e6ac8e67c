"""The learning rates that an optimizer usually trains well with, as its plugin declares them."""

from __future__ import annotations

from ..recipe import Recipe, TunerPart
from .proposal import Proposal

_PEAKS = ("lr", "max_lr")  # the names under which optimizers and schedulers take their highest learning rate


def usual_range(recipe: Recipe, target: str) -> tuple[float, float] | None:
    """Return the learning rates with which the optimizer of a recipe usually trains well, for tuners to begin with.

    Args:
        recipe: The recipe.
        target: The path of an option, such as ``scheduler.max_lr``.

    Returns:
        The lowest and the highest usual peak; None if the option is no peak learning rate, or if the plugin of the
        optimizer declares no range.
    """
    return recipe.optimizer.entry.usual_lr() if target.rpartition(".")[2] in _PEAKS else None


def unusual_rate(recipe: Recipe, tuner: TunerPart, proposal: Proposal) -> str:
    """Return a sentence that says that the rate that a tuner proposes is not usual, or ""."""
    usual, value = usual_range(recipe, tuner.target), proposal.value
    if usual is None or not isinstance(value, int | float) or usual[0] <= value <= usual[1]:
        return ""
    return (
        f"{tuner.entry.id} proposes {value:g} for {tuner.target}, outside the usual range of "
        f"{recipe.optimizer.entry.id}, {usual[0]:g} to {usual[1]:g}; compare it with a rate in this range, or let "
        "the tuner successive_halving compare some"
    )


def unusual_rate_used(recipe: Recipe, tuner: TunerPart, proposal: Proposal) -> str:
    """Return this sentence if the run uses the rate, because the value in `recipe` is still ``auto``, or ""."""
    return unusual_rate(recipe, tuner, proposal) if tuner.target in recipe.unresolved() else ""
