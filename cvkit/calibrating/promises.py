"""What a user wants to be kept, and the level of probability that keeps it on the images that choose the level.

The levels are the probabilities of images, so that comparing float32 probabilities with them is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import betainc
from torch import Tensor

from ..engine.abstention import Abstention
from ..engine.intervals import LEVEL, between, kept_interval, lower_bounds
from ..engine.predictions import Predictions
from ..errors import RunError
from ..formatting import counted, percent

_LEVELS = 100  # thresholds at most

Wanted = Literal["accuracy", "coverage", "error_rate"]


@dataclass(frozen=True)
class Promise:
    """What is promised for new images that are like the validation images.

    Attributes:
        wanted: ``accuracy`` of the images that are not declined; ``coverage``, the share of images that are not
            declined; or ``error_rate``, the share of images whose class is not in their prediction set.
        value: The accuracy or the coverage at least, or the error rate at most; in (0, 1), or 1 for a coverage.
    """

    wanted: Wanted
    value: float

    def __post_init__(self) -> None:
        if not (0 < self.value < 1 or (self.wanted == "coverage" and self.value == 1)):
            raise ValueError(f"{self.wanted} must be between 0 and 1, as in 0.9, and it is {self.value!r}")

    @property
    def share(self) -> float:
        """The promised share: of images that are kept, are right, or have their class in the prediction set."""
        return 1 - self.value if self.wanted == "error_rate" else self.value

    def choose(
        self, calibrated: Abstention, predictions: Predictions, fitting: Predictions
    ) -> tuple[Abstention, str]:
        """Return `calibrated` with the rule that keeps the promise on `predictions`, and a sentence about it.

        `fitting` are the predictions that fitted the temperature; `predictions` must be those of other images. Raises
        `RunError` if no rule keeps the promise.
        """
        chances = calibrated.calibrated(predictions.logits)
        match self.wanted:
            case "accuracy":
                return self._accuracy(calibrated, chances, predictions, fitting)
            case "coverage":
                return self._coverage(calibrated, chances)
            case _:
                return self._error_rate(calibrated, chances, predictions)

    def _accuracy(
        self, calibrated: Abstention, chances: Tensor, predictions: Predictions, fitting: Predictions
    ) -> tuple[Abstention, str]:
        """Test the thresholds in their order until one fails; choose the last that passed.

        A threshold passes if a lower bound of the accuracy above it, Clopper and Pearson's, one-sided at 95 %, is at
        least the promise. The order does not depend on the images that test, so the chance that the chosen threshold
        breaks the promise is at most 5 %, although many are tested. Source: fixed-sequence testing in Angelopoulos,
        Bates, Candes, Jordan and Lei 2021, "Learn then Test", arXiv:2110.01052, section 2.2.
        """
        levels = levels_to_test(calibrated.calibrated(fitting.logits), fitting.labels, self.value)
        best, guesses = chances.max(dim=1)
        above = best >= levels[:, None]
        kept = above.sum(dim=1).numpy()
        right = (above & (guesses == predictions.labels)).sum(dim=1).numpy()
        bounds = lower_bounds(right, kept)
        failed = np.flatnonzero(bounds < self.value)
        at = int(failed[0]) - 1 if len(failed) else len(levels) - 1
        total = counted(len(best), "validation image")
        if at < 0:
            least = math.ceil(math.log(1 - LEVEL) / math.log(self.value))
            raise RunError(
                f"{total} do not show an accuracy of {percent(self.value, 2)} for any threshold: of the "
                f"{counted(int(kept[0]), 'image')} above the threshold that is tested first, {right[0]:,} are right, "
                f"and the lower bound of their accuracy is {percent(float(bounds[0]), 2)} at a confidence of "
                f"{percent(LEVEL)}. The other {len(fitting.labels):,} fitted the temperature. Promise less, or a "
                f"coverage instead, or use more validation images: even if all are right, at least {2 * least:,} are "
                "necessary in total"
            )
        return replace(calibrated, level=float(levels[at])), (
            f"Of {total} that tested the threshold, {kept[at]:,} are kept and {right[at]:,} of them are "
            f"right; the lower bound of their accuracy is {percent(float(bounds[at]), 2)} (Clopper-Pearson, "
            f"one-sided {percent(LEVEL)}). Thresholds that passed, one after the other: {at + 1}."
        )

    def _coverage(self, calibrated: Abstention, chances: Tensor) -> tuple[Abstention, str]:
        """Choose the highest threshold that keeps at least the promised share of new images on average."""
        best = chances.amax(dim=1).sort(descending=True).values
        kept = math.ceil(round(self.value * (len(best) + 1), 9))  # kept / (n + 1) is the mean share of new images
        total = counted(len(best), "validation image")
        if kept > len(best):
            return calibrated, (
                f"No threshold is set: with {total}, none keeps {percent(self.value, 1)} of new images on average."
            )
        interval = between(*kept_interval(kept, len(best)))
        return replace(calibrated, level=float(best[kept - 1])), (
            f"The threshold keeps {kept:,} of {total} that chose it; such a threshold keeps {interval} of new images "
            f"in {percent(LEVEL)} of cases."
        )

    def _error_rate(
        self, calibrated: Abstention, chances: Tensor, predictions: Predictions
    ) -> tuple[Abstention, str]:
        """Choose the quantile of split conformal prediction: score 1 - p, rank ceil((n + 1)(1 - error rate)).

        Source: Vovk, Gammerman and Shafer 2005, "Algorithmic Learning in a Random World"; Angelopoulos and Bates
        2021, arXiv:2107.07511, section 1.
        """
        of_true = chances.gather(1, predictions.labels[:, None])[:, 0].sort(descending=True).values
        rank = math.ceil(round((len(of_true) + 1) * (1 - self.value), 9))
        total = counted(len(of_true), "validation image")
        if rank > len(of_true):
            raise RunError(
                f"an error rate of {percent(self.value, 2)} is not possible with {total}: the lowest is "
                f"{percent(1 / (len(of_true) + 1), 2)}. Promise less, or use more validation images: at least "
                f"{math.ceil(round(1 / self.value, 9)) - 1:,} beside those that fit the temperature"
            )
        interval = between(*kept_interval(rank, len(of_true)))
        return replace(calibrated, rule="conformal", level=float(of_true[rank - 1])), (
            f"The quantile is the score of rank {rank:,} of {total} that chose it; the prediction sets of such a "
            f"quantile contain the class of {interval} of new images in {percent(LEVEL)} of cases."
        )


def levels_to_test(chances: Tensor, labels: Tensor, accuracy: float) -> Tensor:
    """Return descending thresholds to test for an accuracy, from the images that fitted the temperature.

    Each keeps about one percent more of these images than the one before. At the first one, these images are the
    strongest evidence for the accuracy, by the binomial test, so that the sequence seldom ends at once.

    Args:
        chances: Calibrated probabilities, float (N, K).
        labels: int64 (N,).
        accuracy: The accuracy, in (0, 1).
    """
    best, guesses = chances.max(dim=1)
    confidence, order = best.sort(descending=True, stable=True)
    right = (guesses == labels)[order].cumsum(0).numpy()
    ends = np.append(np.flatnonzero(confidence[1:] != confidence[:-1]), len(best) - 1) + 1
    steps = min(len(best), _LEVELS)
    wanted = np.arange(1, steps + 1) * len(best) // steps
    kept = np.unique(ends[np.searchsorted(ends, wanted)])  # a threshold cannot divide equal probabilities
    hits = right[kept - 1]
    # the chance of at least so many right images if the accuracy above the threshold is just below the promise
    by_chance = np.where(hits > 0, betainc(np.maximum(hits, 1), kept - hits + 1, accuracy), 1.0)
    first = int(by_chance.argmin())
    return confidence[kept[first:] - 1]


def promise_of(
    accuracy: float | None = None, coverage: float | None = None, error_rate: float | None = None
) -> Promise | None:
    """Return the promise of the one value that is given, or None; raise `ValueError` if several are given."""
    values: dict[Wanted, float | None] = {"accuracy": accuracy, "coverage": coverage, "error_rate": error_rate}
    given = [Promise(wanted, value) for wanted, value in values.items() if value is not None]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(each.wanted for each in given)} are different rules; give one of them")
    return given[0] if given else None
