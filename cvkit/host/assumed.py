"""The components that cvkit uses by default, by full id because other plugins may use the same short name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ComponentError, UnknownComponent

if TYPE_CHECKING:
    from .catalog import Catalog

METHOD = "gradcam/grad_cam"
"""The explainer that explanations use if neither the user nor the recipe names one."""

EXPORTER = "export/onnx"
"""The exporter that `cvkit export` uses if neither the user nor the recipe names one."""

QUANTIZED_EXPORTER = "export/onnx_int8"
"""The exporter that `cvkit export --quantize` uses in place of `EXPORTER`."""

TUNER = "onecycle/lr_range_test"
"""The tuner that `lr-find` adds to a recipe without a range test."""


def require_assumed(catalog: Catalog, kind: str, name: str, remedy: str) -> None:
    """Raise `ComponentError`, with the reason and `remedy`, unless the component with that full id can be used."""
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
            f"the default {registry.kind.singular} '{name}' cannot be used: {'; '.join(faults)}. {remedy}"
        )
