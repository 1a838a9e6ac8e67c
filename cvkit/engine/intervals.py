"""Confidence intervals of shares of images: the exact binomial interval, and the share above an order statistic."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv
from torch import Tensor

from ..formatting import percent

LEVEL = 0.95
"""The confidence level of every interval."""


def lower_bounds(hits: ArrayLike, of: ArrayLike, error: float = 1 - LEVEL) -> NDArray[np.float64]:
    """Return the one-sided lower confidence bound of a share, for `hits` among `of` images; arrays of equal shape.

    The share is below its bound with a probability of at most `error`. Source: Clopper and Pearson 1934, "The use of
    confidence or fiducial limits illustrated in the case of the binomial".
    """
    hits, of = np.asarray(hits, float), np.asarray(of, float)
    bound = betaincinv(np.maximum(hits, 1), of - hits + 1, error)
    return np.where(hits > 0, bound, 0.0)


def upper_bounds(hits: ArrayLike, of: ArrayLike, error: float = 1 - LEVEL) -> NDArray[np.float64]:
    """Return the one-sided upper confidence bound of a share, as `lower_bounds` does."""
    return 1 - lower_bounds(np.asarray(of) - np.asarray(hits), of, error)


def kept_interval(kept: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of the share of new images that are at or above an order statistic.

    The order statistic is the `kept`-th largest of `of` independent values without ties. The share then has the
    distribution Beta(kept, of + 1 - kept), with the mean ``kept / (of + 1)``. Source: Vovk 2012, "Conditional
    validity of inductive conformal predictors", arXiv:1209.2673, section 2.
    """
    if kept > of:
        return 1.0, 1.0
    low, high = betaincinv(kept, of + 1 - kept, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class Share:
    """A share of images with its two-sided 95 % interval of Clopper and Pearson.

    Attributes:
        hits: The images that are counted.
        of: The images among which they are counted.
    """

    hits: int
    of: int

    @classmethod
    def where(cls, counted: Tensor) -> Share:
        """Return the share of true values in a bool tensor (N,)."""
        return cls(int(counted.sum()), len(counted))

    @property
    def value(self) -> float:
        """The share in [0, 1]; NaN if there are no images."""
        return self.hits / self.of if self.of else float("nan")

    @cached_property
    def low(self) -> float:
        """The lower end of the interval; 0 if there are no images."""
        return float(lower_bounds(self.hits, self.of, (1 - LEVEL) / 2)) if self.of else 0.0

    @cached_property
    def high(self) -> float:
        """The upper end of the interval; 1 if there are no images."""
        return float(upper_bounds(self.hits, self.of, (1 - LEVEL) / 2)) if self.of else 1.0

    @property
    def text(self) -> str:
        """The share as a percentage; "-" if there are no images."""
        return percent(self.value, 1) if self.of else "-"

    @property
    def interval(self) -> str:
        """The interval as text; "-" if there are no images."""
        return between(self.low, self.high) if self.of else "-"


def between(low: float, high: float) -> str:
    """Return an interval of shares as text: ``95.2 to 98.0 %``."""
    return f"{percent(low, 1).removesuffix(' %')} to {percent(high, 1)}"
