"""The results of an evaluation: a page, the predictions and the numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..diagnostics.task_report import task_report
from ..engine.metrics import lower_is_better
from ..figures.page import Fact, Page, Section, render
from ..files.inputs import INPUTS, place_for
from ..files.output_folder import OutputFolder
from ..files.strict_json import json_line
from ..findings.evidence import Evidence
from ..findings.judge import SHOWN, judge
from ..formatting import counted, in_words, score_percent
from ..report.headline import balanced, interval_note
from .evaluating import MOST_NAMED, Evaluation, Kept, LabelledEvaluator

PAGE, PREDICTIONS, METRICS = "evaluation.html", "predictions.csv", "metrics.json"


def results_folder(parent: Path, name: str, digest: str, inputs: Iterable[Path]) -> OutputFolder:
    """Return the folder in `parent` for the results of an evaluation.

    `name` follows from the names of model and images, and `digest` is that of both, so results of others with the
    same names are kept. `inputs` are the run folders and the folder of images: a folder of results among the images
    would be taken for a class later. Raises `FolderError` if the folder is in one of them.
    """
    path = place_for(parent, name, METRICS, digest)
    place = OutputFolder(path, "cvkit evaluate", frozenset((PAGE, PREDICTIONS, METRICS)))
    place.require_outside(inputs)
    return place


def write_results(
    place: OutputFolder, of: LabelledEvaluator, found: Evaluation, data: str, digest: str
) -> list[Path]:
    """Write the results in one atomic step, and return their paths.

    `data` says what was evaluated, and `digest` is that of model and images.
    """
    predictions, warnings = found.predictions, [*of.opened.warnings]
    page = evaluation_page(of, found, data, warnings)
    pieces: Iterator[str] = predictions.task.part("csv")(predictions, of.info.classes, found.digests)
    return place.write(
        {
            PAGE: render(page).encode(),
            PREDICTIONS: "".join(pieces).encode(errors="replace"),
            METRICS: json_line(numbers(of, found, data) | {INPUTS: digest}, indent=1),
        }
    )


def numbers(of: LabelledEvaluator, found: Evaluation, data: str) -> dict[str, Any]:
    """Return the numbers of an evaluation as JSON values; a loss that could not be computed is null."""
    predictions = found.predictions
    return {
        "model": of.opened.label,
        "model_digest": of.opened.digest(),
        "data": data,
        "images": len(predictions.labels),
        predictions.score_name: predictions.score,
        **({} if predictions.score_name == "accuracy" else {"exact_match": predictions.accuracy}),
        "loss": predictions.loss if math.isfinite(predictions.loss) else None,
        **({} if found.kept is None else _kept_numbers(found.kept)),
        "metrics": found.metrics,
        "thresholds": [*predictions.thresholds],
        "views": [*predictions.views],
        "unread": [*found.unread],
        "notes": [*found.notes],
    }


def _kept_numbers(kept: Kept) -> dict[str, Any]:
    """Return what is kept, as shares with the ends of their 95 % intervals; null for a share of no images."""
    return {
        name: [share.value, share.low, share.high] if share.of else None
        for name, share in (("coverage", kept.coverage), ("accuracy_of_kept", kept.accuracy))
    }


def evaluation_page(of: LabelledEvaluator, found: Evaluation, data: str, warnings: list[str]) -> Page:
    """Return the page; `warnings` gets a line for each section of a plugin that fails."""
    measures, info, predictions = of.measures, of.info, found.predictions
    report = task_report(info.task)
    errors = []
    if measures.report.misclassified:
        errors = report.plain_errors(measures.report, predictions, info.classes, found.images)
    sections = measures.sections(predictions, info, warnings)
    return Page(
        title=f"Evaluation of {of.opened.name}",
        subtitle=f"{of.opened.label}, on {data}",
        facts=tuple(_facts(of, found)),
        findings=judge(Evidence(predictions, info.classes)),
        shown_findings=SHOWN,
        warnings=tuple(dict.fromkeys(warnings)),
        notes=remarks(found, lambda line: f"{line[0].upper()}{line[1:]}."),
        sections=(
            Section(report.title, tuple(report.classes(predictions, info.classes))),
            Section("Confidence", tuple(report.confidence(predictions, info.classes))),
            Section("Errors", tuple(errors)),
            *sections,
        ),
        generated=f"Created by cvkit evaluate. Model digest: {of.opened.digest()[:12]}.",
    )


def remarks(found: Evaluation, sentence: Callable[[str], str] = str) -> tuple[str, ...]:
    """Return what was left out or is missing, a line each: first how many images could not be read, and the reasons.

    `sentence` is applied to all lines except the reasons, which begin with the name of a file.
    """
    notes = [sentence(line) for line in found.notes]
    if not found.unread:
        return tuple(notes)
    rest = len(found.unread) - MOST_NAMED
    more = [f"{METRICS} names {counted(rest, 'other image')} that could not be used"] if rest > 0 else []
    return (notes[0], *found.unread[:MOST_NAMED], *more, *notes[1:])


def _facts(of: LabelledEvaluator, found: Evaluation) -> list[Fact]:
    predictions, measures = found.predictions, of.measures
    report = task_report(of.info.task)
    views = f", mean over the views {', '.join(predictions.views)}" if predictions.views else ""
    score = in_words(predictions.score_name)
    lower = lower_is_better(measures.metrics, of.info)
    facts = [
        Fact(
            f"{score[0].upper()}{score[1:]}",
            score_percent(predictions.score),
            f"{report.measured_on(predictions)}{interval_note(predictions)}{views}",
        ),
        *balanced(predictions),
    ]
    if (kept := found.kept) is not None:
        of_all = f"{kept.coverage.hits:,} of {counted(kept.coverage.of, 'image')}"
        facts.append(Fact("Accuracy of kept images", kept.accuracy.text, f"95 % interval {kept.accuracy.interval}"))
        facts.append(Fact("Kept images", kept.coverage.text, f"{of_all}; the others are declined"))
    for name, value in found.metrics.items():
        facts.append(Fact(name, f"{value:.4f}", "lower is better" if name in lower else ""))
    if math.isfinite(predictions.loss):
        facts.append(Fact("Loss", f"{predictions.loss:.3f}", measures.loss_name))
    return [*facts, *report.facts(measures.evaluation, predictions, found.metrics.values())]


def result_lines(found: Evaluation) -> Sequence[str]:
    """Return the numbers of an evaluation as lines of text."""
    predictions = found.predictions
    views = f" over the views {', '.join(predictions.views)}" if predictions.views else ""
    lines = [f"{in_words(predictions.score_name)}{views}: {predictions.score_text}"]
    if (kept := found.kept) is not None:
        lines.append(
            f"kept images: {kept.coverage.text} ({kept.coverage.hits:,} of {counted(kept.coverage.of, 'image')}), "
            f"{kept.accuracy.text} of them right (95 % interval {kept.accuracy.interval}); the others are declined"
        )
    if math.isfinite(predictions.loss):
        lines.append(f"loss: {predictions.loss:.4f}")
    return [*lines, *(f"{name}: {value:.4f}" for name, value in found.metrics.items())]
