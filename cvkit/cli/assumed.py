"""The components that a command takes where nobody names one: by full id, as others may offer the short name too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ComponentError, UnknownComponent

if TYPE_CHECKING:
    from ..host.catalog import Catalog

METHOD = "gradcam/grad_cam"
"""What `explain` explains with, where neither the command line nor the recipe names a method."""

TUNER = "onecycle/lr_range_test"
"""What `lr-find` gives a recipe that has no range test."""


def require_assumed(catalog: Catalog, kind: str, name: str, remedy: str) -> None:
    """Raise `ComponentError` unless the component of that full id can be used, saying why not and the remedy."""
    registry = catalog[kind]
    try:
        entry = registry.find(name)
    except UnknownComponent:
        plugin = name.partition("/")[0]
        found = [each for each in catalog.statuses if each.origin.plugin == plugin]
        faults = [f"plugin '{plugin}' {each.reason or 'does not offer it'}" for each in found]
        faults = faults or [f"no plugin '{plugin}' is installed here"]
    else:
        faults = entry.missing_requirements() or entry.contract_violations()
    if faults:
        raise ComponentError(
            f"where none is named, the {registry.kind.singular} is '{name}', and it cannot be used: "
            f"{'; '.join(faults)}. {remedy}"
        )
