"""Calibration of predictions: images grouped by confidence, and the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .per_sample import PerSample
from .predictions import Predictions

BINS = 15
"""The number of bins of equal width. Source: Guo et al. 2017, arXiv:1706.04599."""


def bins_of(probabilities: Tensor, bins: int = BINS) -> Tensor:
    """Return the bin of each probability, int64. Bin i of M contains (i/M, (i+1)/M], and the first one also 0."""
    places: Tensor = ((probabilities * bins).ceil().long() - 1).clamp(0, bins - 1)
    return places


@dataclass(frozen=True)
class Calibration:
    """Images grouped by confidence. Bin i of M contains confidences in (i/M, (i+1)/M].

    Attributes:
        counts: Images in each bin, int64 (M,).
        confidence: Mean confidence in each bin, float64 (M,); 0 in an empty bin.
        accuracy: Accuracy in each bin, float64 (M,); 0 in an empty bin.
        uncertainty: Standard error of `excess` over images.
    """

    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    uncertainty: float

    @classmethod
    def of(cls, predictions: Predictions, bins: int = BINS) -> Calibration:
        """Return the calibration of one or more predictions.

        Args:
            predictions: The predictions.
            bins: The number of bins of equal width in [0, 1], at least 1.
        """
        confidence = PerSample.of(predictions).confidence.double()
        places = bins_of(confidence, bins)
        counts = torch.bincount(places, minlength=bins)
        sums = (
            torch.bincount(places, weights=values, minlength=bins)
            for values in (confidence, predictions.correct.double())
        )
        confidences, accuracies = (total / counts.clamp(min=1) for total in sums)
        gaps = confidence - predictions.correct.double()
        uncertainty = float(gaps.std(correction=0)) / len(gaps) ** 0.5
        return cls(counts.numpy(), confidences.numpy(), accuracies.numpy(), uncertainty)

    @property
    def error(self) -> float:
        """The expected calibration error in [0, 1]: the mean difference between accuracy and confidence over images.

        ``sum(counts / n * abs(accuracy - confidence))``, equation 3 of Guo et al. 2017.
        """
        return float(np.abs(self.accuracy - self.confidence) @ self.counts / self.counts.sum())

    @property
    def excess(self) -> float:
        """The mean confidence minus the accuracy, in [-1, 1]. It is positive if the model is overconfident."""
        return float((self.confidence - self.accuracy) @ self.counts / self.counts.sum())

    @property
    def excess_interval(self) -> tuple[float, float]:
        """The 95 % interval of `excess` over images: 1.96 standard errors on each side (normal approximation)."""
        return self.excess - 1.96 * self.uncertainty, self.excess + 1.96 * self.uncertainty
