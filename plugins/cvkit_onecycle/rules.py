"""Rules that read a learning rate from a sweep: cvkit's rule and the rules of other libraries.

A rule is a function of (`rates`, `losses`): the planned rates, ascending, float64 (n,), and the raw mean loss at each
rate that was reached, float64 (m,), m <= n. It returns a rate, or None if there are too few losses. The running
average and the early stop of each library are reproduced here from the same raw losses. If the sweep ended earlier
than the library would have stopped, its rule uses the losses that exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .curve import Floats
from .knee import knee

Rule = Callable[[Floats, Floats], float | None]


def valley(rates: Floats, losses: Floats) -> float | None:
    """Return the rate of fastai's default rule: the middle of the second third of the longest decreasing subsequence.

    Source: fastai 2, ``callback.schedule.valley``, where a subsequence of length L that ends at index e counts as
    beginning at e - L.
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
    """Return the rate of fastai's rule `slide`.

    The rule compares the gradients of two points 15 apart, moving from right to left as long as they differ by more
    than 0.005. It returns the left point of the last pair that differs, or of the first pair if that does not.
    Gradients are taken by index. Source: fastai 2, ``callback.schedule.slide``.
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
    """Return the rate of fastai's rule `steep`, at which the loss falls fastest per log rate.

    Source: fastai 2, ``callback.schedule.steep``.
    """
    rates, losses = fastai_curve(rates, losses)
    if len(losses) < 2:
        return None
    return float(rates[(np.diff(losses) / np.diff(np.log(rates))).argmin()])


def minimum(rates: Floats, losses: Floats) -> float | None:
    """Return the rate of fastai's rule `minimum`, a tenth of the rate with the lowest loss.

    Source: fastai 2, ``callback.schedule.minimum``.
    """
    rates, losses = fastai_curve(rates, losses)
    return float(rates[losses.argmin()] / 10) if len(losses) else None


def lr_finder(rates: Floats, losses: Floats) -> float | None:
    """Return the rate of torch-lr-finder, at which the loss falls fastest by index, without the first 10 and last 5.

    Source: torch-lr-finder 0.2, ``LRFinder.plot``, on the running average of ``range_test(smooth_f=0.05)``. It
    requires 17 points.
    """
    curve = until(running_average(losses, 0.95), 5.0)
    if len(curve) < 17:
        return None
    return float(rates[10 : len(curve) - 5][np.gradient(curve[10:-5]).argmin()])


def lightning(rates: Floats, losses: Floats) -> float | None:
    """Return the rate of Lightning, at which the loss falls fastest per rate, without the first 10 and the last.

    Source: Lightning 2.5.3, ``tuner.lr_finder._LRFinder.suggestion``. The gradient is taken over linear rates, so low
    rates dominate; earlier releases use the index, later ones a log scale. The running average starts at 0, and its
    bias correction counts one step too many.
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
    """Return the points that fastai's rules use, without the first tenth of the planned steps and the last 5.

    The losses are a bias-corrected running average with weight 0.98 (``AvgSmoothLoss``), which lags by 49 steps.
    """
    powers = 0.98 ** np.arange(1, len(losses) + 1)
    curve = until(from_zero(losses, 0.98) / (1 - powers), 4.0)
    first, last = len(rates) // 10, len(curve) - 5
    seen = curve[first : max(last, first)]
    return rates[first : first + len(seen)], seen


def from_zero(losses: Floats, beta: float) -> Floats:
    """Return the running average of `losses` with weight `beta` on the previous average, starting at 0."""
    return np.fromiter(_averages(losses, beta, 0.0), np.float64, len(losses))


def running_average(losses: Floats, beta: float) -> Floats:
    """Return the running average of `losses` with weight `beta` on the previous average, from the first loss on."""
    return np.fromiter(_averages(losses, beta, losses[0] if len(losses) else 0.0), np.float64, len(losses))


def _averages(losses: Floats, beta: float, average: float) -> Iterator[float]:
    for loss in losses:
        average = beta * average + (1 - beta) * loss
        yield average


def until(curve: Floats, times: float, first: int = 0) -> Floats:
    """Return `curve` up to the first point, at index `first` or later, that is above `times` the lowest so far."""
    best = np.minimum.accumulate(curve)
    above = np.flatnonzero(curve[first:] > times * best[first:])
    return curve[: first + int(above[0]) + 1] if len(above) else curve
