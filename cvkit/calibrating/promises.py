"""What a user wants to be kept, and the level of probability that keeps it on the images that choose the level.

The levels are the probabilities of images, so that comparing float32 probabilities with them is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch

from ..engine.abstention import Abstention
from ..engine.intervals import LEVEL, between, kept_interval, lower_bounds
from ..engine.predictions import Predictions
from ..errors import RunError
from ..formatting import counted, percent

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

    def choose(self, calibrated: Abstention, predictions: Predictions) -> tuple[Abstention, str]:
        """Return `calibrated` with the rule that keeps the promise on `predictions`, and a sentence about it.

        `predictions` must not be those that fitted the temperature. Raises `RunError` if no rule keeps the promise.
        """
        chances = calibrated.calibrated(predictions.logits)
        match self.wanted:
            case "accuracy":
                return self._accuracy(calibrated, chances, predictions)
            case "coverage":
                return self._coverage(calibrated, chances)
            case _:
                return self._error_rate(calibrated, chances, predictions)

    def _accuracy(
        self, calibrated: Abstention, chances: torch.Tensor, predictions: Predictions
    ) -> tuple[Abstention, str]:
        """Choose the lowest threshold above which a lower bound of the accuracy is at least the promise.

        The bound is the one-sided 95 % bound of Clopper and Pearson for the images above one threshold. It is not
        corrected for the choice among thresholds; docs/results.md has how often the promise was kept.
        """
        best, guesses = chances.max(dim=1)
        confidence, order = best.sort(descending=True, stable=True)
        right = (guesses == predictions.labels)[order].cumsum(0).numpy()
        last = torch.ones(len(best), dtype=torch.bool)
        last[:-1] = confidence[1:] != confidence[:-1]  # a threshold cannot divide equal probabilities
        kept = last.nonzero().flatten().numpy() + 1
        bounds = lower_bounds(right[kept - 1], kept)
        enough = np.flatnonzero(bounds >= self.value)
        total = counted(len(best), "validation image")
        if not len(enough):
            top = int(bounds.argmax())
            least = math.ceil(math.log(1 - LEVEL) / math.log(self.value))
            raise RunError(
                f"no threshold reaches an accuracy of {percent(self.value, 2)} on {total}, with a lower bound at a "
                f"confidence of {percent(LEVEL)}; the best is {percent(float(bounds[top]), 2)}, for the "
                f"{counted(int(kept[top]), 'image')} with the highest probabilities, of which "
                f"{right[kept[top] - 1]:,} are right. Promise less, or use more validation images: "
                f"{counted(least, 'image')} above a threshold are necessary even if all of them are right"
            )
        at = int(enough[-1])
        found = replace(calibrated, level=float(confidence[kept[at] - 1]))
        return found, (
            f"Of {total} that chose the threshold, {kept[at]:,} are kept and {right[kept[at] - 1]:,} of them are "
            f"right; the lower bound of their accuracy is {percent(float(bounds[at]), 2)} (Clopper-Pearson, "
            f"one-sided {percent(LEVEL)})."
        )

    def _coverage(self, calibrated: Abstention, chances: torch.Tensor) -> tuple[Abstention, str]:
        """Choose the highest threshold that keeps at least the promised share of new images on average."""
        best = chances.amax(dim=1).sort(descending=True).values
        kept = math.ceil(round(self.value * (len(best) + 1), 9))  # kept / (n + 1) is the mean share of new images
        total = counted(len(best), "validation image")
        if kept > len(best):
            return calibrated, f"{total} allow no threshold for a coverage of {percent(self.value, 1)}: none is set."
        interval = between(*kept_interval(kept, len(best)))
        return replace(calibrated, level=float(best[kept - 1])), (
            f"The threshold keeps {kept:,} of {total} that chose it; such a threshold keeps {interval} of new images "
            f"in {percent(LEVEL)} of cases."
        )

    def _error_rate(
        self, calibrated: Abstention, chances: torch.Tensor, predictions: Predictions
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


def promise_of(
    accuracy: float | None = None, coverage: float | None = None, error_rate: float | None = None
) -> Promise | None:
    """Return the promise of the one value that is given, or None; raise `ValueError` if several are given."""
    values: dict[Wanted, float | None] = {"accuracy": accuracy, "coverage": coverage, "error_rate": error_rate}
    given = [Promise(wanted, value) for wanted, value in values.items() if value is not None]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(each.wanted for each in given)} are different rules; give one of them")
    return given[0] if given else None
