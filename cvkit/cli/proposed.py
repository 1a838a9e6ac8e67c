"""What a range test found, whoever wrote it: shown as far as it can be, and kept."""

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
"""Of the files, without their endings."""


def print_proposal(data: dict[str, Any]) -> None:
    """Print what each rule tells: its rate, and the decades between the quartiles of several orders of the data.

    Data of another form, as of another's range test, is printed as far as it is plain values.
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
    """Return what to keep of a proposal: its figure, where it has one, and its data as JSON.

    What a tuner cannot draw, or JSON cannot hold, is left out with a warning.
    """
    from ..figures.style import render_figure
    from ..guard import Guard

    files: dict[str, bytes] = {}
    if (paint := proposal.draw) is not None:
        try:
            guard = Guard(tuner.entry, "could not draw what it found")
            files |= guard(lambda: render_figure(NAME, proposal.title, proposal.caption, paint)).files()
        except ComponentFailure as error:
            warn(str(error))
    found = {"value": proposal.value, "reason": proposal.reason}
    try:
        text = json.dumps(found | proposal.data, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        warn(f"what {tuner.entry.id} measured cannot be kept as JSON, and only its value and reason are: {error}")
        text = json.dumps(found, indent=1, default=str)
    return files | {f"{NAME}.json": f"{text}\n".encode()}
