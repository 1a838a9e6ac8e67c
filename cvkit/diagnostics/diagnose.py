"""What a finished run says about itself: every artifact of its report, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..engine.data import TensorSplit, read_whole
from ..engine.metrics import Predictions, Record
from ..engine.run import Run
from ..engine.seeding import permutation, preserved_randomness, seed_everything
from .accuracy import per_class_accuracy
from .artifacts import Artifact, Gallery, Table
from .confusion import confused_pairs, confusion
from .curves import curves, schedule
from .gallery import augmented_samples, misclassified, select_errors
from .pointing import pointing_game, pointing_table

Explainer = Callable[[Tensor, Tensor], Tensor]
_VIEWS = 3  # augmented versions of each sample shown
_CHUNK = 250  # images explained at once


@dataclass
class Diagnosis:
    """The artifacts of a run by theme, and a line for each thing that could not be diagnosed."""

    training: list[Artifact] = field(default_factory=list)
    classes: list[Artifact] = field(default_factory=list)
    errors: list[Artifact] = field(default_factory=list)
    explanations: list[Artifact] = field(default_factory=list)
    data: list[Artifact] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def artifacts(self) -> list[Artifact]:
        """Return every artifact, in the report's order."""
        return [*self.training, *self.classes, *self.errors, *self.explanations, *self.data]


def diagnose(run: Run, records: Sequence[Record], predictions: Predictions) -> Diagnosis:
    """Return the diagnosis of a trained run from its `records` and final test `predictions`.

    An explainer that fails costs its own pictures and leaves a warning.
    """
    classes = run.info.classes
    found = Diagnosis()
    found.training = [curves(records), schedule(records)]
    found.classes = [confusion(predictions, classes), per_class_accuracy(predictions, classes)]
    found.classes.append(confused_pairs(predictions, classes))
    explainers = _explainers(run, found.warnings)
    found.errors = [_errors(run, predictions, explainers, found.warnings)]
    if isinstance(run.splits.test, TensorSplit) and run.splits.test.masks is not None and explainers:
        found.explanations = [_pointing(run, run.splits.test, run.splits.test.masks, explainers)]
    if run.recipe.report.augmented and run.recipe.augmentations:
        found.data = [_augmented(run)]
    return found


def _explainers(run: Run, warnings: list[str]) -> dict[str, Explainer]:
    """Build the recipe's explainers, by component name, keeping those that explain a first image."""
    explainers: dict[str, Explainer] = {}
    run.trained_model.eval()
    first = read_whole(run.splits.test, [0])
    for part in run.recipe.explainers:
        name = part.entry.member or part.entry.component.name
        try:
            explainer: Explainer = part.build(run.trained_model)
            _maps(run, explainer, first.images, first.labels)
        except Exception as error:  # an explanation that fails must not cost the report of a whole training
            warnings.append(f"{part.entry.id} cannot explain this model: {error}")
        else:
            explainers[name if name not in explainers else part.entry.id] = explainer
    return explainers


def _maps(run: Run, explain: Explainer, images: Tensor, targets: Tensor) -> Tensor:
    """Return the maps of uint8 `images` for `targets`, float32 (N, H, W) on the CPU, a chunk at a time."""
    maps = []
    for pixels, classes in zip(images.split(_CHUNK), targets.split(_CHUNK), strict=True):
        inputs = run.pixels.for_evaluation(pixels.to(run.device))
        maps.append(explain(inputs, classes.to(run.device)).cpu())
    return torch.cat(maps) if maps else torch.zeros(0, *images.shape[-2:])


def _errors(run: Run, predictions: Predictions, explainers: dict[str, Explainer], warnings: list[str]) -> Gallery:
    indices = select_errors(predictions, run.recipe.report.misclassified)
    if not len(indices):
        return misclassified(torch.zeros(0, 1, 1, 1, dtype=torch.uint8), indices, predictions, run.info.classes, {})
    images = read_whole(run.splits.test, indices.tolist()).images
    predicted, true = predictions.predicted[indices], predictions.labels[indices]
    maps = {}
    for name, explain in explainers.items():
        maps[name] = (_maps(run, explain, images, predicted), _maps(run, explain, images, true))
        if empty := int((maps[name][0].amax(dim=(1, 2)) == 0).sum()):
            warnings.append(f"{name}: {empty} of {len(indices)} maps for the predicted class are empty")
    return misclassified(images, indices, predictions, run.info.classes, maps)


def _pointing(run: Run, test: TensorSplit, masks: Tensor, explainers: dict[str, Explainer]) -> Table:
    hits = {name: pointing_game(_maps(run, e, test.images, test.labels), masks) for name, e in explainers.items()}
    return pointing_table(hits, masks)


def _augmented(run: Run) -> Gallery:
    seed = run.recipe.seed
    chosen = permutation(len(run.splits.train), "augmented samples", seed)[: run.recipe.report.augmented]
    sample = read_whole(run.splits.train, chosen.tolist())
    with preserved_randomness():
        seed_everything("augmented views", seed)
        views = [run.pixels.augment(sample.images.to(run.device)).cpu() for _ in range(_VIEWS)]
    return augmented_samples(sample.images, torch.stack(views), sample.labels, run.info.classes)
