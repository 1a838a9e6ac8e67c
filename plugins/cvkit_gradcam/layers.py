"""Choose the layer to explain: by its name, or by observing one forward and backward pass."""

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
    """A layer that can be explained: a module, or one of several feature maps that it returns.

    Attributes:
        name: Dotted name in the model, with a key if the module returns several feature maps, as in ``body[3]``.
        kind: Name of the class of the module.
        grid: Layout of the feature map.
        has_gradient: Whether a gradient reaches the positions of the feature map; without one, a map from gradients
            is zero.
        module: The module itself.
    """

    name: str
    kind: str
    grid: Grid
    has_gradient: bool
    module: nn.Module = field(repr=False)


def find_layer(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    """Return the submodule that a layer name refers to, and the key of a tensor in its output, or "" for no key.

    Raises `ValueError`, with the names at the top level of the model, if there is no such submodule.
    """
    modules: dict[str, nn.Module] = dict(model.named_modules())
    if name in modules:
        return modules[name], ""
    if (indexed := re.fullmatch(r"(.+?)((?:\[[^\[\]]*\])+)", name)) and indexed[1] in modules:
        return modules[indexed[1]], indexed[2]
    top = ", ".join(child for child, _ in model.named_children())
    raise ValueError(f"the model has no layer '{name}'. Its top-level layers are: {top}")


def name_of(model: nn.Module, layer: nn.Module) -> str:
    """Return the dotted name of a submodule, or "" for the model itself."""
    names: dict[nn.Module, str] = {module: name for name, module in model.named_modules()}
    return names[layer]


def choose_layer(model: nn.Module, image: Tensor, name: str | None = None) -> LayerCandidate:
    """Return the layer with the given name, or by default the last candidate whose positions have a gradient.

    For a vision transformer whose head uses only the class token, this is the first norm of the last block: after it,
    only the class token reaches the head. The later projections to queries, keys and values each use only a part of
    the output of the norm, so linear layers are chosen only if nothing else is left. If a module returns several
    feature maps, the one with a gradient and the fewest positions is chosen, and of two such the later one. If no
    candidate has a gradient, the last one is chosen.

    `image` is one input (1, C, H, W). Raises `ValueError` if there is no layer `name`, and `RunError` if its output
    is not a feature map, or if no layer returns a feature map.
    """
    found = watched(model, image)
    if name is not None:
        return _named(model, found, name)
    if chosen := _deepest(_candidates(model, found)):
        return chosen
    raise RunError(
        "this model has no layer whose output is a feature map with a gradient, so class activation maps cannot be "
        "computed; explain a convolutional network or a vision transformer that does not disable gradients by its "
        "own no_grad"
    )


def candidates(model: nn.Module, image: Tensor) -> list[LayerCandidate]:
    """Return the layers that can be explained, in the order in which they finish.

    These are the modules whose output is a feature map of the image. Modules that pool, permute axes or return their
    input are left out. If several modules return the same tensor, only the outermost is a candidate. If a module
    returns several feature maps, each is a candidate.

    `image` is one input (1, C, H, W). The search takes one forward and one backward pass; the modes, gradients and
    hooks of the model do not change.
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
    """Return the candidates for the chosen feature maps."""
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
    """Return the layer `name`, also if it is not a candidate; raise `RunError` if its output is not a feature map."""
    module, key = find_layer(model, name)
    returned = found.of(module)
    grids = [each for each in returned if each.grid and (each.key == key or not key)]
    if chosen := _deepest(_judged(model, found, grids)):
        return chosen
    last = [f"{each.name} ({each.kind}, {each.grid})" for each in _candidates(model, found)[-SHOWN:]]
    others = f"The last layers with one: {'; '.join(last)}" if last else "This model has no layer with one"
    if not returned:
        raise RunError(f"the forward pass of the model does not reach layer '{name}', so it has no map. {others}")
    shapes = " and ".join(str(("B", *each.tensor.shape[1:])).replace("'", "") for each in returned)
    raise RunError(f"the output of layer '{name}' is {shapes}, which is not a feature map of the image. {others}")


def _deepest(found: Sequence[LayerCandidate]) -> LayerCandidate | None:
    """Return the best candidate for `choose_layer`, or None if there are no candidates."""
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
    """Return for each tensor whether the largest value of an output has a gradient at the positions of its grid.

    The next output is used only if the previous one has no gradient anywhere. For example, the logits have none if
    all weights of the head are initialised to zero; then the input of the head is used.
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
