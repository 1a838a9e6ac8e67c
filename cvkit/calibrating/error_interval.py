"""The expected calibration error with an interval, and its value for a model without calibration error."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..engine.calibration import BINS, Calibration, bins_of
from ..engine.intervals import LEVEL, between
from ..engine.per_sample import PerSample
from ..engine.predictions import Predictions
from ..formatting import percent
from ..seeding import derive

RESAMPLES = 1_000
_AT_ONCE = 2_000_000  # draws of images at a time; this limits the memory


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
        their Application", section 5.2; `by_chance`: the consistency resampling of Broecker and Smith 2007,
        "Increasing the Reliability of Reliability Diagrams".
        """
        confidence, right = PerSample.of(predictions).confidence.double(), predictions.correct.double()
        value = Calibration.of(predictions).error
        generator = torch.Generator().manual_seed(derive("calibration error", len(right)))
        bins = bins_of(confidence)
        rounds = torch.arange(RESAMPLES).split(max(1, _AT_ONCE // len(right)))
        resampled, right_by_chance = [], []
        for part in rounds:
            chosen = torch.randint(len(right), (len(part), len(right)), generator=generator)
            resampled.append(_errors((right - confidence)[chosen], bins[chosen]))
            drawn = torch.rand(len(part), len(right), generator=generator, dtype=torch.float64) < confidence
            right_by_chance.append(_errors(drawn.double() - confidence, bins.expand(len(part), -1)))
        quantiles = torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2], dtype=torch.float64)
        low, high = torch.cat(resampled).quantile(quantiles).tolist()
        lowest, highest = (max(0.0, 2 * value - end) for end in (high, low))
        return cls(value, lowest, highest, float(torch.cat(right_by_chance).quantile(LEVEL)))

    @property
    def text(self) -> str:
        """The error as a percentage."""
        return percent(self.value, 1)

    @property
    def interval(self) -> str:
        """The interval as text."""
        return between(self.low, self.high)


def _errors(gaps: Tensor, bins: Tensor) -> Tensor:
    """Return the ECE of each row, float64 (R,), from ``right - confidence`` and the bin of each image, (R, N)."""
    sums = torch.zeros(len(gaps), BINS, dtype=torch.float64).scatter_add_(1, bins, gaps)
    return sums.abs().sum(dim=1) / gaps.shape[1]
