"""The sample that the templates of each kind write."""

from __future__ import annotations

from dataclasses import dataclass

from ..kinds import KINDS, Kind


@dataclass(frozen=True)
class KindTemplate:
    """A kind's sample: what is made of it, the name of its factory, and what it does, in a line."""

    kind: Kind
    factory: str
    summary: str

    @property
    def noun(self) -> str:
        """The kind in one word, ``dataset``."""
        return self.kind.noun

    @property
    def article(self) -> str:
        """``a`` or ``an``."""
        return self.kind.article


KIND_TEMPLATES: dict[str, KindTemplate] = {
    kind.noun: KindTemplate(kind, kind.template.factory, kind.template.summary) for kind in KINDS.values()
}
"""By noun, in the order of the kinds."""
