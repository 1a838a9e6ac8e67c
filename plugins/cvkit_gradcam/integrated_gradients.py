"""Integrated gradients: what each pixel adds to a logit on the straight path from a baseline to the image.

The integral is a weighted sum over steps. With one baseline, the steps are those of Gauss and Legendre. With training
images as baselines, each step has another training image, as in expected gradients; the sum estimates the mean over
images and path together, which needs no more steps.
"""

from __future__ import annotations

import torch
from numpy.polynomial.legendre import leggauss
from pydantic import PositiveInt
from torch import Tensor, nn

from cvkit import Background, DataInfo, RunError, eval_mode

from .attribution import Attribution
from .baselines import Baseline, baseline_of
from .eager_mode import eager_mode
from .targets import Targets, recordable, require_targets


def integrated_gradients(
    model: nn.Module,
    info: DataInfo | None = None,
    background: Background | None = None,
    *,
    baseline: Baseline = "mean",
    steps: PositiveInt = 32,
    chunk: PositiveInt = 32,
) -> IntegratedGradients:
    """Return the integrated-gradients explainer of `model`, which needs `steps` forward and backward passes.

    A pixel is positive if it adds to the logit, and negative if it takes from it. The sum of all pixels is the
    difference between the logit of the image and that of the baseline, up to the error of the numeric integral.
    Source: Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks", arXiv 1703.01365, section 3; for
    training images, Erion et al. 2021, "Improving performance of deep learning models with axiomatic attribution
    priors and expected gradients", arXiv 1906.10670.

    Args:
        model: Classifier from images (B, C, H, W) to logits (B, K), with a gradient at the images.
        info: Mean and standard deviation of the data, for the baseline ``black``.
        background: Training images, for the baseline ``training``.
        baseline: Image that each image is compared with: ``mean`` is the mean colour of the data set, ``black`` is
            black, ``blur`` is the image, blurred by an eighth of its shorter side, and ``training`` is another
            training image in each step (expected gradients). A pixel that equals the baseline has no evidence, so
            black objects have none with ``black``.
        steps: Points on the path from the baseline to the image, at least 1. With ``training``, more steps use more
            training images, up to 64.
        chunk: Images that go through the model at once, at least 1; it limits the memory.

    Returns:
        A callable from images (B, C, H, W) and targets (B,) to maps (B, H, W) in [-1, 1].

    Raises:
        ValueError: The arguments that `baseline` needs are missing.
    """
    return IntegratedGradients(model, baseline, steps, info, background, chunk)


class IntegratedGradients:
    """Explain a class logit by its gradients on the path from a baseline to the image.

    The arguments are those of `integrated_gradients`.
    """

    def __init__(
        self,
        model: nn.Module,
        baseline: Baseline = "mean",
        steps: int = 32,
        info: DataInfo | None = None,
        background: Background | None = None,
        chunk: int = 32,
    ) -> None:
        self.model, self.steps, self.chunk = model, steps, chunk
        self._references: Tensor | None = None
        if baseline != "training":
            self._baseline = baseline_of(baseline, info)
        elif background is None:
            raise ValueError("the baseline 'training' needs training images, as background")
        else:
            self._references = background.images  # read now, so that a missing data set is an error of the factory

    def __call__(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return signed maps, float32 (B, [T,] H, W) in [-1, 1]; raise the errors of `explain`."""
        return self.explain(images, targets).maps

    def explain(self, images: Tensor, targets: Tensor, against: Tensor | None = None) -> Attribution:
        """Return what each pixel adds to the target logits, or to their difference to those `against`.

        `images` are normalised float (B, C, H, W); `targets` and `against` are int64 (B,) or (B, T). The model is
        explained in evaluation mode; its modes, weights, gradients and hooks do not change. Raises `RunError` if the
        targets do not fit the images or the classes of the model, or if the logits have no gradient at the images.
        """
        require_targets(images, targets, against)
        at_once = min(self.steps, self.chunk)
        points = [part.split(at_once) for part in self._points(images)]
        groups = torch.arange(len(images), device=images.device).split(max(1, self.chunk // at_once))
        try:
            with eval_mode(self.model), eager_mode(), torch.inference_mode(False), torch.enable_grad():
                pixels, asked = recordable(images).detach(), Targets.of(targets, against)
                raw = []
                for group in groups:
                    parts = zip(*points, strict=True)
                    starts = self._starts(pixels[group], at_once)
                    sums = [
                        self._along(pixels[group], asked[group], start, *part)
                        for start, part in zip(starts, parts, strict=True)
                    ]
                    raw.append(torch.stack(sums).sum(dim=0))
        finally:
            torch.clear_autocast_cache()
        return Attribution.of("integrated_gradients", torch.cat(raw).detach(), targets, against)

    def _points(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the places of the steps on the path, in (0, 1), and their weights, which sum to 1, both (steps,).

        With training images, the steps are the midpoints of equal parts, each with the same weight.
        """
        if self._references is None:
            nodes, weights = map(torch.from_numpy, leggauss(self.steps))
            return ((nodes + 1) / 2).to(images), (weights / 2).to(images)
        middles = (torch.arange(self.steps) + 0.5) / self.steps
        return middles.to(images), torch.full((self.steps,), 1 / self.steps).to(images)

    def _starts(self, images: Tensor, at_once: int) -> list[Tensor]:
        """Return the baselines of each part of the steps, (B or 1, steps of the part or 1, C, H, W)."""
        numbers = torch.arange(self.steps, device=images.device).split(at_once)
        if self._references is None:
            return [self._baseline(images)[:, None]] * len(numbers)
        references = self._references.to(images)
        if references.shape[1:] != images.shape[1:]:
            expected, given = tuple(references.shape[1:]), tuple(images.shape[1:])
            raise RunError(f"the images have the shape {given}, and the training images {expected}")
        return [references[part % len(references)][None] for part in numbers]

    def _along(self, images: Tensor, asked: Targets, start: Tensor, places: Tensor, weights: Tensor) -> Tensor:
        """Return the part of the integral at some steps, summed over the channels, (B, T, H, W)."""
        steps, change = len(places), images[:, None] - start
        points = (start + places.view(1, -1, 1, 1, 1) * change).flatten(0, 1)
        owners = torch.arange(len(images), device=images.device).repeat_interleave(steps)
        gradients = gradients_at_pixels(self.model, points, asked[owners]).unflatten(0, (len(images), steps))
        added: Tensor = gradients * change[:, :, None] * weights.view(1, -1, 1, 1, 1, 1)
        return added.sum(dim=(1, 3))


def gradients_at_pixels(model: nn.Module, images: Tensor, asked: Targets) -> Tensor:
    """Return the gradients of the target scores at the images, (B, T, C, H, W); raise `RunError` if there is none."""
    pixels = images.detach().requires_grad_()
    scores = asked.scores(model(pixels.clone())).sum(dim=0)  # a leaf must not be changed in place
    gradients = []
    for score in scores:
        found = None
        if score.requires_grad:
            (found,) = torch.autograd.grad(score, pixels, retain_graph=True, allow_unused=True)
        if found is None:
            raise RunError(
                "the logits have no gradient at the pixels, so gradients cannot be integrated; use occlusion, which "
                "needs none"
            )
        gradients.append(found)
    return torch.stack(gradients, dim=1)
