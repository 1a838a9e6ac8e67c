"""The cut: gradients of class scores with respect to a layer, at hardly more than the cost of a forward pass.

The network is cut at the layer. What comes before runs without a graph; what comes after records one, and the
gradient is taken at the cut alone. So frozen models work, no weight's gradient is computed, and no ``.grad`` is
touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from cvkit import RunError

OutputHook = Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor | None]


def gradient_at(model: nn.Module, layer: nn.Module, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return a layer's activation (B, c, h, w) and the gradients of target logits with respect to it (B, T, c, h, w).

    `targets`: int64 (B, T). One forward pass serves them all; both results are float32. The model comes in evaluation
    mode, and its weights, gradients and hooks are left as found. Raises `RunError` if the layer is not reached, if
    its output is not an image grid, or if a target is not one of the model's classes.
    """
    cut: list[Tensor] = []

    def cut_here(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        require_grid(output)
        torch.set_grad_enabled(True)
        cut[:] = [output.detach().requires_grad_()]
        return cut[0].clone()  # what follows may work in place, and must not reach the activation

    with torch.no_grad(), hooked(layer, cut_here):
        logits = model(images)
        require_reached(cut)
        scores = target_scores(logits, targets).sum(dim=0)
        gradients = [torch.autograd.grad(score, cut, retain_graph=True)[0] for score in scores]
    return cut[0].detach().float(), torch.stack(gradients, dim=1).float()


@torch.no_grad()
def activation_at(model: nn.Module, layer: nn.Module, images: Tensor) -> Tensor:
    """Return the layer's activation alone, float32 (B, c, h, w); raises what `gradient_at` does."""
    kept: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        require_grid(output)
        kept[:] = [output.clone()]

    with hooked(layer, keep):
        model(images)
    require_reached(kept)
    return kept[0].float()


def target_scores(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the logits (B, K) of the target classes, float32 (B, T); raise `RunError` for a class there is not."""
    classes = logits.shape[1]
    if wrong := targets[(targets < 0) | (targets >= classes)].tolist():
        raise RunError(f"there is no class {wrong[0]} to explain: the model's are 0 to {classes - 1}")
    return logits.float().gather(1, targets)


@contextmanager
def hooked(layer: nn.Module, hook: OutputHook) -> Iterator[None]:
    """Hold a forward hook on a layer."""
    handle = layer.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def require_reached(outputs: list[Tensor]) -> None:
    """Raise `RunError` unless the layer has been called."""
    if not outputs:
        raise RunError("the model's forward pass does not reach the chosen layer; name another with `layer`")


def require_grid(output: object) -> None:
    """Raise `RunError` unless a layer's output is an image grid (B, c, h, w)."""
    if not (isinstance(output, Tensor) and output.ndim == 4):
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise RunError(f"an activation map needs a layer whose output is (B, c, h, w), and this one's is {shape}")
