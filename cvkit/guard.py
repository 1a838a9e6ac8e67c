"""A guard around every call of a component: an error names the component, what it was given, and the place."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor

from .error_text import cause
from .errors import ComponentFailure, CvkitError
from .host.registry import Entry
from .recipe import Recipe
from .resource_errors import shortage_in


@dataclass(frozen=True)
class Guard:
    """Calls a component's code, and raises `ComponentFailure` with its id where that raises anything.

    `fails` says what the component then cannot do, by default the name of what was called; what it was given follows.
    An error that is cvkit's own passes
    as it is, and so does one of the machine, such as a lack of memory. A component that calls `sys.exit` fails too.

    ``partial(guard, part)`` is the part, guarded. A guarded call costs a fraction of a microsecond more.
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
        """Return the error that says `what` of the component."""
        return ComponentFailure(f"{self.entry.owner} {what}", self.entry.id)


@dataclass(frozen=True)
class Guards:
    """The guards of a recipe's parts that a training step calls."""

    model: Guard
    gradient: Guard
    loss: Guard
    optimizer: Guard

    @classmethod
    def of(cls, recipe: Recipe) -> Guards:
        """Return those of `recipe`."""
        model, loss, optimizer = (part.entry for part in (recipe.model, recipe.loss, recipe.optimizer))
        return cls(
            model=Guard(model, "cannot take images"),
            gradient=Guard(model, f"cannot pass back the gradient of {loss.owner}"),
            loss=Guard(loss, "fails on logits and labels"),
            optimizer=Guard(optimizer),
        )


def shown(value: object) -> str:
    """Return what a value is: type and shape of a tensor, a number or a text itself, the class of anything else."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    return repr(value)[:100] if isinstance(value, int | float | str) else type(value).__name__


def _name(call: Callable[..., Any]) -> str:
    call = call.func if isinstance(call, partial) else call
    return str(getattr(call, "__name__", type(call).__name__))


def _joined(given: tuple[Any, ...]) -> str:
    told = [shown(value) for value in given if isinstance(value, Tensor | int)]
    return f" {' and '.join(told)}" if told else ""


def _is_ours(error: SystemExit) -> bool:
    """Whether cvkit itself ends the process, as by the handler of a signal that arrived within the call."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__", "")).startswith("cvkit.cli")
