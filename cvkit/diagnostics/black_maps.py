"""Maps without any evidence, which are black."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from torch import Tensor


def is_black(heats: Tensor, signed: bool) -> Tensor:
    """Return whether each map, float (n, H, W), has no evidence, bool (n,); `signed` maps have it below 0, too."""
    found: Tensor = heats != 0 if signed else heats > 0
    return ~found.flatten(1).any(dim=1)


def black_maps(maps: Mapping[str, Tensor], signed: Collection[str], what: str, shown: str) -> Iterator[str]:
    """Yield a line for each explainer with black maps: for `what` it found no evidence in some of those `shown`."""
    for name, heats in maps.items():
        if empty := int(is_black(heats, name in signed).sum()):
            yield f"{name} found no evidence for the {what} in {empty} of the {shown} shown: these maps are black"
