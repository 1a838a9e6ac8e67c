"""The proposal of a tuner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TYPES = (("reason", str), ("title", str), ("caption", str), ("data", dict), ("description", str))


@dataclass(frozen=True)
class Proposal:
    """The result of a tuner.

    Attributes:
        value: The value for the tuner's target in the recipe, or None to propose nothing.
        reason: Why this value, or why none.
        title: The title of the figure.
        caption: The caption of the figure.
        data: Measurements as JSON values, which are saved in the run folder.
        draw: A function that draws on an empty matplotlib figure, or None for no figure.
        description: What the figure shows, in words, for readers who cannot see it: values and trends, not the
            caption again.

    Raises:
        TypeError: `reason`, `title`, `caption`, `data` or `description` has the wrong type, for example if arguments
            are swapped.
    """

    value: Any
    reason: str
    title: str
    caption: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    draw: Callable[[Figure], None] | None = None
    description: str = ""

    def __post_init__(self) -> None:
        for name, kind in _TYPES:
            if not isinstance(value := getattr(self, name), kind):
                raise TypeError(f"Proposal.{name} must be {kind.__name__}, not {type(value).__name__}: {value!r}")
