"""The expected calibration error with an interval, and its value for a model without calibration error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..formatting import percent
from ..seeding import derive
from .calibration import BINS, Calibration, bins_of
from .intervals import LEVEL, between
from .per_sample import PerSample
from .predictions import Predictions

RESAMPLES = 1_000
_AT_ONCE = 2_000_000  # draws of images at a time; this limits the memory
_MOST = 20_000_000  # draws of images, above which there are fewer samples: 0.4 s for 10,000 images, 4 s for a million


@dataclass(frozen=True)
class CalibrationError:
    """The expected calibration error (ECE) of predictions, in [0, 1].

    The ECE of a sample is too high on average, because chance differences within the bins add up. So the interval
    may be below it, and `by_chance` is necessary to judge it.

    Attributes:
        value: The ECE.
        low: The lower end of the 95 % interval.
        high: The upper end of the 95 % interval.
        by_chance: The ECE that 95 % of samples of this size stay below if the probabilities are right.
    """

    value: float
    low: float
    high: float
    by_chance: float

    @classmethod
    def of(cls, predictions: Predictions) -> CalibrationError:
        """Return the calibration error of predictions, with `RESAMPLES` seeded draws.

        The interval is the basic bootstrap interval over images, ``2 value - quantile``, which corrects the bias;
        percentiles of the resamples would have it twice. Sources: Davison and Hinkley 1997, "Bootstrap Methods and
        their Application", section 5.2.
        """
        confidence, right = PerSample.of(predictions).confidence.double(), predictions.correct.double()
        value = Calibration.of(predictions).error
        generator = torch.Generator().manual_seed(derive("calibration error", len(right)))
        bins = bins_of(confidence)
        resampled = []
        for part in _parts(RESAMPLES, len(right)):
            chosen = torch.randint(len(right), (part, len(right)), generator=generator)
            resampled.append(_errors((right - confidence)[chosen], bins[chosen]))
        quantiles = torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2], dtype=torch.float64)
        low, high = torch.cat(resampled).quantile(quantiles).tolist()
        lowest, highest = (max(0.0, 2 * value - end) for end in (high, low))
        return cls(value, lowest, highest, error_by_chance(predictions))

    @property
    def text(self) -> str:
        """The error as a percentage."""
        return percent(self.value, 1)

    @property
    def interval(self) -> str:
        """The interval as text."""
        return between(self.low, self.high)


def error_by_chance(predictions: Predictions) -> float:
    """Return the ECE that 95 % of samples of this size stay below if the probabilities are right, in [0, 1].

    Whether each image is right is drawn again with its confidence, up to `RESAMPLES` times with a fixed seed; at
    least 100 times if there are many images. Source: the consistency resampling of Broecker and Smith 2007,
    "Increasing the Reliability of Reliability Diagrams".
    """
    confidence = PerSample.of(predictions).confidence.double()
    bins, number = bins_of(confidence), len(confidence)
    generator = torch.Generator().manual_seed(derive("calibration error by chance", number))
    found = []
    for part in _parts(max(100, min(RESAMPLES, _MOST // number)), number):
        drawn = torch.rand(part, number, generator=generator, dtype=torch.float64) < confidence
        found.append(_errors(drawn.double() - confidence, bins.expand(part, -1)))
    return float(torch.cat(found).quantile(LEVEL))


def _parts(resamples: int, images: int) -> Iterator[int]:
    """Yield how many samples to draw at a time."""
    at_once = max(1, _AT_ONCE // images)
    for begin in range(0, resamples, at_once):
        yield min(at_once, resamples - begin)


def _errors(gaps: Tensor, bins: Tensor) -> Tensor:
    """Return the ECE of each row, float64 (R,), from ``right - confidence`` and the bin of each image, (R, N)."""
    sums = torch.zeros(len(gaps), BINS, dtype=torch.float64).scatter_add_(1, bins, gaps)
    return sums.abs().sum(dim=1) / gaps.shape[1]
