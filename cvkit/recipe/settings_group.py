"""A group of settings of a recipe."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict

from ..signatures.signature import MISSING, Option

MOST_EPOCHS = 1_000_000
"""Largest number of epochs. The bound catches typing errors that would plan an endless schedule."""


class Settings(BaseModel):
    """A group of settings. Unknown keys and values of the wrong type are errors; instances are immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @classmethod
    def options(cls) -> dict[str, Option]:
        """Return the settings in the form of component options, so that both are checked in the same way."""
        return {
            name: Option(
                name=name,
                annotation=str(field.annotation),
                type=Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation,
                default=MISSING if field.is_required() else field.default,
            )
            for name, field in cls.model_fields.items()
        }

    def values(self) -> dict[str, Any]:
        """Return every setting by name."""
        return dict(self)
