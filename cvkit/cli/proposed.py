"""Prints and saves the result of a range test, including those of other plugins as far as possible."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..errors import ComponentFailure
from .loading import warn
from .tables import print_table

if TYPE_CHECKING:
    from ..engine.proposal import Proposal
    from ..recipe import TunerPart

NAME = "lr_range_test"
"""Name of the range test and of its files, without their extensions."""


def print_proposal(data: dict[str, Any]) -> None:
    """Print the rate that each rule chose, and its interquartile range, in decades, over several orders of the data.

    For data in another form, such as those of another plugin's range test, prints the plain values.
    """
    rules = data.get("rules")
    if isinstance(rules, dict) and all(isinstance(rule, dict) for rule in rules.values()):
        rows = [
            (
                f"{name} *" if name == data.get("pick") else str(name),
                _number(rule, "rate", "g"),
                _number(rule, "iqr", ".2f"),
            )
            for name, rule in rules.items()
        ]
        print_table(("rule (* picked)", "rate", "IQR in decades"), rows)
    elif plain := [(str(name), str(value)) for name, value in data.items() if isinstance(value, str | int | float)]:
        print_table(("measured", "value"), plain)


def _number(rule: dict[str, Any], name: str, form: str) -> str:
    value = rule.get(name)
    if value is None:
        return "none" if name == "rate" else ""
    return format(value, form) if isinstance(value, int | float) else str(value)


def files_of(proposal: Proposal, tuner: TunerPart) -> dict[str, bytes]:
    """Return the files to save for a proposal: its figure, if it has one, and its data as JSON.

    Skips, with a warning, a figure that the tuner fails to draw and data that JSON cannot represent.
    """
    from ..figures.style import render_figure
    from ..guard import Guard

    files: dict[str, bytes] = {}
    if (paint := proposal.draw) is not None:
        try:
            guard = Guard(tuner.entry, "could not draw its figure")
            files |= guard(lambda: render_figure(NAME, proposal.title, proposal.caption, paint)).files()
        except ComponentFailure as error:
            warn(str(error))
    found = {"value": proposal.value, "reason": proposal.reason}
    try:
        text = json.dumps(found | proposal.data, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        warn(f"could not save the measurements of {tuner.entry.id} as JSON, only its value and reason: {error}")
        text = json.dumps(found, indent=1, default=str)
    return files | {f"{NAME}.json": f"{text}\n".encode()}
