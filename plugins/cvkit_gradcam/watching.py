"""Observe one forward pass of a model: record the tensors that its modules return, and find the feature maps."""

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
    """A tensor that a module returned. Later layers use this very tensor, so its gradient is that of the output.

    Attributes:
        module: The module that returned it.
        tensor: The tensor.
        key: Key in an output with several tensors, such as ``[3]`` or ``[deep]``; empty for a single tensor.
        position: Index of the tensor in the output, counted from 0.
        pooled: Whether it is the output of a pooling layer.
        passed_on: Whether it is an input of the module.
        grid: Layout of the feature map, or None if the tensor is not one.
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
    """The tensors that the modules of a model returned in their last call, in the order in which they finished.

    `logits` is the output of the model. `into_head` is the input of the last layer with weights, or None.
    """

    returned: list[Returned] = field(default_factory=list)
    logits: Tensor = field(default_factory=lambda: torch.zeros(()))
    into_head: Tensor | None = None

    def of(self, module: nn.Module) -> list[Returned]:
        """Return the tensors that one module returned."""
        return [each for each in self.returned if each.module is module]


def watched(model: nn.Module, image: Tensor) -> Watched:
    """Return what the submodules of a model return for one image (1, C, H, W), with a graph that begins at the image.

    The weights are frozen during the pass, so a tensor has a graph only if it depends on the image; a table of biases
    does not. The modes, gradients and hooks of the model do not change.
    """
    watch = _Watch(model)
    modules = [module for module in model.modules() if module is not model]
    handles = [module.register_forward_hook(watch.after) for module in modules]
    try:
        with eval_mode(model), frozen(model), eager_mode(), torch.inference_mode(False), torch.enable_grad():
            leaf = recordable(image).detach().requires_grad_()
            watch.found.logits = model(leaf.clone())  # torch forbids in-place changes of a leaf
    finally:
        for handle in handles:
            handle.remove()
    watch.found.returned = _read(watch, (image.shape[-2], image.shape[-1]), model)
    return watch.found


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Freeze the parameters of a model; afterwards, the parameters that were trainable are trainable again."""
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
    """The records of the hooks.

    `axes` maps the id of a tensor to its channel axis, as inferred from the layer that returned it or first used it.
    """

    def __init__(self, model: nn.Module) -> None:
        self.found = Watched()
        self.axes: dict[int, tuple[Axis, bool]] = {}
        self._pools: list[Tensor] = []
        self._own: list[Tensor] = []
        self._held: list[Any] = []  # an id is unique only as long as its tensor exists

    def after(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
        """Record the output of a module; if it has several tensors, replace each by a clone.

        A module may also use a returned feature map internally. With the clone, the gradient of that internal use is
        not counted as a gradient of the output.
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
                    self._pools.append(tensor)  # a block that ends with a pooling layer returns the same tensor
                self.found.returned.append(Returned(module, tensor, key, position, pooled, passed_on))
        self._note_axes(module, given[:1], [leaf for leaf in made if isinstance(leaf, Tensor)])
        return output if isinstance(output, Tensor) else tree_unflatten(made, spec)

    def _note_axes(self, module: nn.Module, given: list[Tensor], made: list[Tensor]) -> None:
        self._held += (given, made)
        if axis := axis_of(module):
            for tensor in given:
                self.axes.setdefault(id(tensor), (axis[0], False))
            for tensor in made:
                self.axes[id(tensor)] = axis


def keys_of(output: Any, count: int) -> list[str]:
    """Return the key of each of the `count` leaves of a nested output: ``[3]``, ``[deep]``, ``[deep][0]``."""
    try:
        paths = [path for path, _ in tree_flatten_with_path(output)[0]]
    except ValueError:  # torch can flatten this class, but does not know the names of its parts
        return [f"[{position}]" for position in range(count)]
    return ["".join(f"[{_word(step)}]" for step in path) for path in paths]


def _word(step: Any) -> object:
    """Return the index in a sequence, the key in a dict, or the name of a field."""
    return next(getattr(step, name) for name in ("idx", "key", "name") if hasattr(step, name))


def _read(watch: _Watch, size: Size, model: nn.Module) -> list[Returned]:
    """Return the recorded tensors with their grids; earlier grids help to recognise later ones."""
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
    """Return whether a module has no weights and is a pooling layer by its class name; torch has no common base."""
    return "pool" in type(module).__name__.lower() and not list(module.parameters())


def is_passed_on(module: nn.Module, tensor: Tensor, given: list[Tensor]) -> bool:
    """Return whether an output is an input of the module (an identity), or the same memory in another shape."""
    if any(tensor is other for other in given):
        return not getattr(module, "inplace", False)
    if tensor.ndim not in (3, 4):
        return False
    memory = tensor.untyped_storage().data_ptr()
    return any(other.untyped_storage().data_ptr() == memory and other.shape != tensor.shape for other in given)
