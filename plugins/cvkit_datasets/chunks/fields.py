"""Choose the fields of samples that are read: the image, its label, and its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from cvkit import DataError

from ..finding import listed
from ..indexed.stored_images import is_image
from .labels import is_label_field, refusal
from .listing import ChunkListing, FieldFormat

_IMAGE = ("image", "img", "jpg", "jpeg", "png", "x")
_LABEL = ("label", "class", "target", "category", "labels", "cls", "index", "y")


@dataclass(frozen=True)
class ChosenFields:
    """The fields of a split that are read: the image, its label, and its name if there is one."""

    image: FieldFormat
    label: FieldFormat
    name: FieldFormat | None

    def names(self) -> list[str | None]:
        """Return the names of these fields."""
        return [self.image.name, self.label.name, None if self.name is None else self.name.name]


@dataclass(frozen=True)
class FieldNames:
    """The fields that the recipe names; None for a field with a usual name, or without names of the images."""

    image: str | None
    label: str | None
    name: str | None

    def chosen(self, listing: ChunkListing, notes: list[str]) -> ChosenFields:
        """Return the fields of a split; append which of them cvkit chose to `notes`.

        Raises `DataError` if a field does not exist, cannot be read, or cannot be chosen.
        """
        image = _field(listing, "image", self.image, _IMAGE, is_image, None, notes)
        label = _field(listing, "label", self.label, _LABEL, is_label_field, image, notes)
        if self.name is None:
            return ChosenFields(image, label, None)
        return ChosenFields(image, label, _named(listing, "names", self.name, lambda kind: kind in ("str", "text")))


def _named(listing: ChunkListing, option: str, name: str, suits: Callable[[str], bool]) -> FieldFormat:
    fields = {field.name: field for field in listing.fields}
    if name not in fields:
        near = get_close_matches(name, fields, 1)
        guess = f". Did you mean '{near[0]}'?" if near else ""
        raise DataError(f"{listing.where} has no field '{name}' ({option}); it has {listed(fields, 20)}{guess}")
    if not suits(fields[name].kind):
        raise DataError(f"{listing.where}: the field '{name}' cannot be the {option}: {refusal(fields[name].kind)}")
    return fields[name]


def _field(
    listing: ChunkListing,
    option: str,
    named: str | None,
    usual: tuple[str, ...],
    suits: Callable[[str], bool],
    taken: FieldFormat | None,
    notes: list[str],
) -> FieldFormat:
    """Return the field that the recipe names, else the only one with a usual name, else the only one that suits."""
    if named is not None:
        return _named(listing, option, named, suits)
    others = [field for field in listing.fields if field is not taken]
    there = [field for field in others if field.name.lower() in usual]
    there = there or [field for field in others if suits(field.kind)]
    if len(there) != 1:
        several = f"several fields that may be the {option}: {listed(one.name for one in there)}"
        raise DataError(
            f"{listing.where} has {several if there else f'no {option} field'}; set {option} to one of "
            f"{listed((one.name for one in listing.fields), 20)}"
        )
    if not suits(there[0].kind):
        raise DataError(
            f"{listing.where}: the field '{there[0].name}' cannot be the {option}: {refusal(there[0].kind)}"
        )
    note = f"the field '{there[0].name}' is read as the {option}"
    if note not in notes:
        notes.append(note)
    return there[0]
