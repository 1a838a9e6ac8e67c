"""What a shell completes: the names of components, without torch. An error completes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from ..errors import CvkitError
from ..kinds import KINDS

if TYPE_CHECKING:
    from ..host.catalog import Catalog

Completion = Callable[[click.Context, click.Parameter, str], list[str]]


def component_ids(*kinds: str, listed: bool = False) -> Completion:
    """Return a function that completes the ids of components of these kinds, or of all kinds.

    With `listed`, the argument is a list with commas, whose last name is completed.
    """

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",") if listed else ("", "", incomplete)
        return [f"{before}{comma}{name}" for name in _ids(kinds) if name.startswith(last)]

    return complete


def kind_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a kind, or else the id of a component."""
    kinds = [name for name in KINDS if name.startswith(incomplete)]
    return kinds or [name for name in _ids(()) if name.startswith(incomplete)]


def _ids(kinds: tuple[str, ...]) -> list[str]:
    """Return the sorted ids and unique short names of components, and the ids of the members of families."""
    from ..host.discovery import discover

    with suppress(CvkitError):
        catalog = discover()  # without the plugins of the working folder, whose code a key press must not run
        return sorted({name for kind in kinds or KINDS for name in _names(catalog, kind)})
    return []


def _names(catalog: Catalog, kind: str) -> Iterator[str]:
    registry = catalog[kind]
    yield from registry.names()
    for entry in registry.entries():
        if entry.component.is_family:
            with suppress(CvkitError):
                yield from (f"{entry.origin.plugin}/{member}" for member in entry.members())
