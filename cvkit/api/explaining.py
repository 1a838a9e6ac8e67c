"""`ExplainingModel`: the part of `Model` that explains predictions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from PIL import Image

from ..data.splits import Split
from ..engine.background import Background, background_of
from ..errors import RunError
from ..explain.explainers import Explainers
from ..explain.selection import with_methods
from ..explain.targets import ExplainTargets
from .answers import ImageExplanation
from .images import ImageLike
from .opened_model import OpenedModel

_NO_TRAINING = "Name the place of its data with cvkit.load(run, data=...), or choose a method without training images"


class ExplainingModel(OpenedModel):
    """Explains which pixels of an image support a class."""

    def explain(
        self,
        image: ImageLike,
        method: str | Mapping[str, Any] | None = None,
        target: str | int | None = None,
        *,
        against: str | int | None = None,
    ) -> ImageExplanation:
        """Return how much each pixel of an image supports a class.

        Some methods compare the image with training images, such as integrated gradients with ``baseline: training``.
        They need the data set of the run.

        Args:
            image: An image, as for `predict`.
            method: The name of an explainer that ``cvkit list explainers`` shows, or a mapping with options, as in
                ``{"name": "score_cam", "chunk": 8}``. By default the first explainer of the recipe, or Grad-CAM if
                the recipe has no explainer.
            target: The class to explain, by name or index. By default the most probable class.
            against: A class to explain the target against: why the model prefers the target to this class. Not every
                method can do this.

        Returns:
            The explanation, which a notebook shows.

        Raises:
            ValueError: `target` and `against` are the same class.
            DataError: There is no such class, or the file cannot be read as an image.
            RecipeError: There is no such method, or its options are wrong.
            RunError: The method cannot explain this model, cannot explain a class against another, or needs training
                images that cannot be opened.
        """
        picture = self._picture(image, 1)
        chosen_by_user = () if method is None else (json.dumps(method, default=dict),)
        names = ("method", "layer")
        recipe = with_methods(self.recipe, self._folder.document, self._catalog, chosen_by_user, names=names)
        warnings: list[str] = []
        explainers = Explainers(self._trained, recipe.explainers[:1], warnings, self._background)
        rival = None if against is None else self.class_index(against)
        ExplainTargets((), rival).apply_contrast(explainers)
        images = picture.fitted[None]
        probable = self._trained.prediction_rule.probabilities(self._trained.logits(images)).argmax()
        chosen = int(probable) if target is None else self.class_index(target)
        if chosen == rival:
            raise ValueError(f"target and against are both '{self.classes[chosen]}'; give another target")
        maps = explainers.explain(images, torch.tensor([chosen]))
        if not maps:
            raise RunError("\n".join(warnings))
        ((name, heat),) = maps.items()
        signed = name in explainers.signed
        shown = Image.fromarray(picture.overlay(heat[0], signed).permute(1, 2, 0).numpy())
        notes = tuple(line for _, line in explainers.notes())
        return ImageExplanation(
            picture.name, name, self.classes[chosen], heat[0], shown, tuple(warnings), signed, notes
        )

    @cached_property
    def _background(self) -> Background:
        inputs = self._trained.inputs
        return background_of(self._training_images, self.info, inputs, self.recipe.seed, _NO_TRAINING)

    def _training_images(self) -> Split:
        return self._splits().train
