"""What a finished run says about itself: every artifact of its report, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..engine.batches import read_whole
from ..engine.data import TensorSplit
from ..engine.metrics import Predictions, Record
from ..engine.run import Run
from ..engine.seeding import derive, permutation, preserved_randomness, seed_everything
from ..errors import RunError, one_line
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
    explainers = _Explainers(run, found.warnings)
    if run.recipe.report.misclassified:
        found.errors = [_errors(run, predictions, explainers, found.warnings)]
    if isinstance(run.splits.test, TensorSplit) and run.splits.test.masks is not None and explainers.working:
        found.explanations = [_pointing(run.splits.test, run.splits.test.masks, explainers)]
    if run.recipe.report.augmented and run.recipe.augmentations:
        found.data = [augmented_sheet(run)]
    return found


class _Explainers:
    """The recipe's explainers by name; one that fails is left out from then on, with a warning.

    Each call draws from its own seed, so that the same model and images give the same maps.
    """

    def __init__(self, run: Run, warnings: list[str]) -> None:
        self._run, self._warnings = run, warnings
        self.working: dict[str, Explainer] = {}
        run.trained_model.eval()
        for part in run.recipe.explainers:
            name = part.entry.member or part.entry.component.name
            repeats = sum(other.split(" ")[0] == name for other in self.working)
            name = f"{name} {repeats + 1}" if repeats else name
            with self._guarded(name):
                self.working[name] = part.build(run.trained_model)

    def explain(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return each working explainer's maps of uint8 images, float32 (N, H, W) on the CPU, made in chunks."""
        maps = {}
        for name, explainer in list(self.working.items()):
            with self._guarded(name), preserved_randomness():
                seed_everything(f"explanations {name}", self._run.recipe.seed)
                chunks = zip(images.split(_CHUNK), targets.split(_CHUNK), strict=True)
                maps[name] = torch.cat([self._chunk(name, explainer, *chunk) for chunk in chunks])
        return maps

    def _chunk(self, name: str, explainer: Explainer, images: Tensor, targets: Tensor) -> Tensor:
        inputs = self._run.pixels.for_evaluation(images.to(self._run.device))
        maps = explainer(inputs, targets.to(self._run.device))
        expected = (len(images), *images.shape[-2:])
        if tuple(maps.shape) != expected:
            raise RunError(f"its maps are {tuple(maps.shape)}, not {expected}")
        if not torch.isfinite(maps).all():
            raise RunError("its maps are not finite")
        if maps.min() < 0 or maps.max() > 1:
            self._warn(f"{name} makes maps beyond [0, 1], which are shown cut off there")
        return maps.detach().float().cpu()

    def _warn(self, line: str) -> None:
        if line not in self._warnings:
            self._warnings.append(line)

    @contextmanager
    def _guarded(self, name: str) -> Iterator[None]:
        """Turn whatever an explainer raises into a warning: it must not cost the report of a whole training."""
        try:
            yield
        except Exception as error:
            self.working.pop(name, None)
            reason = f"{type(error).__name__}: {one_line(error)}"
            self._warnings.append(f"{name} could not explain this model and is left out: {reason}")


def _errors(run: Run, predictions: Predictions, explainers: _Explainers, warnings: list[str]) -> Gallery:
    indices = select_errors(predictions, run.recipe.report.misclassified)
    if not len(indices):
        return misclassified(torch.zeros(0, 1, 1, 1, dtype=torch.uint8), indices, predictions, run.info.classes, {})
    images = read_whole(run.splits.test, indices.tolist()).images
    for_predicted = explainers.explain(images, predictions.predicted[indices])
    for_true = explainers.explain(images, predictions.labels[indices])
    for what, maps in (("predicted", for_predicted), ("true", for_true)):
        for name, of_errors in maps.items():
            if empty := int((of_errors.amax(dim=(1, 2)) == 0).sum()):
                found = f"{empty} of the {len(indices)} errors shown"
                warnings.append(f"{name} finds nothing that speaks for the {what} class in {found}: the map is black")
    both = {name: (for_predicted[name], for_true[name]) for name in for_predicted if name in for_true}
    return misclassified(images, indices, predictions, run.info.classes, both)


def _pointing(test: TensorSplit, masks: Tensor, explainers: _Explainers) -> Table:
    maps = explainers.explain(test.images, test.labels)
    return pointing_table({name: pointing_game(of_test, masks) for name, of_test in maps.items()}, masks)


def augmented_sheet(run: Run) -> Gallery:
    """Return training images beside what the recipe's augmentations make of them."""
    seed = run.recipe.seed
    chosen = permutation(len(run.splits.train), "augmented samples", seed)[: run.recipe.report.augmented]
    sample = read_whole(run.splits.train, chosen.tolist())
    with preserved_randomness():
        seed_everything("augmented views", seed)
        views = [run.augmented(sample.images, derive("augmented views", seed, view)).cpu() for view in range(_VIEWS)]
    return augmented_samples(sample.images, torch.stack(views), sample.labels, run.info.classes)
