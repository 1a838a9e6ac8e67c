"""What `cvkit calibrate` found: the calibration, what it promises, and what was measured on the test images."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from torch.nn.functional import cross_entropy

from ..engine.abstention import Abstention
from ..engine.calibration_error import CalibrationError
from ..engine.intervals import Share
from ..engine.predictions import Predictions
from ..formatting import counted, percent
from .promises import Promise

Row = tuple[str, str, str, str, str]

HEADER: Row = ("what", "promised", "measured", "95 % interval", "images")
"""The columns of the table of measurements."""


@dataclass(frozen=True, repr=False)
class CalibrationResult:
    """A calibration with its measurements.

    Attributes:
        abstention: The temperature, and which images are declined.
        promise: What was promised; None if the model only calibrates its probabilities.
        fitted_on: The number of validation images that fitted the temperature.
        chosen_on: The number of other validation images that chose the rule; 0 without a promise.
        test: The predictions for the test images, with logits that are not calibrated.
        foreign: The share of the foreign images that are declined; None if none were given.
        notes: Sentences about how the rule was chosen.
        warnings: Reasons to doubt the calibration.
    """

    abstention: Abstention
    promise: Promise | None
    fitted_on: int
    chosen_on: int
    test: Predictions
    foreign: Share | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @cached_property
    def calibrated(self) -> Predictions:
        """The predictions for the test images with calibrated logits."""
        logits = self.abstention.calibrated_logits(self.test.logits)
        return replace(self.test, logits=logits, loss=float(cross_entropy(logits, self.test.labels)))

    @cached_property
    def errors(self) -> tuple[CalibrationError, CalibrationError]:
        """The calibration error of the test images before and after the calibration."""
        return CalibrationError.of(self.test), CalibrationError.of(self.calibrated)

    @cached_property
    def coverage(self) -> Share:
        """The share of the test images that are not declined."""
        return Share.where(~self.abstention.declined(self.calibrated.probabilities))

    @cached_property
    def kept_accuracy(self) -> Share:
        """The accuracy of the test images that are not declined."""
        kept = ~self.abstention.declined(self.calibrated.probabilities)
        return Share.where(self.calibrated.correct[kept])

    @cached_property
    def in_set(self) -> Share:
        """The share of the test images whose prediction set contains their class."""
        sets = self.abstention.prediction_sets(self.calibrated.probabilities)
        return Share.where(sets.gather(1, self.test.labels[:, None])[:, 0])

    @property
    def promised(self) -> Share | None:
        """The share of the test images that the promise is about; None without a promise."""
        if self.promise is None:
            return None
        return {"accuracy": self.kept_accuracy, "coverage": self.coverage, "error_rate": self.in_set}[
            self.promise.wanted
        ]

    def remarks(self) -> Iterator[str]:
        """Yield each reason to doubt the calibration, with those that the test images show."""
        yield from self.warnings
        before, after = self.errors
        if after.value > max(before.value, after.by_chance):
            yield (
                f"the calibration error of the test images rose from {before.text} to {after.text}, and only "
                f"{percent(after.by_chance, 1)} may be chance, so the probabilities were better without it"
            )
        measured, promise = self.promised, self.promise
        if measured is None or promise is None:
            return
        if not measured.of:
            yield "every test image is declined, so the promise could not be checked"
        elif measured.high < promise.share:
            yield (
                f"the test images break the promise: {measured.text} ({measured.interval}) instead of "
                f"{percent(promise.share, 1)}. The validation images may differ from the test images, or were used "
                "to choose the model"
            )

    def table(self) -> tuple[Row, list[Row]]:
        """Return the header and the rows of the table of measurements."""
        promise, total = self.promise, f"of {counted(len(self.test.labels), 'test image')}"
        wanted = "" if promise is None else f"at least {percent(promise.share, 1)}"
        of = dict.fromkeys(("accuracy", "coverage", "error_rate"), "")
        if promise is not None:
            of[promise.wanted] = wanted
        everything = Share.where(self.calibrated.correct)
        rows = []
        if self.abstention.declines:
            kept, coverage = self.kept_accuracy, self.coverage
            rows += [
                (
                    "accuracy of kept images",
                    of["accuracy"],
                    kept.text,
                    kept.interval,
                    f"{kept.hits:,} of {kept.of:,}",
                ),
                (
                    "coverage: images kept",
                    of["coverage"],
                    coverage.text,
                    coverage.interval,
                    f"{coverage.hits:,} {total}",
                ),
            ]
        if self.abstention.rule == "conformal":
            name = "class is in the prediction set"
            rows.append(
                (name, of["error_rate"], self.in_set.text, self.in_set.interval, f"{self.in_set.hits:,} {total}")
            )
        rows.append(
            ("accuracy of all images", "", everything.text, everything.interval, f"{everything.hits:,} {total}")
        )
        for when, error in zip(("before", "after"), self.errors, strict=True):
            chance = f"at most {percent(error.by_chance, 1)} by chance"
            rows.append((f"calibration error (ECE) {when}", "", error.text, error.interval, chance))
        if (found := self.foreign) is not None:
            rows.append(
                ("foreign images declined", "", found.text, found.interval, f"{found.hits:,} of {found.of:,}")
            )
        return HEADER, rows

    def sizes(self) -> dict[int, int]:
        """Return how many test images have a prediction set of each size, by size."""
        sizes = self.abstention.prediction_sets(self.calibrated.probabilities).sum(dim=1)
        return {size: int((sizes == size).sum()) for size in sorted(set(sizes.tolist()))}

    def __repr__(self) -> str:
        _, rows = self.table()
        return "\n".join([*self.summary(), *(f"{name}: {', '.join(filter(None, rest))}" for name, *rest in rows)])

    def summary(self) -> list[str]:
        """Return the temperature, the rule and how it was chosen as sentences."""
        found = self.abstention
        if len(found.temperatures) == 1:
            temperature = f"Temperature {found.temperatures[0]:.3f}"
        else:
            low, high = min(found.temperatures), max(found.temperatures)
            temperature = f"Temperatures from {low:.3f} to {high:.3f}, one for each class, with a bias each"
        lines = [f"{temperature}, fitted on {counted(self.fitted_on, 'validation image')}."]
        if found.rule == "conformal":
            lines.append(
                f"Prediction set: the classes with a probability of at least {found.level:.4f}. An image is declined "
                "unless its set contains exactly one class."
            )
        elif found.declines:
            lines.append(f"An image is declined if its highest probability is below {found.level:.4f}.")
        else:
            lines.append("No image is declined.")
        return [*lines, *self.notes]

    def to_json(self) -> dict[str, Any]:
        """Return the calibration and its measurements as values of JSON."""
        promise, found = self.promise, self.abstention
        measured: dict[str, list[float] | None] = {
            "ece_before": [self.errors[0].value, self.errors[0].low, self.errors[0].high],
            "ece_after": [self.errors[1].value, self.errors[1].low, self.errors[1].high],
            "loss_before": [float(cross_entropy(self.test.logits, self.test.labels))],
            "loss_after": [self.calibrated.loss],
            "accuracy_of_kept": _triple(self.kept_accuracy),
            "coverage": _triple(self.coverage),
            "in_prediction_set": _triple(self.in_set) if found.rule == "conformal" else None,
            "foreign_declined": None if self.foreign is None else _triple(self.foreign),
        }
        return {
            "temperatures": list(found.temperatures),
            "biases": list(found.biases),
            "rule": found.rule,
            "level": found.level,
            "promise": None if promise is None else {"wanted": promise.wanted, "value": promise.value},
            "images": {"temperature": self.fitted_on, "rule": self.chosen_on, "test": len(self.test.labels)},
            "measured": {name: value for name, value in measured.items() if value is not None},
        }


def _triple(share: Share) -> list[float] | None:
    """Return a share and its interval; None if there are no images."""
    return None if math.isnan(share.value) else [share.value, share.low, share.high]
