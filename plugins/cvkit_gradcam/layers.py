"""Which layer to explain: found by watching one forward and backward pass, or named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from cvkit import RunError

from .grid import Grid
from .watching import Returned, Watched, watched

SHOWN = 8


@dataclass(frozen=True)
class LayerCandidate:
    """A layer that can be explained: a module, or one of several things that it returns.

    `name`: its dotted name in the model, and which of several grids it returns, as in ``body[3]``. `kind`: its
    class's name. `grid`: how its output is a grid of the image. `has_gradient`: whether a gradient reaches the grid's
    places, without which a map by gradients is zero. `module`: the layer itself.
    """

    name: str
    kind: str
    grid: Grid
    has_gradient: bool
    module: nn.Module = field(repr=False)


def find_layer(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    """Return the submodule of a layer's name, and the key into its output, empty where there is none.

    Raises `RunError` listing the layers there are.
    """
    modules: dict[str, nn.Module] = dict(model.named_modules())
    if name in modules:
        return modules[name], ""
    if (indexed := re.fullmatch(r"(.+?)((?:\[[^\[\]]*\])+)", name)) and indexed[1] in modules:
        return modules[indexed[1]], indexed[2]
    top = ", ".join(child for child, _ in model.named_children())
    raise RunError(f"the model has no layer '{name}'. At its top level it has: {top}")


def name_of(model: nn.Module, layer: nn.Module) -> str:
    """Return a submodule's dotted name, empty for the model itself."""
    names: dict[nn.Module, str] = {module: name for name, module in model.named_modules()}
    return names[layer]


def choose_layer(model: nn.Module, image: Tensor, name: str | None = None) -> LayerCandidate:
    """Return the layer of that name, or by default the last candidate whose places have a gradient.

    In a vision transformer whose head reads the class token alone, that is the last block's first norm: after it,
    only the class token goes on. The projections to queries, keys and values come later, and are passed over, as each
    is a part of what the norm hands on: linear projections are taken last of all. Of several grids that a module
    returns, it is the deepest with a gradient: that with the fewest places, the later of two. Without any gradient
    the last is taken.
    `image`: one input (1, C, H, W). Raises `RunError` where there is no such layer, or none with a grid.
    """
    found = watched(model, image)
    if name is not None:
        return _named(model, found, name)
    if chosen := _deepest(_candidates(model, found)):
        return chosen
    raise RunError(
        "this model has no layer whose output is a grid of the image and has a gradient, so there is no place "
        "for a class activation map; explain a convolutional network or a vision transformer, and not one that "
        "computes under its own no_grad"
    )


def candidates(model: nn.Module, image: Tensor) -> list[LayerCandidate]:
    """Return the layers that can be explained, in the order in which they finish.

    Those are the modules whose output is a grid of the image, without pooling, permutes, and what hands its input on.
    Where several modules return the same tensor, it is the outermost. Where a module returns several grids, each is a
    candidate. `image`: one input (1, C, H, W).
    It takes one forward and one backward pass; the model's modes, gradients and hooks are left as found.
    """
    return _candidates(model, watched(model, image))


def _candidates(model: nn.Module, found: Watched) -> list[LayerCandidate]:
    shown = [
        each
        for each in found.returned
        if each.grid and each.tensor.requires_grad and not each.pooled and not each.passed_on
    ]
    outermost = {id(each.tensor): each for each in shown}
    return _judged(model, found, [each for each in shown if outermost[id(each.tensor)] is each])


def _judged(model: nn.Module, found: Watched, chosen: Sequence[Returned]) -> list[LayerCandidate]:
    """Return chosen grids as candidates."""
    grids = [(each, each.grid) for each in chosen if each.grid]
    outputs = [found.logits] if found.into_head is None else [found.logits, found.into_head]
    live = reached(outputs, [(each.tensor, grid) for each, grid in grids])
    return [
        LayerCandidate(_full_name(model, found, each), type(each.module).__name__, grid, alive, each.module)
        for (each, grid), alive in zip(grids, live, strict=True)
    ]


def _full_name(model: nn.Module, found: Watched, returned: Returned) -> str:
    several = sum(each.grid is not None for each in found.of(returned.module)) > 1
    return name_of(model, returned.module) + returned.key * several


def _named(model: nn.Module, found: Watched, name: str) -> LayerCandidate:
    """Return the layer of that name, candidate or not; raise `RunError` naming others where it has no grid."""
    module, key = find_layer(model, name)
    returned = found.of(module)
    grids = [each for each in returned if each.grid and (each.key == key or not key)]
    if chosen := _deepest(_judged(model, found, grids)):
        return chosen
    last = [f"{each.name} ({each.kind}, {each.grid})" for each in _candidates(model, found)[-SHOWN:]]
    others = f"The last that have one: {'; '.join(last)}" if last else "This model has no layer with one"
    if not returned:
        raise RunError(f"the model's forward pass does not reach layer '{name}', so it has no grid. {others}")
    shapes = " and ".join(str(("B", *each.tensor.shape[1:])).replace("'", "") for each in returned)
    raise RunError(
        f"a map needs a layer whose output is a grid of the image, and that of '{name}' is {shapes}. {others}"
    )


def _deepest(found: Sequence[LayerCandidate]) -> LayerCandidate | None:
    """Return the last of some candidates, of those of one module that with the fewest places; the live ones first."""
    last: dict[nn.Module, int] = {each.module: index for index, each in enumerate(found)}

    def depth(each: LayerCandidate) -> tuple[bool, bool, int, int, int]:
        places = each.grid.height * each.grid.width
        return (
            each.has_gradient,
            not isinstance(each.module, nn.Linear),
            last[each.module],
            -places,
            each.grid.position,
        )

    return max(found, key=depth, default=None)


def reached(outputs: Sequence[Tensor], grids: Sequence[tuple[Tensor, Grid]]) -> list[bool]:
    """Return for each tensor whether the largest value of an output has a gradient at its grid's places.

    The next output is asked only where the one before it has no gradient anywhere, as the logits have none where the
    head's weights are all zero, which is how some begin: then it is what goes into the head.
    """
    live = [False] * len(grids)
    for output in outputs:
        recorded = [tensor for tensor, _ in grids if tensor.requires_grad]
        if recorded and not any(live) and output.requires_grad:
            with torch.inference_mode(False), torch.enable_grad():
                largest = output.amax()
            found = torch.autograd.grad(largest, recorded, retain_graph=True, allow_unused=True)
            gradients = {id(tensor): gradient for tensor, gradient in zip(recorded, found, strict=True)}
            arrived = [(gradients.get(id(tensor)), grid) for tensor, grid in grids]
            live = [gradient is not None and bool(grid.view(gradient).any()) for gradient, grid in arrived]
    return live
