"""The proposal of a tuner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Proposal:
    """What a tuner found: a `value` for its place in the recipe, or None with the `reason` why it proposes none.

    `title` and `caption` introduce the figure, which `draw` fills. `data` is JSON-ready and kept beside the run.
    Raises `TypeError` where one of them is of another type, which tells of swapped arguments.
    """

    value: Any
    reason: str
    title: str
    caption: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    draw: Callable[[Figure], None] | None = None

    def __post_init__(self) -> None:
        for name, kind in (("reason", str), ("title", str), ("caption", str), ("data", dict)):
            if not isinstance(value := getattr(self, name), kind):
                raise TypeError(f"Proposal.{name} is a {type(value).__name__}, not a {kind.__name__}: {value!r}")
