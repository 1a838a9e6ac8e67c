"""Which layer to explain: found by watching one forward pass, or named."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cvkit import RunError, evaluation_mode


def find_layer(model: nn.Module, name: str) -> nn.Module:
    """Return the submodule of that dotted name; raise `RunError` listing the layers there are."""
    modules = dict(model.named_modules())
    if name in modules:
        return modules[name]
    top = ", ".join(child for child, _ in model.named_children())
    raise RunError(f"the model has no layer '{name}'. At its top level it has: {top}")


def name_of(model: nn.Module, layer: nn.Module) -> str:
    """Return a submodule's dotted name, empty for the model itself."""
    return next(name for name, module in model.named_modules() if module is layer)


@torch.no_grad()
def choose_layer(model: nn.Module, image: Tensor) -> nn.Module:
    """Return the last module whose output is a grid of the image and is not pooled.

    `image`: one input (1, C, H, W). Where several modules pass the same output on, the outermost is chosen.
    Raises `RunError` if there is none, or if the model goes on in tokens after its last grid, as transformers do.
    """
    candidates: list[nn.Module] = []
    pooled: list[Tensor] = []

    def watch(module: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
        if not isinstance(output, Tensor):
            return
        if not is_grid(output, image):
            if is_token_like(output):
                candidates.clear()  # a grid that attention has mixed since says nothing of places in the image
        elif is_pooling(module):
            pooled.append(output)
        elif not any(output is tensor for tensor in pooled):  # a block that ends in a pool returns the pool's output
            candidates.append(module)

    handles = [module.register_forward_hook(watch) for module in model.modules()]
    try:
        with evaluation_mode(model):
            model(image)
    finally:
        for handle in handles:
            handle.remove()
    if not candidates:
        raise RunError("there is no late layer with a grid of the image in this model; name one with `layer`")
    return candidates[-1]


def is_grid(output: Tensor, image: Tensor) -> bool:
    """Whether an output is (1, c, h, w) with more than one place, the image's sides divided by one stride."""
    if output.ndim != 4 or output.shape[-2:].numel() == 1:
        return False
    (height, width), (h, w) = image.shape[-2:], output.shape[-2:]
    return h <= height and w <= width and abs(height / h - width / w) < 1


def is_token_like(output: Tensor) -> bool:
    """Whether an output is a sequence (1, n, c), or four-dimensional without being a grid of the image."""
    return output.ndim == 3 or (output.ndim == 4 and output.shape[-2:].numel() > 1)


def is_pooling(module: nn.Module) -> bool:
    """Whether a module pools, by its class's name: torch has ten such classes and no common base."""
    return "pool" in type(module).__name__.lower()
