"""Run the tuners of a recipe, which set the values that it leaves open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..errors import RunError
from ..phases import phase
from ..printable import on_one_line
from ..recipe import Recipe, TunerPart
from .building import build_checked
from .parts import RunParts
from .proposal import Proposal


def tune(parts: RunParts) -> Iterator[str | tuple[TunerPart, Proposal, Recipe]]:
    """Run the recipe's tuners in order; yield each tuner, its proposal, and the recipe with all values set so far.

    If a tuner forecasts what it will do, this line is yielded before it runs. Raises `RunError` if a tuner proposes
    nothing for a value that is still ``auto``.
    """
    for tuner in parts.recipe.tuners:
        if forecast := forecast_of(tuner, parts):
            yield forecast
        proposal = propose(tuner, parts)
        # A tuner may decide by what the processes do not share, such as the time that steps take.
        proposal = replace(proposal, value=parts.world.from_first(proposal.value))
        if tuner.target in parts.recipe.unresolved() and proposal.value is not None:
            parts = replace(parts, recipe=parts.recipe.with_value(tuner.target, proposal.value))
        yield tuner, proposal, parts.recipe
        if tuner.target in parts.recipe.unresolved():
            raise RunError(
                f"{tuner.entry.id} proposes no value for {tuner.target}: {proposal.reason}. "
                f"Set a value: {tuner.target}=VALUE"
            )


def propose(tuner: TunerPart, parts: RunParts) -> Proposal:
    """Run a tuner, and return what it proposes."""
    with phase(f"tuning {tuner.target}", noun="step"):
        proposal: Proposal = build_checked(tuner, parts, tuner.target)
    return proposal


def forecast_of(tuner: TunerPart, parts: RunParts) -> str:
    """Return the line that announces what a tuner will do, or "" if it declares none."""
    forecast = tuner.entry.forecast(parts, tuner.target, **tuner.options)
    return f"{tuner.entry.component.name} for {tuner.target}: {on_one_line(forecast)}" if forecast else ""
