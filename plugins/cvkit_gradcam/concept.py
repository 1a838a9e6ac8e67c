"""Concept activation vectors: how much a concept, given by example pictures, speaks for a class at each place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from cvkit import Background, DataInfo, RunError, eval_mode

from .concept_maps import ConceptExplanation, ConceptValues, signed_maps
from .concept_pictures import FEWEST, concept_pictures
from .eager_mode import eager_mode
from .gradients import activation_at, gradient_at
from .layers import LayerCandidate, candidates, choose_layer, find_layer
from .separator import ROUNDS, Separator, separator_of
from .targets import Targets, recordable, require_targets


def concept(
    model: nn.Module,
    info: DataInfo,
    background: Background,
    *,
    folder: Path,
    layer: str | None = None,
    values: ConceptValues = "derivative",
    pictures: Annotated[int, Field(ge=5, le=1000)] = 100,
    background_images: Annotated[int, Field(ge=10, le=64)] = 64,
    seed: NonNegativeInt = 0,
    chunk: PositiveInt = 32,
) -> Concept:
    """Return the explainer of a concept, such as stripes, that example pictures define.

    A linear separator between the activations of the pictures and of training images gives a direction, the concept
    activation vector. A place is positive if the class score rises in this direction, so the concept speaks for the
    class, and negative if it falls. Activations are averaged over the places of the layer before they are separated,
    because a concept may be anywhere; Kim et al. use the activations of all places together.
    Source: Kim et al. 2018, "Interpretability Beyond Feature Attribution: Quantitative Testing with Concept
    Activation Vectors (TCAV)", arXiv 1711.11279.

    Args:
        model: Classifier from images (B, C, H, W) to logits (B, K).
        info: Input size, framing and normalisation, with which the pictures are read.
        background: Training images, which the pictures are compared with.
        folder: Folder with pictures of the concept, at least 5. A relative path starts in the folder of the recipe.
        layer: Dotted name of the submodule to explain, with a key if it returns several feature maps, as in
            ``body[3]``; null chooses the last layer whose output is a feature map with a gradient.
        values: ``derivative`` is the derivative of the class score along the concept at each place, whether the
            concept is there or not. ``contribution`` multiplies it by how much more of the concept is at the place
            than at the average place of the training images.
        pictures: Largest number of pictures that are used, 5 to 1000; of more, a random sample.
        background_images: Largest number of training images that are used, 10 to 64.
        seed: Seed of the samples, at least 0.
        chunk: Images that go through the model at once, at least 1.

    Returns:
        A callable from images (B, C, H, W) and targets (B,) to maps (B, H, W) in [-1, 1].

    Raises:
        ValueError: The model has no such layer.
        cvkit.DataError: The folder is missing, has too few pictures, or contains a picture that cannot be read; or
            the training images cannot be read.
        cvkit.RunError: There are fewer than 10 training images.
    """
    return Concept(model, info, background, folder, layer, values, pictures, background_images, seed, chunk)


class Concept:
    """Explain how much a concept speaks for a class; the arguments are those of `concept`.

    Attributes:
        layer: The name of the explained layer; None until it is chosen.
        notes: How well the separator tells the concept apart, after the first explanation.
        warnings: Why the maps may mean nothing, so far.
    """

    def __init__(
        self,
        model: nn.Module,
        info: DataInfo,
        background: Background,
        folder: Path,
        layer: str | None = None,
        values: ConceptValues = "derivative",
        pictures: int = 100,
        background_images: int = 64,
        seed: int = 0,
        chunk: int = 32,
    ) -> None:
        self.model, self.values, self.seed, self.chunk = model, values, seed, chunk
        if layer is not None:
            find_layer(model, layer)
        self.layer = layer
        self.name = folder.name
        # Both are read now, so that what is missing is an error of the factory.
        self._pictures, self._found = concept_pictures(folder, info, pictures, seed)
        self._training = background.images[:background_images]
        if len(self._training) < 2 * FEWEST:
            raise RunError(
                f"a concept is compared with at least {2 * FEWEST} training images, and there are "
                f"{len(self._training)}; train on more images"
            )
        self._fitted: tuple[LayerCandidate, Separator] | None = None
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def __call__(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return signed maps, float32 (B, [T,] H, W) in [-1, 1]; raise the errors of `explain`."""
        return self.explain(images, targets).maps

    def candidates(self, image: Tensor) -> list[LayerCandidate]:
        """Return the layers of the model that can be explained, found with one image (1, C, H, W)."""
        return candidates(self.model, image)

    def explain(self, images: Tensor, targets: Tensor, against: Tensor | None = None) -> ConceptExplanation:
        """Return how much the concept speaks for the targets, or for them rather than for the classes `against`.

        `images` are normalised float (B, C, H, W); `targets` and `against` are int64 (B,) or (B, T). The model is
        explained in evaluation mode; its modes, weights, gradients and hooks do not change. Raises `RunError` if the
        targets do not fit the images or the classes of the model, or if the output of the layer is not a feature map.
        """
        require_targets(images, targets, against)
        if images.shape[1:] != self._pictures.shape[1:]:
            expected, given = tuple(self._pictures.shape[1:]), tuple(images.shape[1:])
            raise RunError(f"the images have the shape {given}, and the pictures of the concept {expected}")
        try:
            with eval_mode(self.model), eager_mode(), torch.inference_mode(False), torch.no_grad():
                images, asked = recordable(images), Targets.of(targets, against)
                layer, separator = self._separated(images)
                parts = [
                    signed_maps(separator, self.values, *gradient_at(self.model, layer, images[at], asked[at]))
                    for at in self._chunks(len(images))
                ]
        finally:
            torch.clear_autocast_cache()
        found = ConceptExplanation.of(torch.cat(parts), images.shape[-2:], layer.name, separator, targets, against)
        if self.values == "derivative" and found.is_even:
            self._warn(
                f"at layer '{layer.name}', the derivative is the same at every place, as before a mean over all "
                "places, so the map has no structure; choose an earlier layer with `layer`, or values: contribution"
            )
        return found

    def _separated(self, images: Tensor) -> tuple[LayerCandidate, Separator]:
        """Return the layer and the separator, found once."""
        if self._fitted is None:
            layer = choose_layer(self.model, images[:1], self.layer)
            self.layer = layer.name
            separator = separator_of(
                self._pooled(layer, self._pictures.to(images)),
                self._pooled(layer, recordable(self._training).to(images)),
                self.seed,
            )
            self._fitted = layer, separator
            self._report(separator)
        return self._fitted

    def _pooled(self, layer: LayerCandidate, images: Tensor) -> Tensor:
        """Return the mean activation of the layer over the places, float64 (N, c), on the CPU."""
        parts = [activation_at(self.model, layer, images[at]) for at in self._chunks(len(images))]
        # First to the CPU, because Apple's GPUs have no float64.
        return torch.cat([part.cpu().double().mean(dim=(-2, -1)) for part in parts])

    def _chunks(self, count: int) -> list[slice]:
        return [slice(start, start + self.chunk) for start in range(0, count, self.chunk)]

    def _report(self, separator: Separator) -> None:
        used = len(self._pictures)
        sample = "" if used == self._found else f" (a random sample of {self._found:,})"
        self.notes.append(
            f"concept '{self.name}' at layer '{self.layer}': a linear separator distinguishes {used:,} pictures"
            f"{sample} from {len(self._training)} training images with an accuracy of {_percent(separator.accuracy)} "
            f"on held-out images. Random groups of {separator.size} training images are distinguished with "
            f"{_percent(separator.by_chance)} on average"
        )
        if not separator.tells_apart:
            self._warn(
                f"concept '{self.name}' cannot be distinguished from the training images at layer '{self.layer}': "
                f"the accuracy of the separator is {_percent(separator.accuracy)}, and the best of {ROUNDS} random "
                f"groups of training images reaches {_percent(separator.limit)}. So the maps may mean nothing; use "
                "more pictures, pictures that show the concept more clearly, or another layer"
            )

    def _warn(self, line: str) -> None:
        if line not in self.warnings:
            self.warnings.append(line)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
