"""The lines before and after a run on the command line: what it works with, and what it resulted in."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ..engine.intervals import Share
from ..engine.parts import RunParts
from ..engine.predictions import Predictions
from ..formatting import counted, duration, in_words, legible
from ..printable import shell_words
from ..tasks import SINGLE_LABEL
from .session import Session

_FINDINGS = 3  # that are shown after a run; the report has all


def opening_lines(session: Session) -> Iterator[str]:
    """Yield the device, the data, the model and the steps of a run."""
    restored = session.folder.has_checkpoints()
    return part_lines(session.parts, "from the checkpoint of the run" if restored else "", steps=session.trains)


def part_lines(parts: RunParts, weights: str = "", *, steps: bool = True) -> Iterator[str]:
    """Yield the device, the data, the model and, with `steps`, the steps of a run.

    `weights` says where the weights of the model come from, if they are not its first ones.
    """
    yield f"device: {_device(parts)}, {parts.recipe.train.precision}"
    splits, info = parts.splits, parts.info
    named = {"training": splits.train} | {half: splits.half(half) for half in splits.halves}
    sizes = ", ".join(f"{len(split):,} {name}" for name, split in named.items())
    noun = "class" if info.task == SINGLE_LABEL.name else "label"
    size = f"{info.height} x {info.width}"
    yield f"data: {parts.recipe.dataset.entry.id}, {sizes} images of {size}, {counted(info.num_classes, noun)}"
    number = sum(weight.numel() for weight in parts.model.parameters())
    yield f"model: {parts.recipe.model.entry.id}, {counted(number, 'weight')}, {weights or _first_weights(parts)}"
    if steps:
        batch = parts.batching.batch_size * parts.batching.accumulate
        per_epoch = parts.plan.steps_per_epoch
        epochs = counted(-(-parts.planned_steps // per_epoch), "epoch")
        yield f"steps: {parts.planned_steps:,} of {counted(batch, 'image')}, in {epochs} of {per_epoch:,}"


def _device(parts: RunParts) -> str:
    if parts.device.type == "cuda":
        return f"{parts.device} ({torch.cuda.get_device_name(parts.device)})"
    return f"{parts.device} with {counted(torch.get_num_threads(), 'thread')}"


def _first_weights(parts: RunParts) -> str:
    """Return where the first weights of the model come from, as a phrase."""
    if parts.finetuning.record is not None:
        return f"from the weights '{parts.finetuning.record['source']}'"
    return "pretrained" if parts.recipe.model.options.get("pretrained") else "randomly initialised"


def closing_lines(session: Session, seconds: float) -> Iterator[str]:
    """Yield the result of a finished run, its worst findings, and the commands that come next.

    `seconds` is the time that the session took.
    """
    predictions, classes = session.trainer.final_predictions(), session.parts.info.classes
    score = f"{in_words(predictions.score_name)}: {predictions.score_text}"
    interval = ""
    if predictions.task is SINGLE_LABEL:
        interval = f", 95 % interval {Share.where(predictions.correct).interval}"
    yield f"{session.parts.splits.final} {score}{interval}, in {duration(seconds)}"
    judged = [finding for finding in session.findings if finding.mark != "good"]
    if all(finding.rule != "confused_pair" for finding in judged[:_FINDINGS]):
        yield from worst_pair(predictions, classes)
    yield from map(str, judged[:_FINDINGS])
    if len(judged) > _FINDINGS:
        yield f"the report has {counted(len(judged) - _FINDINGS, 'more finding')}"
    path = session.folder.path
    yield f"explain its errors: {shell_words('cvkit', 'explain', path, '--errors')}"
    yield f"predict images: {shell_words('cvkit', 'predict', path)} IMAGES"


def worst_pair(predictions: Predictions, classes: tuple[str, ...]) -> Iterator[str]:
    """Yield the two classes that are confused most often, if the images have one class each and any is wrong."""
    if predictions.task is not SINGLE_LABEL or bool(predictions.correct.all()):
        return
    wrong = ~predictions.correct
    pairs = predictions.labels[wrong] * len(classes) + predictions.predicted[wrong]
    found, counts = pairs.unique(return_counts=True)
    most = int(counts.argmax())
    true, predicted = divmod(int(found[most]), len(classes))
    images = int((predictions.labels == true).sum())
    yield (
        f"most confused: {int(counts[most]):,} of {counted(images, 'image')} of "
        f"'{legible(classes[true])}' are predicted as '{legible(classes[predicted])}'"
    )
