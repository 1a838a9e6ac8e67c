"""The component under test: an entry of the installed catalog, or of a factory that no plugin declares."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

from ..host.catalog import Catalog
from ..host.component import Component, Origin
from ..host.discovery import discover
from ..host.registry import Entry
from ..kinds import KINDS, Kind


@cache
def installed_catalog() -> Catalog:
    """Return the catalog of the installed plugins, which is created once per session."""
    return discover()


@cache
def entry_of(factory: Callable[..., Any], kind: Kind) -> Entry:
    """Return the entry of a factory that no plugin declares, as a component of a module in memory."""
    name = f"cvkit_testing_{id(factory)}"
    module = ModuleType(name)
    module.factory = factory  # type: ignore[attr-defined]  # modules accept any attribute
    sys.modules[name] = module
    label = getattr(factory, "__name__", type(factory).__name__)
    component = Component(label, f"{name}:factory", summary="given to its suite directly")
    return Entry(KINDS[kind.name], component, Origin("given", "in-process", "0"))
