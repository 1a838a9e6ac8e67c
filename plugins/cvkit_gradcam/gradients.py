"""Gradients of class scores with respect to a layer, for little more than the cost of a forward pass.

The network is cut at the layer. The part before the layer runs without a graph; the part after it records one, and
the gradient is taken only at the cut. So frozen models work, no gradient of a weight is computed, and ``.grad`` does
not change. The gradient is that of the layer output with its own order of axes, and is then viewed as a feature map.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from cvkit import RunError

from .layers import LayerCandidate
from .targets import Targets, at_least_single


def gradient_at(model: nn.Module, layer: LayerCandidate, images: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """Return the activation (B, c, h, w) of a layer and the gradients of the target scores at it (B, T, c, h, w).

    One forward pass is enough for all targets. Both results are float32, or float64 if the layer output is float64.
    The model must be in evaluation mode; its weights, gradients and hooks do not change. Raises `RunError` if the
    layer does not return its feature map, if no gradient reaches it, or if a target is not a class of the model.
    """
    cut: list[Tensor] = []

    def cut_here(tensor: Tensor) -> Tensor:
        torch.set_grad_enabled(True)
        cut[:] = [tensor.detach().requires_grad_()]
        return cut[0].clone()  # the next layer may work in place, which must not change the activation

    with torch.no_grad():
        logits = run_through(model, layer, images, cut_here)
        scores = targets.scores(logits).sum(dim=0)
        gradients = [gradient_of(score, cut[0]) for score in scores]
    seen = [at_least_single(layer.grid.view(tensor)) for tensor in (cut[0].detach(), *gradients)]
    return seen[0], torch.stack(seen[1:], dim=1)


def gradient_of(score: Tensor, layer: Tensor) -> Tensor:
    """Return the gradient of a score at the output of a layer; raise `RunError` if there is none."""
    found = None
    if score.requires_grad:
        (found,) = torch.autograd.grad(score, layer, retain_graph=True, allow_unused=True)
    if found is None:
        raise RunError(
            "no gradient of the logits reaches the chosen layer: the logits do not depend on its output, or the "
            "model calls it without recording gradients; choose another layer"
        )
    return found


@torch.no_grad()
def activation_at(model: nn.Module, layer: LayerCandidate, images: Tensor) -> Tensor:
    """Return only the activation of a layer, float32 or float64 (B, c, h, w); raise the errors of `gradient_at`."""
    outputs: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        outputs[:] = [tensor.clone()]
        return tensor

    run_through(model, layer, images, keep)
    return at_least_single(layer.grid.view(outputs[0]))


def run_through(
    model: nn.Module, layer: LayerCandidate, images: Tensor, replace: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return the logits of the model after replacing the feature map of a layer.

    If a module is called more than once, the last call counts. Raises `RunError` if that call does not return the
    feature map.
    """
    met: list[bool] = []

    def hook(module: nn.Module, inputs: tuple[object, ...], output: object) -> object:
        met.append(layer.grid.is_in(output, len(images)))
        return layer.grid.put(output, replace(layer.grid.tensor(output))) if met[-1] else output

    handle = layer.module.register_forward_hook(hook)
    try:
        logits: Tensor = model(images)
    finally:
        handle.remove()
    if not met or not met[-1]:
        raise RunError(
            f"layer '{layer.name}' returns {layer.grid} for one image, but a different shape for {len(images)} "
            "images; choose another layer"
        )
    return logits
