"""Training without `torch.compile` does not load it.

torch's optimizers and its counter of FLOPs load ``torch._dynamo``, with triton and sympy, when they are first used,
only to tell the compiler to leave them alone. The counter also loads triton for kernels that no model of cvkit has.
This takes seconds and about 200 MB. In cvkit's own processes they load neither. What they compute is the same, and a
model that is to be compiled still is.
"""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_NOT_COMPILED = "__dynamo_disable"  # where `torch._disable_dynamo` looks for the function that it calls


class _Process:
    """Whether this process is one of cvkit's own."""

    asked = False


def avoid_compiler_import() -> None:
    """Let this process train without loading the compiler. cvkit's own processes call this before they train."""
    _Process.asked = True


def about_to_train() -> None:
    """Change torch's optimizers and its counter of FLOPs, if `avoid_compiler_import` was called."""
    if not _Process.asked:
        return
    _Process.asked = False
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    with _importing_without("triton.runtime.jit"):
        from torch.utils import flop_counter
    for optimizer in _classes_of(torch.optim, torch.optim.Optimizer):
        for name, method in [*vars(optimizer).items()]:
            code = getattr(method, "__code__", None)
            if code is None or not hasattr(method, "__wrapped__"):
                continue
            if code.co_name == "_use_grad":
                setattr(optimizer, name, _with_gradients_if_asked(method.__wrapped__))
            else:
                _leave_uncompiled(method)
    for counter in _classes_of(flop_counter, TorchDispatchMode):
        _leave_uncompiled(counter.__torch_dispatch__)


@contextmanager
def _importing_without(name: str) -> Iterator[None]:
    """Let an import of the module `name` fail within the block, unless it is loaded; torch does not warn about it."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # what Python defines for this purpose
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
        del sys.modules[name]


def _classes_of(module: Any, base: type) -> list[Any]:
    return [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, base)]


def _leave_uncompiled(function: Any) -> None:
    """Let torch call the function itself, and not ask the compiler for a version that it leaves alone."""
    inner = getattr(function, "__wrapped__", None)
    if inner is not None and not hasattr(inner, _NOT_COMPILED):
        setattr(inner, _NOT_COMPILED, inner)


def _with_gradients_if_asked(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return what torch's decorator of `step` does, without its calls of the compiler."""
    import torch

    @functools.wraps(step)
    def stepping(self: Any, *args: Any, **kwargs: Any) -> Any:
        with torch.set_grad_enabled(self.defaults["differentiable"]):
            return step(self, *args, **kwargs)

    return stepping
