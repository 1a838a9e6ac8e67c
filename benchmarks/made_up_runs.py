"""Report pages of runs that never happened: records, predictions, images and maps drawn from a seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from cvkit.data.splits import DataInfo, Splits, TensorSplit
from cvkit.diagnostics import curves, misclassified, schedule
from cvkit.diagnostics.data_summary import data_summary
from cvkit.diagnostics.neighbours import Neighbours
from cvkit.diagnostics.per_class import ClassFacts, per_class_scores, ranked
from cvkit.diagnostics.run_marks import run_marks
from cvkit.diagnostics.task_report import task_report
from cvkit.engine.multi_label import MultiLabelPredictions
from cvkit.engine.per_sample import select_errors
from cvkit.engine.predictions import Predictions
from cvkit.engine.records import EpochRecord
from cvkit.figures.artifacts import Artifact, Table
from cvkit.figures.page import Fact, Page, Section
from cvkit.figures.thumbnails import thumbnail
from cvkit.findings.evidence import Evidence
from cvkit.findings.judge import SHOWN, judge
from cvkit.formatting import counted, in_words, percent
from cvkit.report.headline import balanced, interval_note
from cvkit.report.reproduce_section import DOWNLOADS

_SCRIPTS = (
    "猫",
    "犬と子犬",
    "قطة",
    "كلب صغير",
    "बिल्ली",
    "कुत्ता",
    "🐱 cat",
    "👨‍👩‍👧 family",
    '<b>bold</b> & "quoted"',
    "Canis_lupus_familiaris_" + "of_a_very_long_name_" * 5,
)


@dataclass(frozen=True)
class Case:
    """What a made-up run is like."""

    classes: int = 10
    images: int = 1_000
    accuracy: float = 0.85
    epochs: int = 12
    side: int = 32
    channels: int = 3
    explainers: tuple[str, ...] = ("grad_cam",)
    names: tuple[str, ...] = ()
    multi_label: bool = False
    info: dict[str, Any] = field(default_factory=dict)
    kept: int | None = None
    spoil: Callable[[EpochRecord], EpochRecord] = lambda record: record


def _spiked(record: EpochRecord) -> EpochRecord:
    return replace(record, test_loss=768.0, train_loss=31.0) if record.epoch == 13 else record


def _diverged(record: EpochRecord) -> EpochRecord:
    if record.epoch <= 4:
        return record
    loss = 10.0 ** (record.epoch - 3) if record.epoch < 9 else float("nan")
    return replace(record, train_loss=loss, test_loss=loss, test_accuracy=0.1, step_losses=(loss,) * 4)


CASES: dict[str, Case] = {
    "ten": Case(),
    "two": Case(classes=2, images=200, accuracy=0.8, names=("cat", "dog")),
    "chance": Case(classes=2, images=80, accuracy=0.5, epochs=4),
    "thirty": Case(classes=30, images=1_500, accuracy=0.7),
    "hundred": Case(classes=100, images=5_000, accuracy=0.6),
    "thousand": Case(classes=1_000, images=10_000, accuracy=0.7),
    "scripts": Case(names=_SCRIPTS, accuracy=0.7),
    "perfect": Case(accuracy=1.0),
    "wrong": Case(classes=3, images=60, accuracy=0.0),
    "once": Case(epochs=1),
    "long": Case(epochs=300, spoil=_spiked),
    "diverged": Case(epochs=12, accuracy=0.1, spoil=_diverged),
    "large": Case(side=224, explainers=("grad_cam", "guided_backprop", "occlusion", "integrated_gradients")),
    "grey": Case(channels=1, side=28),
    "labels": Case(classes=8, multi_label=True, images=400),
    "stopped": Case(
        epochs=20,
        kept=14,
        info={"sessions": [{"after_step": 40}], "extended": [{"after_step": 64, "from": "a", "epochs": 20}]},
    ),
}
"""Every case that the pages are looked at in."""


def page_of(name: str) -> Page:
    """Return the report page of a case."""
    case = CASES[name]
    generator = torch.Generator().manual_seed(0)
    classes = case.names or tuple(f"class {number + 1}" for number in range(case.classes))
    records = [case.spoil(_record(epoch, case)) for epoch in range(1, case.epochs + 1)]
    predictions = _label_sets(case, generator) if case.multi_label else _predictions(case, generator)
    report = task_report(predictions.task.name)
    marks = run_marks(records, case.kept, case.info)
    chance = None if case.multi_label else 1 / case.classes
    train = _training_images(case, classes, generator)
    counts = train.labels.sum(dim=0).long() if case.multi_label else torch.bincount(train.labels)
    found = judge(
        Evidence(predictions, classes, tuple(records), counts, len(train), case.images, kept_epoch=case.kept or 0)
    )
    return Page(
        title=f"{name}: a made-up run",
        subtitle=f"resnet18 on made-up images, {counted(case.epochs, 'epoch')}, seed 0",
        facts=(
            Fact(
                f"Test {in_words(predictions.score_name)}",
                percent(predictions.score, 2),
                f"{report.measured_on(predictions)}{interval_note(predictions)}, after the last epoch",
            ),
            *balanced(predictions),
            Fact("Test loss", f"{predictions.loss:.3f}", "cross_entropy"),
            Fact("Training time", "4 min 12 s", "1,500 images/s on cpu"),
            Fact("Weights", "11,173,962"),
        ),
        sections=(
            Section("Training", (curves(records, marks, chance), schedule(records, marks=marks))),
            Section(report.title, tuple(_classes(case, predictions, classes, train))),
            Section("Confidence", tuple(report.confidence(predictions, classes))),
            Section("Errors", tuple(_errors(case, predictions, classes, generator))),
            Section("Data", tuple(data_summary(_splits(case, classes, train)))),
        ),
        details=(_COMPONENTS,),
        recipe="name: made-up\ndata: made_up\nmodel: torchvision/resnet18\n" + f"classes: [{', '.join(classes)}]\n",
        findings=found,
        shown_findings=SHOWN,
        downloads=DOWNLOADS,
        generated="Created from made-up numbers.",
    )


_COMPONENTS = Table(
    "components",
    "Components",
    "",
    ("place", "id", "from", "source"),
    (
        ("model", "torchvision/resnet18", "cvkit-torchvision 0.1.0", "0123456789ab"),
        ("data", "made_up/images", "made_up_runs.py", "ba9876543210"),
    ),
)


def _training_images(case: Case, classes: tuple[str, ...], generator: torch.Generator) -> TensorSplit:
    """Return few training images, up to three times as many of some classes as of others."""
    labels = torch.cat([torch.full((4 + 2 * (label % 5),), label) for label in range(len(classes))])
    few = _images(60, case, generator)
    images = few[torch.arange(len(labels)) % len(few)]
    if case.multi_label:
        return TensorSplit(images, torch.nn.functional.one_hot(labels, len(classes)).float())
    return TensorSplit(images, labels)


def _splits(case: Case, classes: tuple[str, ...], train: TensorSplit) -> Splits:
    task = "multi_label" if case.multi_label else "single_label"
    half = (0.5,) * case.channels
    return Splits(train, train, DataInfo(case.channels, case.side, case.side, classes, half, half, task=task))


def _classes(
    case: Case, predictions: Predictions | MultiLabelPredictions, classes: tuple[str, ...], train: TensorSplit
) -> list[Artifact]:
    """Return the artifacts of the classes, with training images and samples in the table of single labels."""
    shown = task_report(predictions.task.name).classes(predictions, classes)
    if isinstance(predictions, MultiLabelPredictions):
        return shown
    worst = ranked(predictions, len(classes))[:60]  # as in a report
    first = {label: int((train.labels == label).int().argmax()) for label in worst}
    samples = {label: thumbnail(train.images[place], 64) for label, place in first.items()}
    table = per_class_scores(predictions, classes, ClassFacts(torch.bincount(train.labels).tolist(), samples))
    return [table if artifact.name == table.name else artifact for artifact in shown]


def _record(epoch: int, case: Case) -> EpochRecord:
    share = 1 - math.exp(-3 * epoch / max(4, case.epochs))
    steps = 4
    rates = tuple(0.05 * (1 + math.cos(math.pi * (epoch - 1 + step / steps) / case.epochs)) for step in range(steps))
    wobble = 0.02 * math.sin(1.7 * epoch)
    chance = 1 / case.classes
    accuracy = chance + (max(case.accuracy, chance) - chance) * share
    loss = 0.1 + math.log(case.classes) * (1 - share)
    return EpochRecord(
        epoch=epoch,
        step=epoch * steps,
        train_loss=loss,
        train_accuracy=None if case.multi_label else min(1.0, accuracy + 0.04 * share),
        test_loss=loss * (1.1 + wobble),
        test_accuracy=min(1.0, max(0.0, accuracy + wobble)),
        learning_rate=rates[-1],
        images_per_second=1_500.0,
        seconds=12.0,
        step_losses=tuple(loss * (1 + 0.05 * step) for step in range(steps)),
        step_lrs=rates,
        step_momenta=(0.9,) * steps,
    )


def _predictions(case: Case, generator: torch.Generator) -> Predictions:
    """Return predictions in which errors are more frequent between neighbouring classes."""
    labels = torch.arange(case.images) % case.classes
    wrong = torch.rand(case.images, generator=generator) >= case.accuracy
    group = max(2, min(5, case.classes))
    near = (torch.rand(case.images, generator=generator) * (group - 1)).long() + 1
    base = labels // group * group
    width = torch.minimum(torch.full_like(base, group), case.classes - base).clamp(min=2)
    other = torch.where(width >= 2, (base + (labels - base + near) % width) % case.classes, labels)
    far = torch.randint(1, max(2, case.classes), (case.images,), generator=generator)
    stray = torch.rand(case.images, generator=generator) < 0.2
    taken = torch.where(stray | (other == labels), (labels + far) % case.classes, other)
    predicted = torch.where(wrong, taken, labels)
    logits = torch.randn(case.images, case.classes, generator=generator)
    strength = 3 + 4 * torch.rand(case.images, generator=generator)
    logits[torch.arange(case.images), predicted] += strength + logits.max(dim=1).values
    return Predictions(logits, labels, 0.512)


def _label_sets(case: Case, generator: torch.Generator) -> MultiLabelPredictions:
    labels = (torch.rand(case.images, case.classes, generator=generator) < 0.3).float()
    logits = 3 * (2 * labels - 1) + 3 * torch.randn(case.images, case.classes, generator=generator)
    return MultiLabelPredictions(logits, labels, 0.3, chosen=(0.5,) * case.classes)


def _images(count: int, case: Case, generator: torch.Generator) -> Tensor:
    """Return pictures with a bright disc on a coloured gradient and some noise, uint8 (n, C, H, W)."""
    side = case.side
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    centres = torch.rand(count, 2, generator=generator) * side
    distance = ((rows - centres[:, :1, None]) ** 2 + (columns - centres[:, 1:, None]) ** 2).sqrt()
    tint = torch.rand(count, case.channels, 1, 1, generator=generator)
    ground = (rows / side)[None, None] * tint * 160
    disc = (distance < side / 4)[:, None] * (1 - tint) * 200
    noise = 20 * torch.randn(count, case.channels, side, side, generator=generator)
    return (ground + disc + noise + 20).clamp(0, 255).to(torch.uint8)


def _maps(count: int, case: Case, signed: bool, generator: torch.Generator) -> Tensor:
    rows, columns = torch.meshgrid(torch.arange(case.side), torch.arange(case.side), indexing="ij")
    centres = torch.rand(count, 2, generator=generator) * case.side
    distance = (rows - centres[:, :1, None]) ** 2 + (columns - centres[:, 1:, None]) ** 2
    heat = torch.exp(-distance / (case.side / 4) ** 2)
    return heat * (1 - 2 * torch.rand(count, 1, 1, generator=generator)) if signed else heat


def _errors(
    case: Case, predictions: Predictions | MultiLabelPredictions, classes: tuple[str, ...], generator: torch.Generator
) -> list[Artifact]:
    if isinstance(predictions, MultiLabelPredictions):
        return []
    indices = select_errors(predictions, 48)
    count = len(indices)
    signed = {"occlusion"} & {*case.explainers}
    maps = {
        name: (_maps(count, case, name in signed, generator), _maps(count, case, name in signed, generator))
        for name in case.explainers
    }
    right = predictions.correct.nonzero()[:, 0]
    similar = None
    if len(right) and count:
        chosen = right[torch.randint(len(right), (count, 3), generator=generator)]
        small = _images(count * 3, case, generator).unflatten(0, (count, 3))
        similar = Neighbours(chosen, torch.rand(count, 3, generator=generator)), small
    images = _images(count, case, generator)
    return [misclassified(images, indices, predictions, classes, maps, similar=similar, signed=signed)]
