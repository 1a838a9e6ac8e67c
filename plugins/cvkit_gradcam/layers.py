"""Which layer to explain: found by watching one forward and backward pass, or named."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cvkit import RunError, evaluation_mode

from .eager import as_written
from .grid import Grid, prefix_lengths
from .targets import recordable

SHOWN = 8


@dataclass(frozen=True)
class Candidate:
    """A layer that can be explained.

    `name`: its dotted name in the model. `kind`: its class's name. `grid`: how its output is a grid of the image.
    `live`: whether a gradient reaches the grid's places, without which a map by gradients is zero.
    """

    name: str
    kind: str
    grid: Grid
    live: bool


def find_layer(model: nn.Module, name: str) -> nn.Module:
    """Return the submodule of that dotted name; raise `RunError` listing the layers there are."""
    modules: dict[str, nn.Module] = dict(model.named_modules())
    if name in modules:
        return modules[name]
    top = ", ".join(child for child, _ in model.named_children())
    raise RunError(f"the model has no layer '{name}'. At its top level it has: {top}")


def name_of(model: nn.Module, layer: nn.Module) -> str:
    """Return a submodule's dotted name, empty for the model itself."""
    names: dict[nn.Module, str] = {module: name for name, module in model.named_modules()}
    return names[layer]


def choose_layer(model: nn.Module, image: Tensor) -> nn.Module:
    """Return the last candidate whose places have a gradient, and that is not a linear projection.

    In a vision transformer whose head reads the class token alone, that is the last block's first norm: after it,
    only the class token goes on. The projections to queries, keys and values come later, and are passed over, as each
    is a part of what the norm hands on. Without any gradient the last is taken.
    `image`: one input (1, C, H, W). Raises `RunError` if the model has no layer with a grid.
    """
    found = [(candidate, model.get_submodule(candidate.name)) for candidate in candidates(model, image)]
    if not found:
        raise RunError(
            "this model has no layer whose output is a grid of the image and has a gradient, so there is no place "
            "for a class activation map; explain a convolutional network or a vision transformer, and not one that "
            "computes under its own no_grad"
        )
    return sorted(found, key=lambda pair: (pair[0].live, not isinstance(pair[1], nn.Linear)))[-1][1]


def candidates(model: nn.Module, image: Tensor) -> list[Candidate]:
    """Return the layers that can be explained, in the order in which they finish.

    Those are the modules whose output is a grid of the image, without pooling, permutes, and what hands its input on.
    Where several modules return the same tensor, it is the outermost. `image`: one input (1, C, H, W).
    It takes one forward and one backward pass; the model's modes, gradients and hooks are left as found.
    """
    seen: dict[nn.Module, tuple[Tensor, Grid]] = {}
    pooled: list[Tensor] = []
    into_head: list[Tensor] = []
    prefixes = prefix_lengths(model)

    def watch(module: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        if module is model:
            return
        if module._parameters and inputs and isinstance(inputs[0], Tensor):
            into_head[:] = [inputs[0]]
        seen.pop(module, None)  # of a module that is called twice, the last call is explained
        grid = Grid.of(output, image, prefixes)
        if grid is None:
            return
        tensor = grid.tensor(output)
        if is_pooling(module):
            pooled.append(tensor)  # a block that ends in a pool returns the pool's output
        elif not any(tensor is other for other in pooled) and not is_passed_on(module, tensor, inputs):
            seen[module] = tensor, grid

    handles = [module.register_forward_hook(watch) for module in model.modules()]
    try:
        with evaluation_mode(model), as_written(), torch.inference_mode(False), torch.enable_grad():
            logits = model(recordable(image).detach().requires_grad_().clone())  # a leaf must not be changed in place
            outermost = {id(tensor): module for module, (tensor, _) in seen.items()}
            found = [
                (module, tensor, grid)
                for module, (tensor, grid) in seen.items()
                if tensor.requires_grad and outermost[id(tensor)] is module
            ]
            live = reached([logits, *into_head], [(tensor, grid) for _, tensor, grid in found])
    finally:
        for handle in handles:
            handle.remove()
    return [
        Candidate(name_of(model, module), type(module).__name__, grid, alive)
        for (module, _, grid), alive in zip(found, live, strict=True)
    ]


def reached(outputs: list[Tensor], grids: list[tuple[Tensor, Grid]]) -> list[bool]:
    """Return for each tensor whether the largest value of an output has a gradient at its grid's places.

    The next output is asked only where the one before it has no gradient anywhere, as the logits have none where the
    head's weights are all zero, which is how some begin: then it is what goes into the head.
    """
    live = [False] * len(grids)
    for output in outputs:
        if grids and not any(live) and output.requires_grad:
            tensors = [tensor for tensor, _ in grids]
            gradients = torch.autograd.grad(output.amax(), tensors, retain_graph=True, allow_unused=True)
            pairs = zip(grids, gradients, strict=True)
            live = [gradient is not None and bool(grid.view(gradient).any()) for (_, grid), gradient in pairs]
    return live


def known_layers(model: nn.Module, image: Tensor) -> str:
    """Return the last candidates in words, to end an error's message with."""
    last = [f"{found.name} ({found.kind}, {found.grid})" for found in candidates(model, image)[-SHOWN:]]
    return f"The last that have one: {'; '.join(last)}" if last else "This model has no layer with one"


def is_pooling(module: nn.Module) -> bool:
    """Whether a module pools and has no weights, by its class's name: torch has ten such, and no common base."""
    return "pool" in type(module).__name__.lower() and not list(module.parameters())


def is_passed_on(module: nn.Module, tensor: Tensor, inputs: tuple[object, ...]) -> bool:
    """Whether an output is what the module was given, as an identity's is, or the same memory in another shape."""
    given = [other for other in inputs if isinstance(other, Tensor)]
    if any(tensor is other for other in given):
        return not getattr(module, "inplace", False)
    memory = tensor.untyped_storage().data_ptr()
    return any(other.untyped_storage().data_ptr() == memory and other.shape != tensor.shape for other in given)
