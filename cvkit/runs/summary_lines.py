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


def opening_lines(session: Session) -> Iterator[str]:
    """Yield the device, the data, the model and the steps of a run."""
    parts = session.parts
    yield f"device: {_device(parts)}, {parts.recipe.train.precision}"
    splits, info = parts.splits, parts.info
    named = {"training": splits.train} | {half: splits.half(half) for half in splits.halves}
    sizes = ", ".join(f"{len(split):,} {name}" for name, split in named.items())
    yield (
        f"data: {parts.recipe.dataset.entry.id}, {sizes} images of {info.height} x {info.width}, "
        f"{counted(info.num_classes, 'label' if info.task != SINGLE_LABEL.name else 'class')}"
    )
    weights = sum(weight.numel() for weight in parts.model.parameters())
    yield f"model: {parts.recipe.model.entry.id}, {counted(weights, 'weight')}, {_first_weights(session)}"
    if session.trains:
        batch = parts.batching.batch_size * parts.batching.accumulate
        yield (
            f"steps: {parts.planned_steps:,} of {counted(batch, 'image')}, in "
            f"{counted(-(-parts.planned_steps // parts.plan.steps_per_epoch), 'epoch')} of "
            f"{parts.plan.steps_per_epoch:,}"
        )


def _device(parts: RunParts) -> str:
    if parts.device.type == "cuda":
        return f"{parts.device} ({torch.cuda.get_device_name(parts.device)})"
    return f"{parts.device} with {counted(torch.get_num_threads(), 'thread')}"


def _first_weights(session: Session) -> str:
    """Return where the weights of the model come from, as a phrase."""
    if session.folder.has_checkpoints():
        return "from the checkpoint of the run"
    record = session.parts.finetuning.record
    if record is not None:
        return f"from the weights '{record['source']}'"
    if session.recipe.model.options.get("pretrained"):
        return "pretrained"
    return "randomly initialised"


def closing_lines(session: Session, seconds: float) -> Iterator[str]:
    """Yield the result of a finished run, its most confused classes, and the commands that come next.

    `seconds` is the time that the session took.
    """
    predictions, classes = session.trainer.final_predictions(), session.parts.info.classes
    score = f"{in_words(predictions.score_name)}: {predictions.score_text}"
    interval = ""
    if predictions.task is SINGLE_LABEL:
        interval = f", 95 % interval {Share.where(predictions.correct).interval}"
    yield f"{session.parts.splits.final} {score}{interval}, in {duration(seconds)}"
    yield from worst_pair(predictions, classes)
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
