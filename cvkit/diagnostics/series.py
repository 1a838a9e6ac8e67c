"""Series of a run for figures: joined, thinned, smoothed, and the limits of the axis on which they are drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]

SMOOTHED_FROM = 50
"""The number of values above which a line is the median of neighbouring values."""

_PER_WINDOW = 25  # windows of a smoothed line along its length
_FEWEST = 6  # values; of fewer, none is called an outlier
_FAR = 4.0  # an outlier is that many times as far from the lowest value as the second highest of 20 values is
_DECADES = 30.0  # the second highest of 20 values over the median, from which on an axis is logarithmic


def joined(parts: Iterable[Sequence[float] | Series]) -> Series:
    """Return the parts one after another as float64."""
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts])


def marker(values: Series) -> str:
    """Return matplotlib's marker for a line: points are visible only if there are few."""
    return "o" if len(values) == 1 else "." if len(values) <= 30 else ""


def around(values: Series, *, floor: float, ceiling: float = np.inf) -> tuple[float, float]:
    """Return limits inside [floor, ceiling], with a small margin around the finite values."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return floor, min(ceiling, floor + 1)
    air = 0.06 * float(np.ptp(finite)) or 0.1 * abs(float(finite[0])) or 0.1
    return max(floor, float(finite.min()) - air), min(ceiling, float(finite.max()) + air)


def thinned(x: Series, y: Series, columns: int = 600) -> tuple[Series, Series]:
    """Keep the lowest and the highest point in each of at most `columns` intervals, in order."""
    if len(x) <= 2 * columns:
        return x, y
    indices = []
    for part in np.array_split(np.arange(len(x)), columns):
        indices += sorted({int(part[0] + y[part].argmin()), int(part[0] + y[part].argmax())})
    return x[indices], y[indices]


def smoothing(count: int) -> int:
    """Return the odd number of values whose median a line of `count` values shows; 1 for a short line."""
    return 1 if count <= SMOOTHED_FROM else 2 * (count // (2 * _PER_WINDOW)) + 1


def smoothed(values: Series, window: int) -> Series:
    """Return the median of the finite values in a centred window, which is smaller at both ends; NaN without one.

    Unlike the mean, the median does not spread a single high value over its neighbours.
    """
    if window == 1:
        return values
    padded = np.pad(values.astype(np.float64), window // 2, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, window)
    middles = [np.median(found) if len(found := of[np.isfinite(of)]) else np.nan for of in windows]
    return np.array(middles)


@dataclass(frozen=True)
class LossAxis:
    """The axis of losses: its limits, whether it is logarithmic, and the values above it.

    Attributes:
        limits: The lowest and the highest loss on the axis.
        logarithmic: Whether the axis is logarithmic.
        above: The number of values that are higher than the axis.
        highest: The highest finite value.
        missing: The number of values that are not finite.
    """

    limits: tuple[float, float]
    logarithmic: bool
    above: int
    highest: float
    missing: int

    @classmethod
    def of(cls, values: Series) -> LossAxis:
        """Return an axis on which single very high values do not flatten all others.

        Losses over several powers of ten have a logarithmic axis. Otherwise the axis ends where outliers begin.
        """
        finite = values[np.isfinite(values)]
        missing = len(values) - len(finite)
        if not len(finite):
            return cls((0.0, 1.0), False, 0, float("nan"), missing)
        high = float(np.quantile(finite, 0.95, method="lower"))
        low, middle, highest = float(finite.min()), float(np.median(finite)), float(finite.max())
        if low > 0 and high > _DECADES * middle:
            return cls((0.8 * low, 1.25 * highest), True, 0, highest, missing)
        end = low + _FAR * (high - low)
        if len(finite) < _FEWEST or highest <= end or high == low:
            return cls(around(finite, floor=0.0), False, 0, highest, missing)
        inside = finite[finite <= end]
        return cls(around(inside, floor=0.0), False, len(finite) - len(inside), highest, missing)
