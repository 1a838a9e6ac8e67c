"""A recipe that repeats fast, and its job."""

from __future__ import annotations

from pathlib import Path

import unrendered

from cvkit import discover, read, resolve
from cvkit.repeats.folder import RepeatFolder
from cvkit.repeats.work import RepeatJob
from cvkit.runs.watching import Watch

RECIPE = """\
name: tiny
dataset: {name: shapes, train_size: 40, test_size: 20}
augmentations: [horizontal_flip]
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.05, momentum: 0.9}
scheduler: constant
metrics: [ece]
explainers: []
train: {epochs: 2, batch_size: 10, device: cpu}
report: {misclassified: 0, augmented: 0}
"""


def consume(session, events) -> None:
    for _ in events:
        pass


def job_in(path: Path, recipe: Path, seeds: tuple[int, ...] = (0, 1, 2)) -> RepeatJob:
    """Return the job of repeating a recipe in a folder."""
    catalog = discover()
    checked = resolve(read(recipe), catalog)
    folder = RepeatFolder(path)
    folder.begin(checked, seeds)
    return RepeatJob(folder, checked, catalog, None)


def train(path: Path, recipe: Path, show=consume) -> None:
    """Train the unfinished seeds, and summarise them."""
    job = job_in(path, recipe)
    with unrendered.figures():
        job.train(job.unfinished(), Watch(lambda line: None, lambda line: None, show))
        job.summarise()
