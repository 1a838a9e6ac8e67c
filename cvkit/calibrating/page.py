"""Build the page of `cvkit calibrate`: what is promised, what was measured, and curves of the test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..diagnostics.calibration import reliability
from ..diagnostics.coverage import coverage_curve, coverage_table
from ..engine.calibration import Calibration
from ..engine.calibration_error import CalibrationError
from ..engine.predictions import Predictions
from ..figures.artifacts import Artifact, Figure, Table
from ..figures.page import Fact, Page, Section
from ..formatting import counted, percent
from .result import CalibrationResult

_INTERVALS = (
    "The intervals of shares are those of Clopper and Pearson. Those of the calibration error are basic bootstrap "
    "intervals, which correct its bias: the error of few images is too high by chance. By chance is what 95 % of "
    "samples of this size stay below if the probabilities are right."
)


def calibration_page(result: CalibrationResult, name: str, label: str, classes: Sequence[str]) -> Page:
    """Return the page. `name` is the run, `label` describes its weights, and `classes` are the names in order."""
    curves: tuple[Artifact, ...] = (
        coverage_curve(result.calibrated, _threshold(result)),
        coverage_table(result.calibrated),
        *_sets(result),
    )
    before, after = result.errors
    header, rows = result.table()
    return Page(
        title=f"Calibration of {name}",
        subtitle=label,
        facts=tuple(_facts(result)),
        warnings=tuple(f"{line[0].upper()}{line[1:]}." for line in result.remarks()),
        notes=tuple(result.summary()),
        sections=(
            Section(
                "Promised and measured",
                (Table("measured", "Test images", _INTERVALS, header, tuple(rows)),),
                broad=True,
            ),
            Section("Declining", curves, "The curve and the table are of the test images, after the calibration."),
            Section(
                "Calibration", (_diagram("Before", result.test, before), _diagram("After", result.calibrated, after))
            ),
        ),
        details=_temperatures(result, classes),
    )


def _facts(result: CalibrationResult) -> list[Fact]:
    before, after = result.errors
    facts = []
    if (measured := result.promised) is not None and (promise := result.promise) is not None:
        what = {
            "accuracy": "Accuracy of kept images",
            "coverage": "Coverage",
            "error_rate": "Class is in the set",
        }[promise.wanted]
        verdict = (
            "kept" if measured.value >= promise.share else "broken" if measured.high < promise.share else "undecided"
        )
        note = f"promised: at least {percent(promise.share, 1)}; {verdict}: 95 % interval {measured.interval}"
        facts.append(Fact(what, measured.text, note))
        if promise.wanted != "coverage":
            shown = f"{result.coverage.hits:,} of {counted(result.coverage.of, 'test image')} are not declined"
            facts.append(Fact("Coverage", result.coverage.text, shown))
        if promise.wanted != "accuracy":
            kept = result.kept_accuracy
            facts.append(Fact("Accuracy of kept images", kept.text, f"95 % interval {kept.interval}"))
    if (foreign := result.foreign) is not None:
        facts.append(Fact("Foreign images declined", foreign.text, f"95 % interval {foreign.interval}"))
    return [
        *facts,
        Fact(
            "Calibration error",
            after.text,
            f"ECE; 95 % interval {after.interval}; {percent(after.by_chance, 1)} by chance; {before.text} before",
        ),
        Fact("Loss", f"{result.calibrated.loss:.3f}", f"cross-entropy; {result.test.loss:.3f} before"),
    ]


def _threshold(result: CalibrationResult) -> float:
    """Return the threshold to draw; 0 for none, because prediction sets are not a threshold of the confidence."""
    return result.abstention.level if result.abstention.rule == "threshold" else 0.0


def _diagram(when: str, predictions: Predictions, error: CalibrationError) -> Figure:
    """Return the reliability diagram before or after the calibration."""
    figure = reliability(Calibration.of(predictions), error.by_chance)
    return replace(figure, name=f"calibration_{when.lower()}", title=f"{when}: ECE {error.text}")


def _sets(result: CalibrationResult) -> tuple[Table, ...]:
    """Return a table of the sizes of the prediction sets, if there are prediction sets."""
    if result.abstention.rule != "conformal":
        return ()
    total = len(result.test.labels)
    rows = tuple((f"{size:,}", f"{images:,}", percent(images / total, 1)) for size, images in result.sizes().items())
    caption = "An image whose set contains exactly one class is kept; with none or several classes it is declined."
    return (Table("set_sizes", "Sizes of the prediction sets", caption, ("classes", "images", "share"), rows),)


def _temperatures(result: CalibrationResult, classes: Sequence[str]) -> tuple[Table, ...]:
    """Return a table of the temperature and the bias of each class, if each class has its own."""
    found = result.abstention
    if len(found.temperatures) == 1:
        return ()
    values = zip(classes, found.temperatures, found.biases, strict=True)
    rows = tuple((name, f"{temperature:.3f}", f"{bias:+.3f}") for name, temperature, bias in values)
    return (Table("temperatures", "Temperatures", "", ("class", "temperature", "bias"), rows),)
