"""`Summary`: the mean and the spread of the results of several seeds, and how far their predictions agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from statistics import fmean, stdev
from typing import Any

from ..engine.intervals import LEVEL
from ..engine.student_t import half_width_of_mean
from ..errors import RunError
from .results import SeedResult


@dataclass(frozen=True)
class Spread:
    """The mean of a value over the seeds, and how much it differs between them.

    Attributes:
        mean: The mean.
        deviation: The standard deviation with n - 1 in the denominator; None for one seed.
        interval: The lower and upper end of the 95 % interval of the mean, by Student's t; None for one seed.
        cut: The possible values at which the interval was cut, because it went beyond them.
    """

    mean: float
    deviation: float | None
    interval: tuple[float, float] | None
    cut: tuple[float, ...] = ()

    @classmethod
    def of(cls, values: Sequence[float], least: float = -math.inf, most: float = math.inf) -> Spread:
        """Return the spread of at least one value, each of which is between `least` and `most`.

        Student's t has no bounds, so with few seeds the interval may go beyond the possible values. The mean is not
        there, so the interval without this part contains the mean as often.
        """
        mean = fmean(values)
        if len(values) < 2:
            return cls(mean, None, None)
        half = half_width_of_mean(values)
        low, high = mean - half, mean + half
        cut = (*((least,) if low < least else ()), *((most,) if high > most else ()))
        return cls(mean, stdev(values), (max(low, least), min(high, most)), cut)

    def to_json(self) -> dict[str, Any]:
        """Return the values for a JSON file."""
        interval = None if self.interval is None else [*self.interval]
        return {
            "mean": self.mean,
            "standard_deviation": self.deviation,
            "interval": interval,
            "interval_cut_at": [*self.cut],
        }


@dataclass(frozen=True)
class Summary:
    """The results of the seeds that have finished, at least one, in the order of the seeds.

    Raises `RunError` if the seeds were not measured on the same images.
    """

    results: tuple[SeedResult, ...]

    def __post_init__(self) -> None:
        first = self.results[0]
        for other in self.results[1:]:
            if (other.half, other.names, other.true) != (first.half, first.names, first.true):
                raise RunError(
                    f"seed {first.seed} and seed {other.seed} were not measured on the same images, so they "
                    f"cannot be compared: the data changed in between. Remove '{other.folder}' or "
                    f"'{first.folder}' to train that seed again"
                )

    @property
    def half(self) -> str:
        """The images that measure the results."""
        return self.results[0].half

    @property
    def score_name(self) -> str:
        """What the score is."""
        return self.results[0].score_name

    @cached_property
    def score(self) -> Spread:
        """The spread of the score, which is in [0, 1]."""
        return Spread.of([result.score for result in self.results], 0.0, 1.0)

    @cached_property
    def loss(self) -> Spread:
        """The spread of the loss."""
        return Spread.of([result.loss for result in self.results])

    @cached_property
    def metrics(self) -> dict[str, Spread]:
        """The spread of each metric that all seeds have."""
        names = [name for name in self.results[0].metrics if all(name in result.metrics for result in self.results)]
        return {name: Spread.of([result.metrics[name] for result in self.results]) for name in names}

    @property
    def images(self) -> int:
        """The number of images that measure the results."""
        return len(self.results[0].true)

    @cached_property
    def disputed(self) -> tuple[int, ...]:
        """The positions of the images for which the seeds do not all predict the same."""
        columns = zip(*(result.predicted for result in self.results), strict=True)
        return tuple(index for index, predicted in enumerate(columns) if len(set(predicted)) > 1)

    @property
    def agreement(self) -> float:
        """The fraction of the images for which all seeds predict the same."""
        return 1 - len(self.disputed) / self.images

    @cached_property
    def pairs(self) -> dict[tuple[int, int], float]:
        """The fraction of the images for which two seeds predict the same, by the two seeds."""
        return {
            (one.seed, other.seed): fmean(map(str.__eq__, one.predicted, other.predicted))
            for one, other in combinations(self.results, 2)
        }

    @property
    def mean_of_pairs(self) -> float | None:
        """The mean agreement of two seeds; None for one seed."""
        return fmean(self.pairs.values()) if self.pairs else None

    def to_json(self) -> dict[str, Any]:
        """Return the summary for repeat.json."""
        return {
            "half": self.half,
            "score_name": self.score_name,
            "level": LEVEL,
            "score": self.score.to_json(),
            "loss": self.loss.to_json(),
            "metrics": {name: spread.to_json() for name, spread in self.metrics.items()},
            "images": self.images,
            "agreement": self.agreement,
            "pairs": [{"seeds": [*pair], "agreement": value} for pair, value in self.pairs.items()],
            "runs": [
                {
                    "seed": result.seed,
                    "folder": result.folder.name,
                    "score": result.score,
                    "loss": result.loss,
                    "metrics": dict(result.metrics),
                    "epochs": len(result.curve),
                    "epoch_chosen": result.chosen,
                    "training_seconds": result.seconds,
                }
                for result in self.results
            ],
        }
