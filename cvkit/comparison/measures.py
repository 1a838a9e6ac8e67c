"""The measures of a comparison: a score of each group of runs, their difference, and how sure it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from ..engine.paired import LEVEL, Disagreement
from ..runs.predictions_table import PredictionsTable
from ..tasks import MULTI_LABEL, SINGLE_LABEL
from .groups import Group
from .label_set_scores import by_label, difference, macro_f1, mean_average_precision
from .repeated import Repeated, repeated_means, repeated_scores
from .resampling import Resampled, Score, mean_difference, resample

Verdict = Literal["better", "worse", "equivalent", "undecided"]
"""What is known of the second of two groups of runs compared with the first."""

EXACT = "McNemar's exact test, interval of Fay and Lumbard"
BOOTSTRAP = "paired bootstrap over images"
COMPONENTS = "Student's t over runs and images"


@dataclass(frozen=True)
class Measure:
    """A score of two groups of runs on the same images, and their difference.

    Attributes:
        name: The score: ``accuracy``, ``mean_average_precision``, ``f1``, ``exact_match`` or ``loss``.
        first: The score of the first group, the mean over its runs.
        second: The score of the second group, the mean over its runs.
        interval: The ends of the 95 % interval of `difference`, not corrected for several comparisons.
        narrow: The ends of the 90 % interval, not corrected either. It lies within the margin if the groups are
            equivalent; the opposite is true only of a single comparison.
        p_value: The two-sided p-value that there is no difference, corrected for several comparisons (Holm).
        equivalence_p_value: The p-value that the difference is at least the margin, by two one-sided tests, corrected
            in the same way; None if no margin applies.
        method: The tests.
        bootstrap: The ends of the 95 % interval by the paired bootstrap, if `interval` is of another method; or None.
        images_needed: How many images would show the observed difference with a power of 80 %, at the level that is
            left of 5 % for each of several comparisons; None if no number would.
        runs_needed: How many runs of each recipe, up to 200, would show it on these images; None if no number would,
            or if a group is one run.
        lower_is_better: Whether a lower score is better.
    """

    name: str
    first: float
    second: float
    interval: tuple[float, float]
    narrow: tuple[float, float]
    p_value: float
    equivalence_p_value: float | None
    method: str
    bootstrap: tuple[float, float] | None = None
    images_needed: int | None = None
    runs_needed: int | None = None
    lower_is_better: bool = False

    @property
    def difference(self) -> float:
        """The second score minus the first."""
        return self.second - self.first


@dataclass(frozen=True)
class Asked:
    """What a comparison asks of a measure.

    Attributes:
        margin: The difference in (0, 1) below which groups are equivalent; None if no margin applies.
        level: The level at which the difference should be found: `LEVEL`, divided by the number of comparisons.
    """

    margin: float | None
    level: float


def measures(first: Group, second: Group, margin: float, comparisons: int = 1) -> tuple[Measure, ...]:
    """Return the measures of two groups of runs on the same images, the main score first.

    `margin` is the difference of the main score, in (0, 1), below which groups are equivalent. What would show a
    difference is computed for the smallest level of Holm's correction for this number of comparisons. The p-values
    are not corrected yet.
    """
    main, other = (Asked(value, LEVEL / comparisons) for value in (margin, None))
    if not first.runs[0].table.several:
        return (
            _of_images(SINGLE_LABEL.score, first, second, lambda table: table.correct.double(), main),
            _of_images("loss", first, second, _losses, other),
        )
    return (
        _of_sets(MULTI_LABEL.score, first, second, mean_average_precision, main),
        _of_sets("f1", first, second, macro_f1, other),
        _of_images("exact_match", first, second, lambda table: table.correct.double(), other),
    )


def main_score(table: PredictionsTable) -> float:
    """Return the score of one run that `measures` compares first."""
    return float(by_label(table).nanmean() if table.several else table.correct.double().mean())


def _losses(table: PredictionsTable) -> Tensor:
    assert table.loss is not None  # noqa: S101  # only single labels have a loss of each image
    return table.loss


def _of_images(
    name: str, first: Group, second: Group, value: Callable[[PredictionsTable], Tensor], asked: Asked
) -> Measure:
    """Return the measure that is the mean of a value of each image."""
    one, other = (torch.stack([value(run.table) for run in group.runs]) for group in (first, second))
    n = one.shape[1]
    resampled = resample(n, mean_difference(one.mean(dim=0), other.mean(dim=0)))
    means = (float(one.mean()), float(other.mean()))
    lower = name == "loss"
    if len(one) > 1 or len(other) > 1:
        span = _span(one, other) if lower else 1.0
        return _repeated(name, means, repeated_means(one, other, span), resampled, asked, n, lower)
    if lower:
        return _resampled(name, means, resampled, asked, n, lower)
    found = Disagreement(int((other > one).sum()), int((one > other).sum()), n)
    return Measure(
        name,
        *means,
        found.interval(),
        found.interval(0.9),
        found.p_value,
        None if asked.margin is None else found.equivalence_p_value(asked.margin),
        EXACT,
        resampled.interval(),
        found.images_needed(asked.level),
    )


def _span(one: Tensor, other: Tensor) -> float:
    """Return the largest difference of two values; 1 if all are equal, because another value is possible."""
    low, high = torch.cat([one.flatten(), other.flatten()]).aminmax()
    return float(high - low) or 1.0


def _of_sets(
    name: str, first: Group, second: Group, score: Callable[[Sequence[PredictionsTable]], Score], asked: Asked
) -> Measure:
    """Return a measure that is computed from all images together."""
    one, other = ([run.table for run in group.runs] for group in (first, second))
    n = len(one[0])
    every = torch.ones(1, n, dtype=torch.float64)
    first_scores, second_scores = (torch.cat([score([table])(every) for table in tables]) for tables in (one, other))
    resampled = resample(n, difference(score(one), score(other)))
    means = (float(first_scores.mean()), float(second_scores.mean()))
    if len(one) > 1 or len(other) > 1:
        found = repeated_scores(first_scores, second_scores, resampled.variance, n)
        return _repeated(name, means, found, resampled, asked, n, False)
    return _resampled(name, means, resampled, asked, n, False)


def _resampled(name: str, means: tuple[float, float], found: Resampled, asked: Asked, n: int, lower: bool) -> Measure:
    return Measure(
        name,
        *means,
        found.interval(),
        found.interval(0.9),
        found.p_value,
        _seen(found.equivalence_p_value, asked.margin, n),
        BOOTSTRAP,
        images_needed=found.images_needed(means[1] - means[0], n, asked.level),
        lower_is_better=lower,
    )


def _repeated(
    name: str,
    means: tuple[float, float],
    found: Repeated,
    resampled: Resampled,
    asked: Asked,
    n: int,
    lower: bool,
) -> Measure:
    wide, narrow = found.interval(), found.interval(0.9)
    return Measure(
        name,
        *means,
        wide if lower else _within_one(wide),
        narrow if lower else _within_one(narrow),
        found.p_value,
        _seen(found.equivalence_p_value, asked.margin, n),
        COMPONENTS,
        resampled.interval(),
        found.images_needed(asked.level),
        found.runs_needed(asked.level) if min(found.variance.runs) > 1 else None,
        lower,
    )


def _within_one(ends: tuple[float, float]) -> tuple[float, float]:
    """Return the part of an interval that is possible for a difference of two scores in [0, 1]."""
    return max(-1.0, ends[0]), min(1.0, ends[1])


def _seen(p_value: Callable[[float], float], margin: float | None, n: int) -> float | None:
    """Return an equivalence p-value; 1 if n images are too few to see a difference of the margin at all.

    If the models agree on all n images, they may still disagree on 3 / n of all images (with 95 % confidence), but no
    variance is measured. Source: the rule of three, Hanley and Lippman-Hand 1983.
    """
    if margin is None:
        return None
    return 1.0 if 3 / n > margin else p_value(margin)


def corrected(measure: Measure, p_value: float, equivalence_p_value: float | None) -> Measure:
    """Return the measure with p-values that are corrected for several comparisons."""
    return replace(measure, p_value=p_value, equivalence_p_value=equivalence_p_value)
