"""The pointing game: whether an explanation's maximum lies on the object (Zhang et al. 2016, arXiv:1608.00507)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from .artifacts import Table
from .style import percent


def pointing_game(maps: Tensor, masks: Tensor) -> Tensor:
    """Return whether each map's maximum lies inside its mask, bool (m,), for the m masks that are not empty.

    `maps`: float (n, H, W). `masks`: bool (n, H, W), true on the object. A maximum that several pixels share
    points nowhere: it is no hit, so a constant map scores 0.
    """
    maps, masks = _counting(maps, masks).flatten(1), _counting(masks, masks).flatten(1)
    peaks = maps == maps.amax(dim=1, keepdim=True)
    return (peaks.sum(dim=1) == 1) & (peaks & masks).any(dim=1)


def random_rate(masks: Tensor) -> float:
    """Return the exact expected hit rate of a random pixel: the mean area of the masks that are not empty."""
    return float(_counting(masks, masks).double().mean())


def centre_rate(masks: Tensor) -> float:
    """Return the exact expected hit rate of a centred Gaussian: the share of its maximum that lies on the object.

    Where a side has an even number of pixels the two in the middle share the maximum, and one is drawn.
    """
    height, width = masks.shape[1:]
    middle = _counting(masks, masks)[:, (height - 1) // 2 : height // 2 + 1, (width - 1) // 2 : width // 2 + 1]
    return float(middle.double().mean())


def wilson(hits: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Return Wilson's score interval (1927) of a rate of `hits` in `n`; 95 % at the default `z`."""
    if not n:
        return 0.0, 1.0
    rate = hits / n
    centre = rate + z * z / (2 * n)
    spread = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def pointing_table(hits: Mapping[str, Tensor], masks: Tensor) -> Table:
    """Set each explainer's hit rate beside what pointing at the centre or anywhere would score.

    `hits`: by explainer's name, what `pointing_game` returned. `masks`: bool (n, H, W), those it was played on.
    """
    n = int(masks.flatten(1).any(dim=1).sum())
    rates = [(name, float(hit.double().mean()), True) for name, hit in hits.items()] if n else []
    if n:
        rates += [("centred Gaussian", centre_rate(masks), True), ("random pixel", random_rate(masks), False)]
    rows = tuple(
        (name, percent(rate, 1), _interval(rate, n) if sampled else "exact", f"{n:,}")
        for name, rate, sampled in rates
    )
    caption = (
        "How often the most important pixel of a map lies on the object. A maximum shared by several pixels is no "
        "hit. The random pixel's rate is its expectation, the mean area of the objects."
    )
    return Table("pointing_game", "Pointing game", caption, ("map", "hit rate", "95 % interval", "images"), rows)


def _counting(values: Tensor, masks: Tensor) -> Tensor:
    return values[masks.flatten(1).any(dim=1)]


def _interval(rate: float, n: int) -> str:
    low, high = wilson(rate * n, n)
    return f"{100 * low:.1f} to {100 * high:.1f} %"
