"""`load`: a trained model from its run folder, to predict and explain with."""

from __future__ import annotations

import logging
import operator
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..data.splits import DataInfo
from ..engine.trained_model import TrainedModel
from ..errors import DataError, RunError, did_you_mean
from ..explain.explainers import Explainers
from ..explain.image_io import converted, reader_of
from ..explain.picture import Picture, fit
from ..explain.targets import ExplainTargets
from ..host.catalog import Catalog
from ..host.discovery import discover
from ..recipe import Recipe, resolve
from ..runs.folder import RunFolder
from ..runs.load import load_trained
from ..runs.provenance import describe_current, drift, missing_plugins
from .answers import ImageExplanation, Prediction, PredictionList
from .results import TrainedRun

log = logging.getLogger("cvkit")
ImageLike = str | os.PathLike[str] | Image.Image | Tensor | np.ndarray[Any, Any]
_AT_ONCE = 250  # images in memory


class Model:
    """A trained model, loaded from a run folder by `load`.

    Attributes:
        folder: The run folder.
        recipe: The recipe of the run.
        classes: The names of the classes, in the order of the model's outputs.
        checkpoint: After which step and epoch the weights were saved, in words.
    """

    def __init__(self, folder: RunFolder, recipe: Recipe, catalog: Catalog, info: DataInfo) -> None:
        loaded = load_trained(folder, recipe, info)
        for line in loaded.damaged:
            log.warning("%s", line)
        self._folder, self._catalog, self._info = folder, catalog, info
        self._trained: TrainedModel = loaded.trained
        self.folder, self.recipe, self.classes = folder.path, recipe, info.classes
        self.checkpoint = loaded.checkpoint_label

    def __repr__(self) -> str:
        return f"Model({str(self.folder)!r}, {self.checkpoint}, {len(self.classes)} classes)"

    @property
    def module(self) -> torch.nn.Module:
        """The model itself, in evaluation mode; it takes normalised images (B, C, H, W) and returns logits (B, K)."""
        return self._trained.model

    @overload
    def predict(self, images: list[Any] | tuple[Any, ...], top: int = ...) -> PredictionList: ...
    @overload
    def predict(self, images: ImageLike, top: int = ...) -> Prediction: ...
    def predict(self, images: ImageLike | list[Any] | tuple[Any, ...], top: int = 1) -> Prediction | PredictionList:
        """Return the most probable classes of an image, or of each of a list of images.

        Args:
            images: Paths of image files, PIL images, tensors uint8 (C, H, W) or arrays uint8 (H, W, C), of any size.
                Images are resized to cover the model's size and cropped about the middle.
            top: How many classes to return for each image.

        Returns:
            A prediction for a single image, a list of predictions for a list.

        Raises:
            DataError: A file cannot be read as an image.
            TypeError: An image has another type, or a tensor is not uint8.
            ValueError: `top` is not positive, or a tensor has another number of channels.
        """
        if top < 1:
            raise ValueError(f"top must be at least 1, got {top}")
        if isinstance(images, list | tuple):
            return PredictionList(self._predict(images, top))
        return self._predict([images], top)[0]

    def _predict(self, images: Sequence[ImageLike], top: int) -> list[Prediction]:
        found: list[Prediction] = []
        for start in range(0, len(images), _AT_ONCE):
            part = enumerate(images[start : start + _AT_ONCE], start=start + 1)
            pictures = [self._picture(image, number) for number, image in part]
            logits = self._trained.logits(torch.stack([picture.fitted for picture in pictures]))
            best = logits.softmax(dim=1).topk(min(top, len(self.classes)), dim=1)
            for picture, values, indices in zip(pictures, best.values.tolist(), best.indices.tolist(), strict=True):
                names = tuple(self.classes[index] for index in indices)
                found.append(Prediction(picture.name, names, tuple(values)))
        return found

    def explain(
        self,
        image: ImageLike,
        method: str | None = None,
        target: str | int | None = None,
        *,
        against: str | int | None = None,
    ) -> ImageExplanation:
        """Return which pixels of an image speak for a class.

        Args:
            image: As for `predict`.
            method: The name of an explainer, as ``cvkit list explainers`` shows it, with options if need be:
                ``{name: score_cam, chunk: 8}``. By default the recipe's first, or Grad-CAM where it has none.
            target: The class to explain, by name or index; by default the predicted one.
            against: A class that the target is compared with, where the method can do that.

        Returns:
            The explanation, which a notebook shows.

        Raises:
            ValueError: `target` and `against` are the same class.
            DataError: There is no such class, or the file cannot be read as an image.
            RecipeError: There is no such method, or its options are wrong.
            RunError: The method cannot explain this model.
        """
        picture = self._picture(image, 1)
        recipe = self.recipe
        if method is not None or not recipe.explainers:
            text = f"explainers=[{method or 'gradcam/grad_cam'}]"
            recipe = resolve(self._folder.document([text]), self._catalog)
        warnings: list[str] = []
        explainers = Explainers(self._trained, recipe.explainers[:1], warnings)
        rival = None if against is None else self.class_index(against)
        ExplainTargets((), rival).apply_contrast(explainers)
        images = picture.fitted[None]
        chosen = int(self._trained.logits(images).argmax()) if target is None else self.class_index(target)
        if chosen == rival:
            raise ValueError(f"target and against are both '{self.classes[chosen]}'; give another target")
        maps = explainers.explain(images, torch.tensor([chosen]))
        if not maps:
            raise RunError("\n".join(["the method cannot explain this model", *warnings]))
        ((name, heat),) = maps.items()
        shown = picture.overlay(heat[0]).permute(1, 2, 0).numpy()
        return ImageExplanation(
            picture.name, name, self.classes[chosen], heat[0], Image.fromarray(shown), tuple(warnings)
        )

    def class_index(self, name: str | int) -> int:
        """Return the index of a class, given by name or index.

        Raises:
            DataError: There is no such class.
        """
        if isinstance(name, str) and name in self.classes:
            return self.classes.index(name)
        if not isinstance(name, str) and 0 <= operator.index(name) < len(self.classes):
            return operator.index(name)
        hint = did_you_mean(str(name), self.classes) or f"It has: {', '.join(self.classes[:20])}"
        raise DataError(f"the model has no class {name!r}. {hint}")

    def _picture(self, image: ImageLike, number: int) -> Picture:
        name, channels = f"image {number}", self._info.channels
        if isinstance(image, str | os.PathLike):
            path = Path(image)
            return fit(str(path), reader_of(self.recipe, channels)(path), self._info)
        if isinstance(image, np.ndarray):
            if image.ndim not in (2, 3):
                raise ValueError(f"{name} has the shape {image.shape}; an image is (H, W) or (H, W, C)")
            image = torch.from_numpy(np.array(image if image.ndim == 3 else image[..., None])).permute(2, 0, 1)
        if isinstance(image, Tensor):
            if image.dtype != torch.uint8:
                kind = str(image.dtype).removeprefix("torch.")
                raise TypeError(f"{name} is {kind}; images are uint8, with values from 0 to 255")
            if image.ndim != 3 or image.shape[0] != channels:
                raise ValueError(f"{name} has the shape {tuple(image.shape)}; the model takes ({channels}, H, W)")
            if image.shape[1:] == (self._info.height, self._info.width):
                return Picture(name, image.cpu(), image.cpu())
            image = Image.fromarray(image.cpu().permute(1, 2, 0).squeeze(2).numpy())
        if not isinstance(image, Image.Image):
            raise TypeError(f"{name} is a {type(image).__name__}, not a path, a PIL image, a tensor or an array")
        return fit(name, converted(image, channels), self._info)


def load(folder: str | os.PathLike[str] | TrainedRun, *, plugins: Iterable[str | Path] = ()) -> Model:
    """Return the trained model of a run; the run folder is all it needs.

    Args:
        folder: The run folder, or a run that `cvkit.train` returned.
        plugins: Paths of plugins that are not installed and that the run used.

    Returns:
        The model, on the recipe's device or the best there is.

    Raises:
        FolderError: The folder holds no run.
        RunError: A plugin that the run used is missing.
        CheckpointError: The folder holds no checkpoint that can be read.
    """
    found = RunFolder.open(folder.folder if isinstance(folder, TrainedRun) else Path(folder))
    document = found.document()
    reasons = dict.fromkeys(document.disabled, "plugins.disable")
    catalog = discover(reasons, [Path(path) for path in plugins])
    components = found.info().get("components", [])
    if gone := missing_plugins(components, catalog):
        raise RunError(f"'{found.path}' cannot be opened without the plugins it was made with: {'; '.join(gone)}")
    for sentence in drift(components, describe_current(components, catalog)):
        log.warning("%s", sentence)
    info = found.data_info()
    if info is None:
        raise RunError(f"'{found.path}' does not say which classes its data set has, as runs of old versions did not")
    return Model(found, resolve(document, catalog), catalog, info)
