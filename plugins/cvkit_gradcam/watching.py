"""One pass of a model watched: every tensor that its modules return, and which of them are grids of the image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_flatten, tree_flatten_with_path, tree_unflatten

from cvkit import eval_mode

from .axes import Axis, axis_of
from .eager_mode import eager_mode
from .grid import Grid
from .reading import Known, Size, grid_of, prefix_lengths
from .targets import recordable


@dataclass(frozen=True)
class Returned:
    """A tensor that a module returned: as it is used from there on, so that its gradient is that of the output.

    `key`: where it is in an output of several things, such as ``[3]`` or ``[deep]``; empty for a tensor alone.
    `pooled`: whether it is a pool's. `passed_on`: whether the module was given it.
    """

    module: nn.Module
    tensor: Tensor
    key: str
    position: int
    pooled: bool
    passed_on: bool
    grid: Grid | None = None


@dataclass
class Watched:
    """What a model's modules returned, in the order in which they finished, each in its last call.

    `logits`: the model's own output. `into_head`: the input of the last layer with weights, or None.
    """

    returned: list[Returned] = field(default_factory=list)
    logits: Tensor = field(default_factory=lambda: torch.zeros(()))
    into_head: Tensor | None = None

    def of(self, module: nn.Module) -> list[Returned]:
        """Return what one module returned."""
        return [each for each in self.returned if each.module is module]


def watched(model: nn.Module, image: Tensor) -> Watched:
    """Return what the modules below a model return for one image (1, C, H, W), with a graph from the image on.

    Weights are frozen meanwhile, so that what has a graph depends on the image, unlike a table of biases. The model's
    modes, gradients and hooks are left as found.
    """
    watch = _Watch(model)
    modules = [module for module in model.modules() if module is not model]
    handles = [module.register_forward_hook(watch.after) for module in modules]
    try:
        with eval_mode(model), frozen(model), eager_mode(), torch.inference_mode(False), torch.enable_grad():
            leaf = recordable(image).detach().requires_grad_()
            watch.found.logits = model(leaf.clone())  # a leaf must not be changed in place
    finally:
        for handle in handles:
            handle.remove()
    watch.found.returned = _read(watch, (image.shape[-2], image.shape[-1]), model)
    return watch.found


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Freeze a model's parameters, and leave those that were trained to be trained on."""
    weights = [weight for weight in model.parameters() if not is_lazy(weight)]
    trained = [weight for weight in weights if weight.requires_grad and weight.is_leaf]
    try:
        for weight in trained:
            weight.requires_grad_(False)
        yield
    finally:
        for weight in trained:
            weight.requires_grad_(True)


class _Watch:
    """What hooks note. `axes`: of a tensor, by its id, what the layer that made it or first took it tells of it."""

    def __init__(self, model: nn.Module) -> None:
        self.found = Watched()
        self.axes: dict[int, tuple[Axis, bool]] = {}
        self._pools: list[Tensor] = []
        self._own: list[Tensor] = []
        self._held: list[Any] = []  # ids are told apart for as long as what they are of is there

    def after(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
        """Note what a module returns; where that is not a tensor alone, have each tensor in it made one of its own.

        A feature map that is returned beside others may be used within the module too; a gradient that arrives there
        is not one of the output.
        """
        given = [leaf for leaf in tree_flatten(inputs)[0] if isinstance(leaf, Tensor)]
        if module._parameters and inputs and isinstance(inputs[0], Tensor):
            self.found.into_head = inputs[0]
        self.found.returned = [each for each in self.found.returned if each.module is not module]
        made, spec = tree_flatten(output)
        keys = [""] if isinstance(output, Tensor) else keys_of(output, len(made))
        for position, (key, tensor) in enumerate(zip(keys, made, strict=True)):
            if isinstance(tensor, Tensor):
                pooled = is_pooling(module) or any(tensor is pool for pool in self._pools)
                passed_on = is_passed_on(module, tensor, given)
                if key and tensor.requires_grad and not any(tensor is other for other in self._own):
                    tensor = made[position] = tensor.clone()
                    self._own.append(tensor)
                if pooled:
                    self._pools.append(tensor)  # a block that ends in a pool returns the pool's output
                self.found.returned.append(Returned(module, tensor, key, position, pooled, passed_on))
        self._note_axes(module, given[:1], [leaf for leaf in made if isinstance(leaf, Tensor)])
        return output if isinstance(output, Tensor) else tree_unflatten(made, spec)

    def _note_axes(self, module: nn.Module, given: list[Tensor], made: list[Tensor]) -> None:
        self._held += (given, made)
        if told := axis_of(module):
            for tensor in given:
                self.axes.setdefault(id(tensor), (told[0], False))
            for tensor in made:
                self.axes[id(tensor)] = told


def keys_of(output: Any, count: int) -> list[str]:
    """Return where each of the `count` leaves of a nested output is: ``[3]``, ``[deep]``, ``[deep][0]``."""
    try:
        paths = [path for path, _ in tree_flatten_with_path(output)[0]]
    except ValueError:  # a class that torch can take apart, but not name the parts of
        return [f"[{position}]" for position in range(count)]
    return ["".join(f"[{_word(step)}]" for step in path) for path in paths]


def _word(step: Any) -> object:
    """Return an index into a sequence, a key of a dict, or a field's name."""
    return next(getattr(step, name) for name in ("idx", "key", "name") if hasattr(step, name))


def _read(watch: _Watch, size: Size, model: nn.Module) -> list[Returned]:
    """Return what modules returned, each with its grid if it is one; those before it tell of those after it."""
    prefixes, sides, read = prefix_lengths(model), list[Size](), list[Returned]()
    recorded = watch.found.logits.requires_grad
    for each in watch.found.returned:
        grid = None
        if each.tensor.shape[:1] == (1,) and (each.tensor.requires_grad or not recorded):
            axis, certain = watch.axes.get(id(each.tensor), (None, False))
            grid = grid_of(each.tensor, size, Known(prefixes, sides, axis, certain))
        if grid is not None:
            sides.append((grid.height, grid.width))
            grid = replace(grid, position=each.position)
        read.append(replace(each, grid=grid))
    return read


def is_pooling(module: nn.Module) -> bool:
    """Whether a module pools and has no weights, by its class's name: torch has ten such, and no common base."""
    return "pool" in type(module).__name__.lower() and not list(module.parameters())


def is_passed_on(module: nn.Module, tensor: Tensor, given: list[Tensor]) -> bool:
    """Whether an output is what the module was given, as an identity's is, or the same memory in another shape."""
    if any(tensor is other for other in given):
        return not getattr(module, "inplace", False)
    if tensor.ndim not in (3, 4):
        return False
    memory = tensor.untyped_storage().data_ptr()
    return any(other.untyped_storage().data_ptr() == memory and other.shape != tensor.shape for other in given)
