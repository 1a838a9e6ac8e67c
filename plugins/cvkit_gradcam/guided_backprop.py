"""Guided Backpropagation: the gradient of a class logit at the pixels, rectified at every ReLU on the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from cvkit import RunError, eval_mode

from .eager_mode import eager_mode
from .normalize import divided_by_maximum
from .targets import Targets, recordable, require_targets

IN_PLACE = (torch.relu_, Tensor.relu_)
RELUS = (functional.relu, torch.relu, Tensor.relu, *IN_PLACE)


def guided_backprop(model: nn.Module, *, chunk: PositiveInt | None = None) -> GuidedBackprop:
    """Return the Guided Backpropagation explainer of `model`, a network with ReLUs.

    Its maps look sharp, but hardly change when the weights of late layers are replaced by random ones (Adebayo et
    al. 2018, "Sanity Checks for Saliency Maps", arXiv 1810.03292). Use it as the negative control of that check, not
    as an explanation.
    Source: Springenberg et al. 2014, "Striving for Simplicity: The All Convolutional Net", arXiv 1412.6806.

    Args:
        model: Classifier from images (B, C, H, W) to logits (B, K).
        chunk: Images that go through the model at once, at least 1; null for all.

    Returns:
        A callable from images (B, C, H, W) and targets (B,) to maps (B, H, W) in [0, 1].
    """
    return GuidedBackprop(model, chunk)


class GuidedBackprop:
    """Explain a class logit by gradients at the pixels that every ReLU rectifies on the way back.

    Modules and functions that call a ReLU are covered; other activations, such as ReLU6, keep their usual gradient.
    `chunk` is the number of images that go through the model at once; None for all.
    Source: Springenberg et al. 2014, "Striving for Simplicity: The All Convolutional Net", arXiv 1412.6806,
    section 3.4.
    """

    def __init__(self, model: nn.Module, chunk: int | None = None) -> None:
        self.model = model
        self.chunk = chunk

    def __call__(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return the largest absolute gradient over the channels, divided by its maximum, float32 (B, [T,] H, W).

        The values are in [0, 1]. The gradient is absolute because a pixel matters in whichever direction it would
        have to change (Simonyan et al. 2013, arXiv 1312.6034, section 3.1); Adebayo et al. compare such maps too.
        Raises the errors of `gradient`.
        """
        return divided_by_maximum(self.gradient(images, targets).abs().amax(dim=-3))

    def gradient(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return the guided gradient of the target logit with respect to each image, float32 (B, [T,] C, H, W).

        `images` are normalised float (B, C, H, W); `targets` are int64 (B,) or (B, T). The model is explained in
        evaluation mode; its modes, weights, gradients and hooks do not change. Raises `RunError` if the targets do
        not fit the images or the classes of the model, or if the model calls no ReLU.
        """
        require_targets(images, targets)
        chunks = torch.arange(len(images), device=images.device).split(self.chunk or len(images))
        try:
            with eval_mode(self.model), eager_mode(), torch.inference_mode(False), torch.enable_grad():
                pixels, asked = recordable(images), Targets.of(targets)
                gradients = torch.cat([guided_gradient(self.model, pixels[at], asked[at]) for at in chunks])
        finally:
            torch.clear_autocast_cache()
        return gradients if targets.ndim == 2 else gradients[:, 0]


def guided_gradient(model: nn.Module, images: Tensor, targets: Targets) -> Tensor:
    """Return the guided gradients (B, T, C, H, W) of images that go through the model at once."""
    pixels = images.detach().clone().requires_grad_()
    with GuidedReLUs() as relus:
        logits = model(pixels.clone())  # a leaf must not be changed in place
    if not relus.met:
        raise RunError(
            "Guided Backpropagation is defined for networks of ReLUs, and this one calls none; choose another "
            "explainer for networks with other activations, such as GELU"
        )
    scores = targets.scores(logits).sum(dim=0)
    return torch.stack([torch.autograd.grad(score, pixels, retain_graph=True)[0].float() for score in scores], dim=1)


class GuidedReLUs(TorchFunctionMode):
    """A context in which `GuidedReLU` replaces every ReLU; `met` counts the calls."""

    def __init__(self) -> None:
        super().__init__()
        self.met = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call the function, or `GuidedReLU` if the function is a ReLU; an in-place ReLU stays in place."""
        kwargs = kwargs or {}
        if func not in RELUS:
            return func(*args, **kwargs)
        self.met += 1
        values: Tensor = args[0] if args else kwargs["input"]
        rectified: Tensor = GuidedReLU.apply(values)
        in_place = func in IN_PLACE or kwargs.get("inplace", False)
        return values.copy_(rectified) if in_place else rectified


class GuidedReLU(torch.autograd.Function):
    """A ReLU that passes on a gradient only where both the gradient and the output are positive."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        """Return the rectified values."""
        rectified = values.relu()
        ctx.save_for_backward(rectified)
        return rectified

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Return the positive gradient where the output is positive."""
        rectified: Tensor = ctx.saved_tensors[0]
        return gradient.relu() * (rectified > 0)
