"""Tuning: the values that a recipe leaves to its tuners."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..errors import RunError
from ..recipe import Recipe, TunerPart
from .building import build_checked
from .parts import RunParts
from .proposal import Proposal


def tune(parts: RunParts) -> Iterator[tuple[TunerPart, Proposal, Recipe]]:
    """Run the recipe's tuners in order; yield each, its proposal, and the recipe with every value filled in so far.

    Raises `RunError` where a tuner proposes nothing for a place that waits for a value.
    """
    for tuner in parts.recipe.tuners:
        proposal: Proposal = build_checked(tuner, parts)
        if tuner.target in parts.recipe.unresolved() and proposal.value is not None:
            parts = replace(parts, recipe=parts.recipe.with_value(tuner.target, proposal.value))
        yield tuner, proposal, parts.recipe
        if tuner.target in parts.recipe.unresolved():
            raise RunError(
                f"{tuner.entry.id} proposes no value for {tuner.target}: {proposal.reason}. "
                f"Give one yourself: --set {tuner.target}=VALUE"
            )
