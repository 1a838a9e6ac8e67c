"""Build the `Page` of a run's report: its facts, notes, sections and tables, in reading order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..diagnostics.task_report import task_report
from ..engine.metrics import evaluate_metrics, lower_is_better
from ..engine.parts import RunParts
from ..engine.records import SCORES, EpochRecord
from ..engine.views import FLIP
from ..figures.artifacts import Table
from ..figures.finding import Finding
from ..figures.page import Fact, Page, Section
from ..findings.judge import SHOWN
from ..formatting import counted, duration, in_words, legible, score_percent
from ..recipe import Part
from ..recipe.dump import in_one_line
from .finished_run import FinishedRun
from .headline import Earlier, balanced, change, interval_note
from .model_section import model_section
from .reproduce_section import DOWNLOADS, reproduce_section

_DIGITS = 12
_MOST_CHANGES = 5  # of the learning rate by callbacks, each with a note
_COMPONENTS = (
    f"Source: the first {_DIGITS} digits of the SHA-256 of the plugin's Python files; run.json has all digits."
)


def report_page(
    run: FinishedRun,
    findings: Sequence[Finding] = (),
    warnings: Sequence[str] = (),
    earlier: Earlier | None = None,
    phases: Mapping[str, float] = MappingProxyType({}),
) -> Page:
    """Return the report page. Its headline is the final epoch's score without test-time augmentation.

    `earlier` is the result of the previous run of the name, and `phases` are the seconds of each phase.
    """
    recipe, found, info = run.parts.recipe, run.diagnosis, run.info
    data, model = (part.entry.member or part.entry.component.name for part in (recipe.dataset, recipe.model))
    return Page(
        title=recipe.name,
        subtitle=(
            f"{model} on {counted(len(run.parts.splits.train), 'image')} of {data}, "
            f"{counted(len(run.records), 'epoch')}, seed {recipe.seed}"
        ),
        facts=tuple(_facts(run, earlier)),
        warnings=tuple(dict.fromkeys(warnings)),
        notes=(*_start(info), *_notes(run), *map(_extension, info.get("extended", []))),
        sections=(
            Section("Training", tuple(found.training)),
            Section(task_report(run.parts.info.task).title, tuple(found.classes)),
            Section("Confidence", tuple(found.confidence)),
            Section("Errors", tuple(found.errors)),
            Section("Explanation scores", tuple(found.explanations), broad=True),
            Section("Data", (*_data(run.parts), *found.data)),
            Section("Faults of the data", found.audit.artifacts, found.audit.text, broad=True),
            model_section(run.trainer, info),
            *found.sections,
            reproduce_section(run, phases, earlier),
        ),
        details=tuple(_details(info)),
        recipe=run.recipe_text,
        findings=tuple(findings),
        downloads=DOWNLOADS,
        shown_findings=SHOWN,
        generated=f"Created by cvkit {_version(info)}. Start of the run: {info['started']}.",
    )


def _version(info: dict[str, Any]) -> str:
    return str(info["environment"].get("cvkit-core", "(unknown version)"))


def _facts(run: FinishedRun, earlier: Earlier | None) -> list[Fact]:
    trainer, parts, records, predictions = run.trainer, run.parts, run.records, run.predictions
    last, half, kept = records[-1], parts.splits.final, trainer.outcome.kept
    lower = lower_is_better(parts.recipe.metrics, parts.info)
    report, score = task_report(parts.info.task), in_words(predictions.score_name)
    weights = "after the last epoch"
    if kept is not None:
        weights = f"with the weights of epoch {kept.epoch}" + (f" ({kept.reason})" if kept.reason else "")
    weights += ", averaged weights" if parts.ema is not None else ""
    used = next((record for record in records if kept is not None and record.epoch == kept.epoch), last)
    validation, tta, unaveraged = (used.score_of(which) for which in SCORES[1:])
    plain = "" if tta is None else ", without TTA"
    facts = [
        Fact(
            f"{half.capitalize()} {score}",
            score_percent(predictions.score),
            f"{report.measured_on(predictions)}{interval_note(predictions)}, {weights}{plain}",
        ),
        *balanced(predictions),
        *change(predictions, earlier),
    ]
    if half == "test" and validation is not None:
        when = "last epoch" if used is last else f"epoch {used.epoch}"
        facts.append(Fact(f"Validation {score}", score_percent(validation), when))
    if tta is not None:
        facts.append(Fact(f"With {used.tta}", score_percent(tta), _views(used)))
    if unaveraged is not None:
        facts.append(Fact("Without averaging", score_percent(unaveraged), "the trained weights, not averaged"))
    measured = evaluate_metrics(parts.recipe.metrics, parts.info, predictions)
    said = {(fact.label, fact.value) for fact in facts}
    for name, value in measured.items():
        if (in_words(name).capitalize(), score_percent(value)) in said:
            continue  # the same number, with its interval
        best = ", lower is better" if name in lower else ""
        facts.append(Fact(name, f"{value:.4f}", f"metric of the {half} images, {weights}{best}"))
    seconds = sum(record.seconds for record in records)
    speed = sum(record.images_per_second * record.seconds for record in records) / seconds
    parameters = sum(parameter.numel() for parameter in parts.model.parameters())
    return [
        *facts,
        Fact(f"{half.capitalize()} loss", f"{predictions.loss:.3f}", _loss(parts.recipe.loss)),
        *report.facts(parts.recipe.evaluation, predictions, measured.values()),
        Fact("Training time", duration(seconds), f"{speed:,.0f} images/s on {parts.device.type}, without evaluation"),
        Fact("Weights", f"{parameters:,}"),
    ]


def _views(record: EpochRecord) -> str:
    if record.tta_views == FLIP:
        return "mean over each image and its mirror image"
    return f"mean of the logits over {counted(len(record.tta_views), 'view')} of each image"


def _loss(loss: Part) -> str:
    """Return the name of the loss and the options that are not the defaults, such as the weights of classes."""
    options = {name: value for name, value in loss.options.items() if value != loss.option(name).default}
    return ", ".join(
        [loss.entry.component.name, *(f"{name}: {in_one_line(value)}" for name, value in options.items())]
    )


def _notes(run: FinishedRun) -> list[str]:
    trainer, records = run.trainer, run.records
    best = max(records, key=lambda record: record.score)
    notes = []
    if best.score > records[-1].score and trainer.outcome.kept is None:
        notes.append(
            f"The best epoch was {best.epoch}, with {score_percent(best.score)}. It was selected on the {best.half} "
            f"set, so its {in_words(best.score_name)} is too optimistic; the headline reports the final epoch."
        )
    notes += _rates_changed(records)
    if trainer.outcome.stopped:
        notes.append(
            f"Training stopped early after epoch {trainer.epoch} of {trainer.parts.plan.epochs}: "
            f"{trainer.outcome.stopped}."
        )
    elif trainer.ended_early:
        notes.append(
            f"Training was stopped after {trainer.step:,} of {trainer.parts.plan.total_steps:,} planned steps, and "
            "`cvkit finish` evaluated the run as it was then. The learning-rate schedule did not finish."
        )
    elif trainer.step < trainer.parts.plan.total_steps:
        notes.append(
            f"Training stopped after {trainer.step:,} of {trainer.parts.plan.total_steps:,} planned steps "
            "(train.max_steps), so the learning-rate schedule did not finish."
        )
    return notes


def _rates_changed(records: Sequence[EpochRecord]) -> Iterator[str]:
    """Yield a note for each of the first changes of the learning rate by callbacks, and how many follow."""
    changes = [
        f"After epoch {record.epoch}, {line}."
        for record in records
        for line in record.decisions
        if "learning rate" in line.partition(":")[0]
    ]
    yield from changes[:_MOST_CHANGES]
    if len(changes) > _MOST_CHANGES:
        more = counted(len(changes) - _MOST_CHANGES, "time")
        yield f"Callbacks changed the learning rate {more} more; metrics.jsonl has each change."


def _start(info: dict[str, Any]) -> Iterator[str]:
    """Yield where the first weights and the learning rates come from, if the run was fine-tuned."""
    if found := info.get("pretrained"):
        head = "The last layer was new." if found["new_head"] else "The last layer has the loaded weights, too."
        yield f"The model started from the weights '{found['source']}'. {head}"


def _extension(note: dict[str, Any]) -> str:
    name = Path(note["from"]).name
    return (
        f"The run {name} was extended to {note['epochs']} epochs after step {note['after_step']:,} "
        f"({note['schedule']}): {note['became']}."
    )


def _data(parts: RunParts) -> Iterator[Table]:
    """Yield a table of the images of each class and split, if the data set says what it read."""
    account = parts.splits.account
    if account is None:
        return
    halves = tuple(account.counts)
    rows = tuple(
        (legible(name), *(f"{account.counts[half].get(name, 0):,}" for half in halves)) for name in parts.info.classes
    )
    caption = ". ".join(line[0].upper() + line[1:] for line in account.lines())
    yield Table("data", "Images", f"{caption}.", ("class", *halves), rows)


def _details(info: dict[str, Any]) -> list[Table]:
    components = tuple(
        (c["place"], c["id"], c.get("file") or f"{c['distribution']} {c['version']}", c.get("source", "")[:_DIGITS])
        for c in info["components"]
    )
    environment = tuple((key, str(value)) for key, value in info["environment"].items())
    return [
        Table("components", "Components", _COMPONENTS, ("place", "id", "from", "source"), components),
        Table("environment", "Environment", "", ("what", "value"), environment),
    ]
