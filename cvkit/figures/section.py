"""`Section`: a part of a page with a heading."""

from __future__ import annotations

from dataclasses import dataclass

from .artifacts import Artifact, Table


@dataclass(frozen=True)
class Section:
    """A heading, a paragraph of text, and artifacts in reading order.

    A section without text and artifacts is omitted.

    Attributes:
        title: The heading.
        artifacts: Figures, tables and galleries.
        text: A paragraph before them.
        broad: Whether each artifact has the full width of the page, for example a table with long cells.
        folded: Tables after them that a reader unfolds.
    """

    title: str
    artifacts: tuple[Artifact, ...] = ()
    text: str = ""
    broad: bool = False
    folded: tuple[Table, ...] = ()

    @property
    def shown(self) -> bool:
        """Whether the section has content."""
        return bool(self.artifacts or self.text or self.folded)
