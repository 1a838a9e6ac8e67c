"""A guard for calls of components: an error names the component, its arguments and the place."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor

from .error_text import cause
from .errors import ComponentFailure, CvkitError, one_line
from .host.registry import Entry
from .recipe import Recipe
from .resource_errors import shortage_in


@dataclass(frozen=True)
class Guard:
    """Calls a component's code, and turns any error into a `ComponentFailure` with the component's id.

    `fails` describes what the component cannot do; by default it names the function that was called. The arguments
    follow it. cvkit's own errors and resource errors of the machine, such as a lack of memory, are not changed. A
    call of `sys.exit` in a component counts as an error.

    ``partial(guard, part)`` is a guarded part. A guarded call costs a fraction of a microsecond.
    """

    entry: Entry
    fails: str = ""

    def __call__(self, call: Callable[..., Any], *given: Any) -> Any:
        """Return ``call(*given)``."""
        try:
            return call(*given)
        except CvkitError:
            raise
        except (Exception, SystemExit) as error:
            if shortage_in(error) or (isinstance(error, SystemExit) and _is_ours(error)):
                raise
            reason = f"{cause(error, self.entry.package)}; cvkit --debug shows the traceback"
            fails = self.fails or f"fails in {_name(call)}()"
            raise self.failure(f"{fails}{_joined(given)}: {reason}") from error

    def failure(self, what: str) -> ComponentFailure:
        """Return an error with the component's name followed by `what`."""
        return ComponentFailure(f"{self.entry.owner} {what}", self.entry.id)


@dataclass(frozen=True)
class Guards:
    """The guards of the components that a training step calls."""

    model: Guard
    gradient: Guard
    loss: Guard
    optimizer: Guard

    @classmethod
    def of(cls, recipe: Recipe) -> Guards:
        """Return the guards for `recipe`."""
        model, loss, optimizer = (part.entry for part in (recipe.model, recipe.loss, recipe.optimizer))
        return cls(
            model=Guard(model, "fails on images"),
            gradient=Guard(model, f"cannot backpropagate the gradient of {loss.owner}"),
            loss=Guard(loss, "fails on logits and labels"),
            optimizer=Guard(optimizer),
        )


def fault_of(entry: Entry, error: BaseException) -> str:
    """Return an error of a component that a run can do without, as one line that names the component."""
    if not isinstance(error, CvkitError):
        return f"{entry.owner} failed: {cause(error, entry.package)}"
    line = one_line(error)
    return line if entry.id in line else f"{entry.owner} failed: {line}"


def shown(value: object) -> str:
    """Return a description of a value: type and shape of a tensor, a number or text itself, else the class name."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    return repr(value)[:100] if isinstance(value, int | float | str) else type(value).__name__


def _name(call: Callable[..., Any]) -> str:
    call = call.func if isinstance(call, partial) else call
    return str(getattr(call, "__name__", type(call).__name__))


def _joined(given: tuple[Any, ...]) -> str:
    texts = [shown(value) for value in given if isinstance(value, Tensor | int)]
    return f" {' and '.join(texts)}" if texts else ""


def _is_ours(error: SystemExit) -> bool:
    """Return whether cvkit itself ends the process, for example in a signal handler during the call."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__", "")).startswith("cvkit.cli")
