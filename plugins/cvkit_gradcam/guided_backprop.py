"""Guided Backpropagation: the gradient of a class's logit at the pixels, rectified at every ReLU on the way."""

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
    """Build the Guided Backpropagation explainer of `model`, a network of ReLUs.

    Its maps look sharp and hardly change when the weights of the late layers are drawn anew (Adebayo et al. 2018,
    "Sanity Checks for Saliency Maps", arXiv 1810.03292): it is here as the negative control of that check, not as an
    explanation. `chunk`: how many images go through the model at once; null for all that are given.
    """
    return GuidedBackprop(model, chunk)


class GuidedBackprop:
    """The pixels to which a class's logit owes most, by gradients that every ReLU rectifies on the way back.

    Springenberg et al. 2014, "Striving for Simplicity: The All Convolutional Net", arXiv 1412.6806, section 3.4.
    ReLUs are met as they are called, modules and functions alike; others, such as ReLU6, have their plain gradient.
    `chunk`: how many images go through the model at once; None for all.
    """

    def __init__(self, model: nn.Module, chunk: int | None = None) -> None:
        self.model = model
        self.chunk = chunk

    def __call__(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return the largest absolute gradient over the channels, divided by its maximum, float32 (B, [T,] H, W).

        Absolute, because a pixel matters whichever way it would have to change (Simonyan et al. 2013, arXiv
        1312.6034, section 3.1); Adebayo et al. compare such maps too. Each lies in [0, 1]; raises as `gradient` does.
        """
        return divided_by_maximum(self.gradient(images, targets).abs().amax(dim=-3))

    def gradient(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return the guided gradient of the target logit with respect to each image, float32 (B, [T,] C, H, W).

        `images`: normalised float (B, C, H, W). `targets`: int64 (B,), or (B, T). The model is explained in
        evaluation mode, and its modes, weights, gradients and hooks are left as found. Raises `RunError` where
        targets do not fit the images or the model's classes, or the model calls no ReLU.
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
    """Return the guided gradients (B, T, C, H, W) of images that fit the model at once."""
    pixels = images.detach().clone().requires_grad_()
    with GuidedReLUs() as relus:
        logits = model(pixels.clone())  # a leaf must not be changed in place
    if not relus.met:
        raise RunError(
            "Guided Backpropagation is defined for networks of ReLUs, and this one calls none; "
            "for others, such as GELU networks, choose another explainer"
        )
    scores = targets.scores(logits).sum(dim=0)
    return torch.stack([torch.autograd.grad(score, pixels, retain_graph=True)[0].float() for score in scores], dim=1)


class GuidedReLUs(TorchFunctionMode):
    """Within it every ReLU is a `GuidedReLU`; `met` counts the calls."""

    def __init__(self) -> None:
        super().__init__()
        self.met = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call the function, or the guided one in a ReLU's place, in place where that is."""
        kwargs = kwargs or {}
        if func not in RELUS:
            return func(*args, **kwargs)
        self.met += 1
        values: Tensor = args[0] if args else kwargs["input"]
        rectified: Tensor = GuidedReLU.apply(values)
        in_place = func in IN_PLACE or kwargs.get("inplace", False)
        return values.copy_(rectified) if in_place else rectified


class GuidedReLU(torch.autograd.Function):
    """A ReLU whose gradient is rectified once more: passed on where both it and the output are positive."""

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
