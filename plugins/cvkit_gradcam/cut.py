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

from .grid import Grid, prefix_lengths
from .layers import known_layers
from .targets import Targets


def gradient_at(model: nn.Module, layer: nn.Module, images: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """Return a layer's activation (B, c, h, w) and the gradients of target scores with respect to it (B, T, c, h, w).

    One forward pass serves all targets; both results are float32. The model comes in evaluation mode, and its
    weights, gradients and hooks are left as found. Raises `RunError` if the layer is not reached, if its output is
    not a grid of the image, if no gradient reaches it, or if a target is not one of the model's classes.
    """
    cut: list[Tensor] = []

    def cut_here(tensor: Tensor) -> Tensor:
        torch.set_grad_enabled(True)
        cut[:] = [tensor.detach().requires_grad_()]
        return cut[0].clone()  # what follows may work in place, and must not reach the activation

    with torch.no_grad():
        logits, grid = run_through(model, layer, images, cut_here)
        scores = targets.scores(logits).sum(dim=0)
        gradients = [gradient_of(score, cut[0]) for score in scores]
    seen = [grid.view(tensor).float() for tensor in (cut[0].detach(), *gradients)]
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
def activation_at(model: nn.Module, layer: nn.Module, images: Tensor) -> Tensor:
    """Return the layer's activation alone, float32 (B, c, h, w); raises what `gradient_at` does."""
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept[:] = [tensor.clone()]
        return tensor

    _, grid = run_through(model, layer, images, keep)
    return grid.view(kept[0]).float()


def run_through(
    model: nn.Module, layer: nn.Module, images: Tensor, replace: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Grid]:
    """Return the model's logits, and the grid of a layer whose output has been replaced on the way.

    Raises `RunError` naming other layers if this one is not reached, or if its output has no grid.
    """
    prefixes = prefix_lengths(model)
    grids: list[Grid] = []

    def hook(module: nn.Module, inputs: tuple[object, ...], output: object) -> object:
        grid = Grid.of(output, images, prefixes)
        if grid is None:
            raise NoGrid(output)
        grids[:] = [grid]
        return grid.put(output, replace(grid.tensor(output)))

    handle = layer.register_forward_hook(hook)
    try:
        logits: Tensor = model(images)
    except NoGrid as found:
        problem = str(found)
    else:
        problem = "" if grids else "the model's forward pass does not reach the chosen layer, so it has no grid"
    finally:
        handle.remove()
    if problem:
        raise RunError(f"{problem}. {known_layers(model, images[:1])}")
    return logits, grids[-1]


class NoGrid(Exception):
    """A layer's output has no grid of the image; it ends the forward pass, and becomes a `RunError` outside."""

    def __init__(self, output: object) -> None:
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        super().__init__(f"a map needs a layer whose output is a grid of the image, and this one's is {shape}")
