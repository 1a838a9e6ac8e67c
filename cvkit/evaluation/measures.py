"""What is measured beside the predictions: nothing further without a run, and what its recipe names with a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from ..checkpoint.state_dicts import load_model_state
from ..data.label_forms import LabelForm
from ..data.labels import Labels
from ..data.splits import DataInfo, Splits
from ..engine.building import initialised_loss
from ..engine.predictions import Predictions
from ..engine.views import views_of
from ..errors import RunError
from ..figures.page import Section
from ..recipe import EvaluationSettings, Part, Recipe, ReportSettings, TrainSettings
from ..recipe.settings import View
from ..report.plugin_sections import plugin_sections
from ..runs.folder import RunFolder

WITHOUT_RUN = (
    "the loss and the metrics of a recipe were not computed, because an exported file does not contain its recipe; "
    "name its run with --run"
)


@dataclass(frozen=True)
class Measures:
    """What is measured beside the predictions of a classifier: without a run, only what every page has.

    Attributes:
        metrics: The metrics.
        loss_name: The name of the loss; empty without one.
        train: How a run loads its images.
        evaluation: How a run evaluates.
        report: What a report shows.
        notes: What is not measured, as sentences.
    """

    metrics: tuple[Part, ...] = ()
    loss_name: str = ""
    train: TrainSettings = field(default_factory=lambda: TrainSettings.model_validate({}))
    evaluation: EvaluationSettings = field(default_factory=lambda: EvaluationSettings.model_validate({}))
    report: ReportSettings = field(default_factory=lambda: ReportSettings.model_validate({}))
    notes: tuple[str, ...] = (WITHOUT_RUN,)

    def loss(self, info: DataInfo, device: torch.device) -> nn.Module | None:
        """Return the loss for images of `info` on a device; None without one."""
        return None

    def sections(self, predictions: Predictions, info: DataInfo, warnings: list[str]) -> list[Section]:
        """Return further sections of the page; `warnings` gets a line for each that fails."""
        return []


@dataclass(frozen=True)
class RunMeasures(Measures):
    """The loss, the metrics, the sections and the settings of a run. Create it with `of`.

    Attributes:
        folder: The run folder.
        recipe: The recipe of the run.
        data: Opens the data set of the run, which some losses need for the number of images of each class.
    """

    folder: RunFolder = field(kw_only=True)
    recipe: Recipe = field(kw_only=True)
    data: Callable[[], Splits] = field(kw_only=True)

    @classmethod
    def of(
        cls, folder: RunFolder, recipe: Recipe, data: Callable[[], Splits], notes: tuple[str, ...] = ()
    ) -> RunMeasures:
        """Return what a run measures."""
        name, settings = recipe.loss.entry.component.name, (recipe.train, recipe.evaluation, recipe.report)
        return cls(recipe.metrics, name, *settings, notes, folder=folder, recipe=recipe, data=data)

    def loss(self, info: DataInfo, device: torch.device) -> nn.Module:
        """Return the loss of the run, with its trained state; raise `CvkitError` if it cannot be built."""
        loss = initialised_loss(self.recipe, info, _TrainingLabels(self.data, info.labels), device)
        if loss.state_dict():
            state, _ = self.folder.newest_state()
            load_model_state(loss, (state or {}).get("loss", {}), "loss")
        return loss

    def sections(self, predictions: Predictions, info: DataInfo, warnings: list[str]) -> list[Section]:
        """Return the sections that the recipe names."""
        supplied = (self.folder.records(), predictions, info, self.folder.path)
        return plugin_sections(self.recipe.sections, supplied, warnings)


class _TrainingLabels(Labels):
    """The labels of the training images of a run, whose data set is opened when they are first used."""

    def __init__(self, data: Callable[[], Splits], form: LabelForm) -> None:
        super().__init__(0, lambda: Labels.of(data().train, form).values)
        self._data = data

    def __len__(self) -> int:
        return len(self._data().train)


def seen_views(recipe: Recipe) -> tuple[View, ...]:
    """Return the views of a recipe's test-time augmentation; raise `RunError` if it has none."""
    views = views_of(recipe.evaluation)
    if not views:
        raise RunError("the recipe of the run has no views: neither evaluation.views nor evaluation.flip_tta is set")
    return views
