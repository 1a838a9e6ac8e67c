"""The layers that ``cvkit explain --layers`` lists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import RunError, one_line
from .loading import warn
from .tables import print_table

if TYPE_CHECKING:
    from ..explain.explainers import Explainers
    from ..recipe import Part


def without_layers(parts: Iterable[Part]) -> list[Part]:
    """Return the explainers with their option ``layer`` reset to its default."""
    return [replace(part, options={k: v for k, v in part.options.items() if k != "layer"}) for part in parts]


def print_layers(explainers: Explainers, unset: Explainers) -> None:
    """List the layers of the model that can be explained, according to the first explainer that can list them.

    An explainer can list layers if it has a method ``candidates(image)``. `unset` holds the same explainers with the
    default layer; they are used if no explainer works with the layer it is set to. Failures print a warning. Raises
    `RunError` if no explainer lists layers.
    """
    import torch

    trained = explainers.trained
    shape = (1, trained.info.channels, trained.info.height, trained.info.width)
    noise = torch.randint(256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    inputs = trained.inputs(noise)
    for asked in (explainers, unset):
        for name, explainer in asked.working.items():
            if (candidates := getattr(explainer, "candidates", None)) is None:
                continue
            try:
                found = candidates(inputs)
            except Exception as error:
                warn(f"{name} cannot list the layers of this model: {one_line(error)}")
                continue
            try:  # the explainer chooses its layer during its first call
                explainer(inputs, torch.zeros(1, dtype=torch.int64, device=trained.device))
            except Exception as error:
                warn(f"{name} cannot explain its configured layer: {one_line(error)}")
            chosen = asked.layers().get(name) if asked is explainers else None
            rows = [(at.name, at.kind, f"{at.grid}{_remark(at.name == chosen, at.has_gradient)}") for at in found]
            print_table((f"layer, for {name}", "kind", "grid"), rows)
            return
    raise RunError(f"none of the methods can list layers ({', '.join(explainers.working) or 'none of them works'})")


def _remark(chosen: bool, has_gradient: bool) -> str:
    return " [explained]" if chosen else "" if has_gradient else " [no gradient]"
