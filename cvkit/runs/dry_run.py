"""A dry run of a recipe: what can fail in a run is done once, in seconds, and nothing of it stays.

Building the parts has already evaluated, trained and explained some images. Here follow a real step of the run with
all images of its batch, an evaluation of a batch, and a checkpoint on the disk where the run would write it.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import torch

from ..checkpoint.files import read_newest, write_checkpoint
from ..checkpoint.weights_digest import weights_digest
from ..data.caching import gigabytes
from ..data.holdout import some_of
from ..data.loading import Reading
from ..engine.building import PLACEHOLDER_LR
from ..engine.loop import evaluate
from ..engine.parts import RunParts
from ..engine.trainer import Step, Trainer
from ..errors import CheckpointError, FolderError, MachineError, one_line
from ..explain.explainers import Explainers
from ..formatting import counted, duration
from ..phases import phase

_KEPT = 3  # checkpoints on the disk at most: two are kept, and the third is written before one of them is removed


def dry_run(parts: RunParts, output: Path) -> Iterator[str]:
    """Take a step, evaluate a batch, explain an image, and write and read a checkpoint in `output`; yield the lines.

    `parts` are changed and cannot be used for a run afterwards. Raises a `CvkitError` if a part of it fails.
    """
    with_rates = parts.recipe
    for path in parts.recipe.unresolved():
        with_rates = with_rates.with_value(path, PLACEHOLDER_LR)
    trainer = Trainer(replace(parts, recipe=with_rates))
    yield _step(trainer)
    yield _evaluation(trainer)
    yield from _explanations(trainer)
    yield _checkpoint(trainer, output)


def not_checked(parts: RunParts) -> list[str]:
    """Return what a dry run does not check, as phrases."""
    recipe = parts.recipe
    tuned = [f"the tuner {tuner.entry.id}, and so whether {tuner.target} finds a value" for tuner in recipe.tuners]
    observers = [f"the observer {part.entry.id}" for part in recipe.observers]
    whole = ["images after the first batches", "whether the loss stays finite", "the report"]
    return [*tuned, *observers, *whole]


def _step(trainer: Trainer) -> str:
    began = time.monotonic()
    with phase("taking a step"), closing(trainer.fit()) as events:
        step = next(event for event in events if isinstance(event, Step))
        taken = f"step: {counted(step.samples, 'image')}, loss {step.loss:.3f}"
        return f"{taken}, {duration(time.monotonic() - began)}{_memory(trainer.parts.device)}"


def _memory(device: torch.device) -> str:
    if device.type != "cuda":
        return ""
    return f", {gigabytes(torch.cuda.max_memory_allocated(device))} of GPU memory"


def _evaluation(trainer: Trainer) -> str:
    parts, size = trainer.parts, trainer.evaluator.batch_size
    half = parts.evaluated[0]
    source = some_of(parts.sources[half], size, parts.recipe.seed)
    began = time.monotonic()
    found = evaluate(trainer.train_step.forward, source, size)
    return f"evaluation: {counted(len(found.labels), f'{half} image')}, {duration(time.monotonic() - began)}"


def _explanations(trainer: Trainer) -> Iterator[str]:
    """Explain an image with each explainer, completely, and yield how long that takes: a run explains many."""
    parts, warnings = trainer.parts, list[str]()
    if not parts.recipe.explainers:
        yield "explanation: none, because the recipe has no explainers"
        return
    source = some_of(parts.sources[parts.evaluated[0]], 1, parts.recipe.seed)
    batch = next(iter(source.batches(Reading(torch.arange(1), 1))))
    trained, target = trainer.trained(), parts.info.labels.class_of(batch.labels)
    for part in parts.recipe.explainers:
        began = time.monotonic()
        with phase("explaining an image"):
            found = Explainers(trained, [part], warnings, parts.background()).explain(batch.images, target)
        for name in found:
            yield f"explanation: 1 image by {name}, {duration(time.monotonic() - began)}"
    yield from (f"explanation: {line}" for line in warnings)


def _checkpoint(trainer: Trainer, output: Path) -> str:
    """Write a checkpoint beside the place of the run, read it, and continue from it."""
    place = next(path for path in (output, *output.absolute().parents) if path.is_dir())
    state = {**trainer.state(), "data": trainer.parts.splits.digest, "kept": None}
    try:
        with phase("writing a checkpoint"), tempfile.TemporaryDirectory(prefix=".cvkit-", dir=place) as folder:
            write_checkpoint(Path(folder), trainer.step, state)
            size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
            read, damaged = read_newest(Path(folder))
    except CheckpointError as error:  # its own advice is to resume a run, and there is none yet
        raise MachineError(
            f"a checkpoint could not be written to '{place}': {one_line(error.__cause__ or error)}; free some space, "
            "or choose another --output"
        ) from error
    except OSError as error:
        raise FolderError(f"'{place}' cannot be written: {error.strerror}; choose another --output") from error
    if read is None or weights_digest(read["model"]) != weights_digest(state["model"]):
        raise CheckpointError("; ".join([f"a checkpoint in '{place}' is not read as it was written", *damaged]))
    trainer.restore(read)
    free = _free(place)
    if free < _KEPT * size:
        raise MachineError(
            f"the checkpoints of the run need {gigabytes(_KEPT * size)}, but '{place}' has {gigabytes(free)} left; "
            "free some space, or choose another --output"
        )
    return f"checkpoint: {gigabytes(size)} written, read and restored; '{place}' has {gigabytes(free)} left"


def _free(place: Path) -> int:
    """Return the bytes that are free on the disk of `place`."""
    return shutil.disk_usage(place).free
