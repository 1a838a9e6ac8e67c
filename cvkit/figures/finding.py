"""`Finding`: a judgement about a run in one or two sentences, with what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Mark = Literal["bad", "look", "good"]
"""How a finding is meant: something is wrong, deserves a look, or is good."""

MARKS: dict[Mark, tuple[str, str]] = {"bad": ("✕", "wrong"), "look": ("?", "look"), "good": ("✓", "good")}
"""The sign and the word of each mark, so that nobody depends on a colour. The most serious mark comes first."""


@dataclass(frozen=True)
class Finding:
    """A judgement about a run.

    Attributes:
        rule: The name of the rule that found it, such as ``overfitting``.
        mark: ``bad``, ``look`` or ``good``.
        text: One or two sentences: what was found, with the numbers that show it.
        advice: What to try; empty for good news.
        where: The name of the figure, table or gallery that shows it, or the title of a section; empty for none.
        weight: The order among findings with the same mark, the highest first; usually the share of images concerned,
            in [0, 1].
    """

    rule: str
    mark: Mark
    text: str
    advice: str = ""
    where: str = ""
    weight: float = 0.0

    def __str__(self) -> str:
        return f"{MARKS[self.mark][1]}: {self.text}{f' {self.advice}' if self.advice else ''}"

    @property
    def sign(self) -> str:
        """The sign of the mark."""
        return MARKS[self.mark][0]

    @property
    def word(self) -> str:
        """The word of the mark."""
        return MARKS[self.mark][1]

    def to_json(self) -> dict[str, Any]:
        """Return the finding as JSON values."""
        return asdict(self)
