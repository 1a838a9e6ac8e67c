"""The observers that a recipe names, for one run: built in its folder, and called at each event."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..engine.building import build_checked
from ..engine.observer import Observer
from ..error_text import cause
from ..guard import fault_of
from ..host.registry import Entry
from ..recipe import Part


class Observers:
    """Calls the observers in the order of the recipe. A fault of one is a line of text and affects nothing else."""

    def __init__(self) -> None:
        self._built: list[tuple[Entry, Observer]] = []

    def build(self, parts: Sequence[Part], folder: Path) -> list[str]:
        """Build the observers of a recipe for the run in `folder`; return a line for each that cannot be built."""
        faults = []
        for part in parts:
            try:
                self._built.append((part.entry, build_checked(part, folder)))
            except (Exception, SystemExit) as error:
                faults.append(f"{fault_of(part.entry, error)}; the run continues without it")
        return faults

    def notify(self, event: str, **arguments: Any) -> list[str]:
        """Call the method `event` of every observer; return a line for each one that raised an error."""
        faults = []
        for entry, observer in self._built:
            method = getattr(observer, event, None)
            if method is None:  # some events are only for hooks
                continue
            try:
                named = inspect.signature(method).parameters
                method(**{name: value for name, value in arguments.items() if name in named})
            except (Exception, SystemExit) as error:
                faults.append(f"{entry.owner} failed in {event}: {cause(error, entry.package)}")
        return faults
