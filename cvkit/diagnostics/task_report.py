"""What the report of a run contains for its task: each task has its own facts, sections and galleries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from torch import Tensor

from ..engine.parts import RunParts
from ..engine.predictions import Predictions
from ..engine.trainer import Trainer
from ..explain.explainers import Explainers
from ..figures.artifacts import Artifact
from ..figures.page import Fact
from ..recipe.settings import EvaluationSettings, ReportSettings
from ..tasks import TASKS

ImagesAt = Callable[[Sequence[int]], Tensor]


class TaskReport(Protocol):
    """Creates the parts of the report that depend on the task. `classes` are the names of the classes."""

    title: str
    """The title of the section about the classes."""

    def measured_on(self, predictions: Predictions) -> str:
        """Return what the score counts, for the note of the headline."""
        ...

    def facts(
        self, settings: EvaluationSettings, predictions: Predictions, measured: Collection[float]
    ) -> list[Fact]:
        """Return further numbers for the top of the report, without those that `measured` contains.

        `settings` are those of the recipe, and `measured` are the values of the recipe's metrics.
        """
        ...

    def classes(
        self, predictions: Predictions, classes: tuple[str, ...], parts: RunParts | None = None
    ) -> list[Artifact]:
        """Return what is measured for each class; `parts` has the images of the run, if there is one."""
        ...

    def confidence(self, predictions: Predictions, classes: tuple[str, ...]) -> list[Artifact]:
        """Return how well the probabilities match the data."""
        ...

    def errors(
        self, trainer: Trainer, predictions: Predictions, explainers: Explainers, warnings: list[str]
    ) -> list[Artifact]:
        """Return the most instructive errors, with explanations; `warnings` gets a line for what is missing."""
        ...

    def plain_errors(
        self, settings: ReportSettings, predictions: Predictions, classes: tuple[str, ...], images: ImagesAt
    ) -> list[Artifact]:
        """Return the most instructive errors without explanations; `images` returns images by their positions."""
        ...

    def doubts(self, trainer: Trainer, predictions: Predictions) -> Sequence[Artifact]:
        """Return the images whose labels the model contradicts with confidence."""
        ...

    def explained(self, predictions: Predictions) -> Tensor:
        """Return the class of each image that a check of explanations explains, int64 (N,)."""
        ...


def task_report(task: str) -> TaskReport:
    """Return the report of a task."""
    report: TaskReport = TASKS[task].part("report")()
    return report
