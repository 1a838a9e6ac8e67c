"""How long the phases of a session take."""

from __future__ import annotations

import time


class Phases:
    """Measures phases that follow one another. The first one is the preparation, which begins with the object."""

    def __init__(self) -> None:
        self._begun = [("preparation", time.monotonic())]

    def begin(self, name: str) -> None:
        """End the current phase and begin the phase `name`."""
        self._begun.append((name, time.monotonic()))

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each phase, with the current one until now; phases of the same name are added."""
        ends = [*(when for _, when in self._begun[1:]), time.monotonic()]
        found: dict[str, float] = {}
        for (name, begun), ended in zip(self._begun, ends, strict=True):
            found[name] = found.get(name, 0.0) + ended - begun
        return found
