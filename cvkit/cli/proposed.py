"""Prints and saves the result of a range test, including those of other plugins as far as possible."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..errors import ComponentFailure
from .loading import warn
from .tables import print_table

if TYPE_CHECKING:
    from ..engine.proposal import Proposal
    from ..figures.artifacts import Figure, Table
    from ..recipe import TunerPart

NAME = "lr_range_test"
"""Name of the range test and of its files, without their extensions."""


def print_rules(table: Table | None) -> None:
    """Print what each rule chose, if the range test says so."""
    if table is not None:
        print_table(table.header, table.rows)


def figure_of(proposal: Proposal, tuner: TunerPart) -> Figure | None:
    """Return the figure of a proposal; None, with a warning, if the tuner fails to draw it, and if it has none."""
    from ..figures.style import render_figure
    from ..guard import Guard

    if (paint := proposal.draw) is None:
        return None
    words = (proposal.title, proposal.caption)
    try:
        guard = Guard(tuner.entry, "could not draw its figure")
        figure: Figure = guard(lambda: render_figure(NAME, *words, paint, description=proposal.description))
    except ComponentFailure as error:
        warn(str(error))
        return None
    return figure


def json_of(proposal: Proposal, tuner: TunerPart) -> bytes:
    """Return a proposal with its data as JSON; leave out, with a warning, data that JSON cannot represent."""
    found = {"value": proposal.value, "reason": proposal.reason}
    try:
        text = json.dumps(found | proposal.data, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        warn(f"could not save the measurements of {tuner.entry.id} as JSON, only its value and reason: {error}")
        text = json.dumps(found, indent=1, default=str)
    return f"{text}\n".encode()
