"""A search that takes seconds, and its job."""

from __future__ import annotations

from pathlib import Path

import unrendered

from cvkit import discover
from cvkit.runs.watching import Watch
from cvkit.searches.folder import SearchFolder
from cvkit.searches.reading import SearchFile, source_of
from cvkit.searches.work import SearchJob

RECIPE = """\
name: base
dataset: {name: shapes, train_size: 20, validation_size: 20, test_size: 10}
augmentations: [{name: random_crop, padding: 2}]
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.05, momentum: 0.9}
explainers: []
train: {epochs: 3, batch_size: 10, device: cpu}
report: {misclassified: 0, augmented: 0}
"""
SEARCH = """\
recipe: base.yaml
space:
  optimizer.lr: {low: 1e-3, high: 3, log: true}
  optimizer.momentum: {low: 0, high: 0.95}
  augmentations.0.padding: {choices: [1, 2, 3]}
max_trials: 12
metric: loss
"""


def consume(session, events) -> None:
    for _ in events:
        pass


def written(folder: Path, search: str = SEARCH, recipe: str = RECIPE) -> Path:
    """Write a search and its recipe; return the path of the search."""
    (folder / "base.yaml").write_text(recipe)
    (folder / "search.yaml").write_text(search)
    return folder / "search.yaml"


def job_of(file: Path, folder: Path) -> SearchJob:
    """Return the job of a search in a folder."""
    catalog = discover()
    search = SearchFile(source_of(file)).resolve(catalog)
    return SearchJob(search, SearchFolder(folder), catalog, None)


def train(file: Path, folder: Path, show=consume, lines: list[str] | None = None) -> None:
    """Begin or continue a search in a folder, and summarise it."""
    said = [] if lines is None else lines
    job = job_of(file, folder)
    metric, goal, _ = job.prepare()
    job.folder.begin(job.search, metric, goal)
    job.train(Watch(said.append, said.append, show))
    with unrendered.figures():
        job.summarise()
