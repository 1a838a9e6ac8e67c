"""The results of the tuners of a run: what tuning.json contains of each, and its figure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..engine.proposal import Proposal
from ..errors import ComponentFailure, RunError, one_line
from ..figures.artifacts import Figure
from ..figures.style import render_figure
from ..guard import Guard
from ..recipe import TunerPart
from .folder import RunFolder


def tuning_result(number: int, tuner: TunerPart, proposal: Proposal, warnings: list[str]) -> dict[str, Any]:
    """Return what tuning.json contains of the tuner with this number.

    Data that JSON cannot represent is left out with a line in `warnings`.
    """
    called = re.sub(r"[^A-Za-z0-9._-]", "_", tuner.entry.member or tuner.entry.component.name)
    name = f"tuning_{number}_{called}"[:100]
    result = {"tuner": tuner.entry.id, "sets": tuner.target, "name": name, "title": proposal.title}
    found = {"value": proposal.value, "data": proposal.data}
    try:
        json.dumps(found, allow_nan=False)
    except (TypeError, ValueError) as error:
        warnings.append(
            f"{tuner.entry.owner}: JSON cannot represent its data, so only its value is saved: {one_line(error)}"
        )
        found = {"value": str(proposal.value), "data": {}}
    return result | {"caption": proposal.caption, "description": proposal.description, **found}


def save_figure(folder: RunFolder, name: str, tuner: TunerPart, proposal: Proposal, warnings: list[str]) -> None:
    """Save a tuner's figure. Warn if it cannot be drawn: the result of the tuner does not depend on it."""
    try:
        guard = Guard(tuner.entry, "cannot draw its figure")
        figure: Figure = guard(render_figure, name, proposal.title, proposal.caption, proposal.draw)
    except ComponentFailure as error:
        warnings.append(str(error))
    else:
        folder.save_artifacts([figure])


def tuning_figures(folder: RunFolder, results: Iterable[Mapping[str, Any]], warnings: list[str]) -> list[Figure]:
    """Return the saved figures of the tuners. A figure that cannot be read is left out with a line in `warnings`."""
    figures = []
    for result in results:
        try:
            words = (result["title"], result["caption"], result.get("description", ""))
            figure = folder.load_figure(result["name"], *words)
        except RunError as error:
            warnings.append(f"the figure of {result['tuner']} is missing from the report: {error}")
        else:
            figures += [figure] if figure else []
    return figures
