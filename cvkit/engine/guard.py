"""A guard around every call of a component: an error names the component, what it was given, and the place."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..errors import ComponentFailure, CvkitError
from ..faults import cause
from ..machine import lack_told_by
from ..registry import Entry


@dataclass(frozen=True)
class Guard:
    """Calls a component's code, and raises `ComponentFailure` with its id where that raises anything.

    `fails` says what the component then cannot do; what it was given follows. An error that is cvkit's own passes
    as it is, and so does one of the machine, such as a lack of memory. A component that calls `sys.exit` fails too.

    ``partial(guard, part)`` is the part, guarded. A guarded call costs a fraction of a microsecond more.
    """

    entry: Entry
    fails: str = "fails"

    def __call__(self, call: Callable[..., Any], *given: Any) -> Any:
        """Return ``call(*given)``."""
        try:
            return call(*given)
        except CvkitError:
            raise
        except (Exception, SystemExit) as error:
            if lack_told_by(error) or (isinstance(error, SystemExit) and _is_ours(error)):
                raise
            reason = f"{cause(error, self.entry.package)}; cvkit --debug shows the traceback"
            raise self.failure(f"{self.fails}{_joined(given)}: {reason}") from error

    def failure(self, what: str) -> ComponentFailure:
        """Return the error that says `what` of the component."""
        return ComponentFailure(f"{self.entry.owner} {what}", self.entry.id)


def shown(value: object) -> str:
    """Return what a value is: type and shape of a tensor, a number itself, the class of anything else."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    return repr(value) if isinstance(value, int | float) else type(value).__name__


def _joined(given: tuple[Any, ...]) -> str:
    told = [shown(value) for value in given if isinstance(value, Tensor | int)]
    return f" {' and '.join(told)}" if told else ""


def _is_ours(error: SystemExit) -> bool:
    """Whether cvkit itself ends the process, as by the handler of a signal that arrived within the call."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__", "")).startswith("cvkit.cli")
