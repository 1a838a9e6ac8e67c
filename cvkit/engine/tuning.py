"""Run the tuners of a recipe, which set the values that it leaves open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..errors import RunError
from ..recipe import Recipe, TunerPart
from .building import build_checked
from .parts import RunParts
from .proposal import Proposal


def tune(parts: RunParts) -> Iterator[tuple[TunerPart, Proposal, Recipe]]:
    """Run the recipe's tuners in order; yield each tuner, its proposal, and the recipe with all values set so far.

    Raises `RunError` if a tuner proposes nothing for a value that is still ``auto``.
    """
    for tuner in parts.recipe.tuners:
        proposal: Proposal = build_checked(tuner, parts)
        if tuner.target in parts.recipe.unresolved() and proposal.value is not None:
            parts = replace(parts, recipe=parts.recipe.with_value(tuner.target, proposal.value))
        yield tuner, proposal, parts.recipe
        if tuner.target in parts.recipe.unresolved():
            raise RunError(
                f"{tuner.entry.id} proposes no value for {tuner.target}: {proposal.reason}. "
                f"Set a value: {tuner.target}=VALUE"
            )
