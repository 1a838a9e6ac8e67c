"""How the image files of a run are decoded, as an exported file says it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..explain.image_io import FileReader, dataset_reader, default_reader
from ..recipe import Recipe

_OPTIONS = {"channels", "bits", "max_megapixels"}
"""The options of `read_image`: a data set whose ``read`` has them all decodes as `read_image` does."""


@dataclass(frozen=True)
class FileDecoding:
    """How image files are decoded; all else is fixed, such as the orientation and transparent pixels on white.

    Attributes:
        bits: How many bits the values of 16-bit grey files use, 9 to 16.
        max_megapixels: Largest accepted number of pixels, in millions; None for Pillow's limit.
        reader: The full id of a data set that reads files in its own way, which only its plugin can; else empty.
    """

    bits: int = 16
    max_megapixels: int | None = None
    reader: str = ""

    @classmethod
    def of(cls, recipe: Recipe) -> FileDecoding:
        """Return how the data set of a recipe decodes files."""
        found = dataset_reader(recipe)
        if found is None:
            return cls()
        if {*found.options} >= _OPTIONS:
            return cls(found.options["bits"], found.options["max_megapixels"])
        return cls(reader=found.id)

    def file_reader(self, channels: int) -> FileReader:
        """Return what reads files with `read_image`; raise `DataError` if they cannot have so many channels."""
        return default_reader(channels, bits=self.bits, max_megapixels=self.max_megapixels)

    def to_json(self) -> dict[str, Any]:
        """Return the values for JSON."""
        return asdict(self)
