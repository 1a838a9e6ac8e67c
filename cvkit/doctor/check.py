"""`Check`: the result of one check of the machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import first_line

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Check:
    """The result of a check.

    Attributes:
        name: What was checked, such as ``disk``.
        found: What is there, or what was measured, as a user reads it.
        advice: What is wrong and what to do about it; empty if nothing is.
        state: Whether cvkit works: ``ok``; ``warning`` if it works, but slower or without something; ``problem`` if
            it does not.
        values: The same as plain values, with the unit in each name.
    """

    name: str
    found: str
    advice: str = ""
    state: State = "ok"
    values: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the check as plain values."""
        return {
            "name": self.name,
            "state": self.state,
            "found": self.found,
            "advice": self.advice,
            "values": dict(self.values),
        }


def warned(name: str, found: str, advice: str, **values: Any) -> Check:
    """Return a check that is a warning if there is an advice."""
    return Check(name, found, advice, "warning" if advice else "ok", values)


def guarded(name: str, check: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """Yield what `check` finds; an error becomes a problem, so that it does not end the other checks."""
    try:
        yield from check()
    except Exception as error:  # a driver, a disk or a plugin may raise anything
        yield Check(name, f"failed: {first_line(error)}", "This check itself failed; please report it", "problem")


def megabytes_a_second(size: int, begun: float) -> float:
    """Return how many MB/s were moved since `begun`, a value of ``time.perf_counter``."""
    return size / max(time.perf_counter() - begun, 1e-9) / 1e6
