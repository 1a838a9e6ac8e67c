"""Evaluate and judge a trained run, and write its predictions, figures and report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..data.digests import digests_of
from ..diagnostics.diagnose import diagnose
from ..engine.predictions import Predictions
from ..engine.trainer import Trainer
from ..figures.finding import Finding
from ..figures.page import render
from ..findings.judge import judge
from ..phases import phase
from ..report.finished_run import FinishedRun
from ..report.gathering import evidence_of
from ..report.plugin_sections import plugin_sections
from ..report.report_page import report_page
from .folder import RunFolder
from .phases import Phases
from .previous import earlier_result, previous_run
from .run_info import RunInfo
from .snapshot import RunSnapshot
from .tuning_results import tuning_figures


@dataclass(frozen=True)
class Written:
    """What was written: the path of the report, the predictions that it is of, and what it found."""

    path: Path
    predictions: Predictions
    findings: tuple[Finding, ...]


def write_results(
    folder: RunFolder,
    trainer: Trainer,
    snapshot: RunSnapshot,
    run_info: RunInfo,
    data_changes: Sequence[str],
    phases: Phases,
    warnings: list[str],
) -> Written:
    """Write the results into the run folder; `warnings` gets a line for each part that is missing.

    The `snapshot` is of the whole run.
    """
    records = snapshot.records
    phases.begin("evaluation, explanations and report")
    parts, predictions = trainer.parts, trainer.final_predictions()
    digests = digests_of(parts.splits.half(parts.splits.final))
    folder.write_predictions(predictions, parts.info.classes, digests)
    with phase("analysing the results"):
        found = diagnose(trainer, records, predictions, run_info.values)
    warnings += found.warnings
    supplied = (records, predictions, parts.info, folder.path)
    found.sections = plugin_sections(parts.recipe.sections, supplied, warnings)
    with phase("drawing the figures"):
        folder.save_artifacts(found.artifacts())
    found.training += tuning_figures(folder, snapshot.tuning, warnings)
    warnings += run_info.changes()
    unrepeatable = [*run_info.irreproducible(ended_early=trainer.ended_early), *data_changes]
    run = FinishedRun(trainer, records, predictions, found, run_info.values, snapshot.recipe, unrepeatable)
    findings = judge(evidence_of(run))
    with phase("writing the report"):
        before = previous_run(folder, parts.recipe.name, run.info["started"])
        earlier = None if before is None else earlier_result(before, predictions, digests, parts.recipe)
        page = report_page(run, findings, warnings, earlier, phases.seconds())
        return Written(folder.write_report(render(page)), predictions, findings)
