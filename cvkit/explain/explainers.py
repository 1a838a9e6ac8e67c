"""Run a recipe's explainers on a trained model. If one fails, the others still produce their maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..engine.background import Background, no_background
from ..engine.trained_model import TrainedModel
from ..error_text import cause
from ..errors import CvkitError, one_line
from ..phases import phase
from ..protocols import ROUNDING, require_maps
from ..recipe import Part
from ..seeding import preserved_randomness, seed_everything

MapFunction = Callable[[Tensor, Tensor], Tensor]
_AT_ONCE = 250  # maximum number of images explained in one batch
_PIXELS = 1_000_000  # maximum pixels in a batch: gradients through the model need some kilobytes per pixel


class Explainers:
    """The explainers of `parts` by name. One that fails is skipped from then on, with a line in `warnings`.

    Each call derives its own seed, so that the same model and images always result in the same maps.

    Attributes:
        trained: The model.
        working: The explainers that work so far.
        signed: The names of the explainers whose maps are in [-1, 1]; the maps of the others are in [0, 1].
    """

    def __init__(
        self, trained: TrainedModel, parts: Iterable[Part], warnings: list[str], background: Background | None = None
    ) -> None:
        self.trained, self._parts, self._warnings = trained, tuple(parts), warnings
        self._background = no_background() if background is None else background
        self.working: dict[str, MapFunction] = {}
        self.signed: set[str] = set()
        for part in self._parts:
            name = part.entry.member or part.entry.component.name
            repeats = sum(other.split(" ")[0] == name for other in self.working)
            name = f"{name} {repeats + 1}" if repeats else name
            with self._guarded(name):
                self.working[name] = part.build(trained.model, trained.info, self._background)
                if part.entry.component.signed:
                    self.signed.add(name)

    def of(self, trained: TrainedModel) -> Explainers:
        """Return the same explainers for another model, for example one with randomized weights.

        Their warnings are discarded, because readers would attribute them to the maps of this model.
        """
        return Explainers(trained, self._parts, [], self._background)

    def explain(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return each working explainer's maps of uint8 images, float32 (N, H, W) on the CPU, computed in batches."""
        maps = {}
        size = max(1, min(_AT_ONCE, _PIXELS // images.shape[-2:].numel()))
        for name, explainer in list(self.working.items()):
            with (
                self._guarded(name),
                preserved_randomness(),
                phase(f"computing maps: {name}", len(images)) as computing,
            ):
                seed_everything(f"explanations {name}", self.trained.seed)
                chunks = zip(images.split(size), targets.split(size), strict=True)
                found = []
                for chunk in chunks:
                    found.append(self._chunk(name, explainer, *chunk))
                    computing.advance(len(chunk[0]))
                maps[name] = torch.cat(found)
                for line in lines_of(explainer, "warnings"):
                    self._warn(f"{name}: {line}")
        return maps

    def layers(self) -> dict[str, str]:
        """Return the dotted name of the layer that each working explainer explains, for those that report one."""
        reported = {name: layer_of(explainer, self.trained.model) for name, explainer in self.working.items()}
        return {name: layer for name, layer in reported.items() if layer}

    def notes(self) -> list[tuple[str, str]]:
        """Return what the working explainers report about their maps so far: pairs of their name and a line."""
        return [(name, line) for name, explainer in self.working.items() for line in lines_of(explainer, "notes")]

    def _chunk(self, name: str, explainer: MapFunction, images: Tensor, targets: Tensor) -> Tensor:
        signed = name in self.signed
        returned = explainer(self.trained.inputs(images), targets.to(self.trained.device))
        maps = require_maps(returned, images, signed=signed)
        if not signed and (maps.min() < -ROUNDING or maps.max() > 1 + ROUNDING):
            self._warn(f"{name} returned map values outside [0, 1]; they are clipped for display")
        return maps.detach().float().cpu()

    def _warn(self, line: str) -> None:
        if line not in self._warnings:
            self._warnings.append(line)

    @contextmanager
    def _guarded(self, name: str) -> Iterator[None]:
        """Turn any error of an explainer into a warning, so that the report of the training is not lost."""
        try:
            yield
        except Exception as error:
            self.working.pop(name, None)
            reason = one_line(error) if isinstance(error, CvkitError) else cause(error)
            self._warnings.append(f"{name} could not explain this model and is skipped: {reason}")


def lines_of(explainer: Any, attribute: str) -> list[str]:
    """Return the lines in an explainer's attribute `notes` or `warnings`; none if it has no such attribute.

    If an explainer wraps another one in its attribute `explainer`, the inner one is used.
    """
    lines = getattr(explainer, attribute, None)
    if lines is None and (inner := getattr(explainer, "explainer", None)) is not None:
        return lines_of(inner, attribute)
    return [" ".join(str(line).split()) for line in lines] if isinstance(lines, list | tuple) else []


def layer_of(explainer: Any, model: nn.Module) -> str:
    """Return the dotted name of the layer in an explainer's attribute `layer`; empty if it has none.

    If an explainer wraps another one in its attribute `explainer`, the inner one is used.
    """
    layer = getattr(explainer, "layer", None)
    if layer is None and (inner := getattr(explainer, "explainer", None)) is not None:
        return layer_of(inner, model)
    if isinstance(layer, nn.Module):
        return next((name for name, module in model.named_modules() if module is layer), "")
    return layer if isinstance(layer, str) else ""
