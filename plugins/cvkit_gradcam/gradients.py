"""The cut: gradients of class scores with respect to a layer, at hardly more than the cost of a forward pass.

The network is cut at the layer. What comes before runs without a graph; what comes after records one, and the
gradient is taken at the cut alone. So frozen models work, no weight's gradient is computed, and no ``.grad`` is
touched. The gradient is that of the layer's own output, in whatever order its axes are, and is then seen as a grid.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from cvkit import RunError

from .layers import LayerCandidate
from .targets import Targets, at_least_single


def gradient_at(model: nn.Module, layer: LayerCandidate, images: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """Return a layer's activation (B, c, h, w) and the gradients of target scores with respect to it (B, T, c, h, w).

    One forward pass serves all targets; both results are float32, or float64 where the layer's output is. The model
    comes in evaluation mode, and its weights, gradients and hooks are left as found. Raises `RunError` if the layer
    does not return its grid, if no gradient reaches it, or if a target is not one of the model's classes.
    """
    cut: list[Tensor] = []

    def cut_here(tensor: Tensor) -> Tensor:
        torch.set_grad_enabled(True)
        cut[:] = [tensor.detach().requires_grad_()]
        return cut[0].clone()  # what follows may work in place, and must not reach the activation

    with torch.no_grad():
        logits = run_through(model, layer, images, cut_here)
        scores = targets.scores(logits).sum(dim=0)
        gradients = [gradient_of(score, cut[0]) for score in scores]
    seen = [at_least_single(layer.grid.view(tensor)) for tensor in (cut[0].detach(), *gradients)]
    return seen[0], torch.stack(seen[1:], dim=1)


def gradient_of(score: Tensor, layer: Tensor) -> Tensor:
    """Return the gradient of a score at a layer's output; raise `RunError` where the score does not depend on it."""
    found = None
    if score.requires_grad:
        (found,) = torch.autograd.grad(score, layer, retain_graph=True, allow_unused=True)
    if found is None:
        raise RunError(
            "no gradient of the logits reaches the chosen layer: they do not depend on its output, or the model "
            "calls it without recording gradients; choose another"
        )
    return found


@torch.no_grad()
def activation_at(model: nn.Module, layer: LayerCandidate, images: Tensor) -> Tensor:
    """Return the layer's activation alone, float32 or float64 (B, c, h, w); raises what `gradient_at` does."""
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept[:] = [tensor.clone()]
        return tensor

    run_through(model, layer, images, keep)
    return at_least_single(layer.grid.view(kept[0]))


def run_through(
    model: nn.Module, layer: LayerCandidate, images: Tensor, replace: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return the model's logits, the grid of a layer having been replaced on the way.

    Of a module that is called more than once, the last call counts. Raises `RunError` if that returns no such grid.
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
            f"layer '{layer.name}' returns {layer.grid} for one image, and no such grid for {len(images)}; "
            "choose another"
        )
    return logits
