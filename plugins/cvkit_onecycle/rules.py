"""Rules that tell a learning rate from a sweep: ours, and those other libraries publish, each on its own smoothing.

A rule takes (`rates`, `losses`): the planned rates, ascending, float64 (n,), and the raw mean loss at each rate that
was reached, float64 (m,), m <= n. It returns a rate, or None where it has too little to go by. What a library does
to a curve before its rule, its running average and its own early stop, is done here, on the same raw losses. Where
the sweep had ended before a library would have, its rule sees what there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .curve import Floats
from .knee import knee

Rule = Callable[[Floats, Floats], float | None]


def valley(rates: Floats, losses: Floats) -> float | None:
    """Return the default of fastai: the middle of the second third of the longest decreasing subsequence.

    fastai 2, ``callback.schedule.valley``: a subsequence of length L that ends at index e is taken to begin at e - L.
    """
    rates, losses = fastai_curve(rates, losses)
    if not len(losses):
        return None
    lengths, end, start = [1] * len(losses), 0, 0
    for i in range(1, len(losses)):
        lengths[i] = 1 + max((lengths[j] for j in range(i) if losses[i] < losses[j]), default=0)
        if lengths[end] < lengths[i]:
            end, start = i, i - lengths[i]
    third = (end - start) / 3
    return float(rates[start + int(third) + int(third / 2)])


def slide(rates: Floats, losses: Floats) -> float | None:
    """Return `slide` of fastai: of points 15 apart, from the right, the left of the last whose gradients differ.

    fastai 2, ``callback.schedule.slide``; gradients are by index, and differ by more than 0.005. Where the first
    pair does not differ, its left point is returned.
    """
    rates, losses = fastai_curve(rates, losses)
    if len(losses) < 16:
        return None
    gradients = np.gradient(losses)
    right, left = -1, -16
    found = rates[left]
    while left >= -len(losses) and abs(gradients[right] - gradients[left]) > 0.005:
        found = rates[left]
        right, left = right - 1, left - 1
    return float(found)


def steep(rates: Floats, losses: Floats) -> float | None:
    """Return `steep` of fastai: where the loss falls fastest per log rate (fastai 2, ``callback.schedule.steep``)."""
    rates, losses = fastai_curve(rates, losses)
    if len(losses) < 2:
        return None
    return float(rates[(np.diff(losses) / np.diff(np.log(rates))).argmin()])


def minimum(rates: Floats, losses: Floats) -> float | None:
    """Return `minimum` of fastai: a tenth of the lowest loss's rate (fastai 2, ``callback.schedule.minimum``)."""
    rates, losses = fastai_curve(rates, losses)
    return float(rates[losses.argmin()] / 10) if len(losses) else None


def lr_finder(rates: Floats, losses: Floats) -> float | None:
    """Return what torch-lr-finder suggests: where the loss falls fastest by index, less the first 10 and last 5.

    torch-lr-finder 0.2, ``LRFinder.plot``, on the running average of ``range_test(smooth_f=0.05)``. It demands 17
    points.
    """
    curve = until(running_average(losses, 0.95), 5.0)
    if len(curve) < 17:
        return None
    return float(rates[10 : len(curve) - 5][np.gradient(curve[10:-5]).argmin()])


def lightning(rates: Floats, losses: Floats) -> float | None:
    """Return what Lightning suggests: where the loss falls fastest per rate, less the first 10 points and the last.

    Lightning 2.5.3, ``tuner.lr_finder._LRFinder.suggestion``: rates count linearly, so the lowest ones weigh most;
    releases before it count by index, later ones on a log scale. Its running average starts at 0 and is corrected as
    if it held a step more than it does.
    """
    powers = 0.98 ** np.arange(2, len(losses) + 2)
    curve = until(from_zero(losses, 0.98) / (1 - powers), 4.0, first=1)[10:-1]
    if len(curve) < 2:
        return None
    return float(rates[10:][np.gradient(curve, rates[10 : 10 + len(curve)]).argmin()])


RULES: dict[str, Rule] = {
    "cvkit": knee,
    "valley": valley,
    "slide": slide,
    "steep": steep,
    "minimum": minimum,
    "lr_finder": lr_finder,
    "lightning": lightning,
}


def fastai_curve(rates: Floats, losses: Floats) -> tuple[Floats, Floats]:
    """Return the points that fastai's rules see: without the first tenth of the planned steps and the last 5.

    The losses are a running average of 0.98, bias-corrected (``AvgSmoothLoss``), which lags by 49 steps.
    """
    powers = 0.98 ** np.arange(1, len(losses) + 1)
    curve = until(from_zero(losses, 0.98) / (1 - powers), 4.0)
    first, last = len(rates) // 10, len(curve) - 5
    seen = curve[first : max(last, first)]
    return rates[first : first + len(seen)], seen


def from_zero(losses: Floats, beta: float) -> Floats:
    """Return the running average of `losses` with weight `beta` on what was, starting at 0."""
    return np.fromiter(_averages(losses, beta, 0.0), np.float64, len(losses))


def running_average(losses: Floats, beta: float) -> Floats:
    """Return the running average of `losses` with weight `beta` on what was, starting at the first."""
    return np.fromiter(_averages(losses, beta, losses[0] if len(losses) else 0.0), np.float64, len(losses))


def _averages(losses: Floats, beta: float, average: float) -> Iterator[float]:
    for loss in losses:
        average = beta * average + (1 - beta) * loss
        yield average


def until(curve: Floats, times: float, first: int = 0) -> Floats:
    """Return `curve` up to and with the first point, from `first` on, above `times` the lowest before it."""
    best = np.minimum.accumulate(curve)
    above = np.flatnonzero(curve[first:] > times * best[first:])
    return curve[: first + int(above[0]) + 1] if len(above) else curve
