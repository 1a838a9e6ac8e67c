"""The templates of each kind of component."""

from __future__ import annotations

from dataclasses import dataclass

from ..kinds import KINDS, Kind


@dataclass(frozen=True)
class KindTemplate:
    """The sample component of a kind: its kind, the name of its factory and a one-line summary."""

    kind: Kind
    factory: str
    summary: str

    @property
    def noun(self) -> str:
        """The kind in one word, such as ``dataset``, for the command line, the template folder and the module."""
        return self.kind.noun

    @property
    def article(self) -> str:
        """The article of the noun, ``a`` or ``an``."""
        return self.kind.article


KIND_TEMPLATES: dict[str, KindTemplate] = {
    kind.noun: KindTemplate(kind, kind.template.factory, kind.template.summary) for kind in KINDS.values()
}
"""The templates by noun, in the order in which the command lists them."""
