"""Pictures with their original images, for files that frame images themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

from torch import Tensor

from ..data.decoding import tensor_of
from ..data.resizing import FramedSplit
from ..explain.image_source import FromFiles, FromSplit
from ..explain.picture import Picture

_AT_ONCE = 4  # original images in memory


@dataclass(frozen=True)
class UnframedPicture(Picture):
    """A picture with all pixels of its file.

    Attributes:
        original: The image before it was framed, uint8 (C, H', W').
    """

    original: Tensor = field(kw_only=True)

    @classmethod
    def of(cls, picture: Picture, original: Tensor) -> UnframedPicture:
        """Return `picture` with its original image."""
        values: dict[str, Any] = {each.name: getattr(picture, each.name) for each in fields(picture)}
        return cls(**values, original=original)


@dataclass(frozen=True)
class WithOriginals:
    """The pictures of a source, each with its original image; an `ImageSource`."""

    source: FromFiles | FromSplit

    @property
    def name(self) -> str:
        """The description of the source."""
        return self.source.name

    @property
    def unread(self) -> list[str]:
        """A line for each picture that could not be read so far."""
        return self.source.unread

    @property
    def by_outcome(self) -> bool:
        """Whether the pictures were selected by the model's predictions."""
        return self.source.by_outcome

    def __len__(self) -> int:
        return len(self.source)

    def __iter__(self) -> Iterator[list[Picture]]:
        return self._of_files(self.source) if isinstance(self.source, FromFiles) else self._of_split(self.source)

    def _of_files(self, source: FromFiles) -> Iterator[list[Picture]]:
        for file in source.files:
            for pictures in replace(source, files=[file]):  # the copy has the same list of unread files
                yield [UnframedPicture.of(one, tensor_of(source.read(file.path))) for one in pictures]

    def _of_split(self, source: FromSplit) -> Iterator[list[Picture]]:
        split = source.split.split if isinstance(source.split, FramedSplit) else source.split
        for start in range(0, len(source), _AT_ONCE):
            indices = source.indices[start : start + _AT_ONCE]
            for pictures in replace(source, indices=indices):
                yield [UnframedPicture.of(one, split[index][0]) for index, one in zip(indices, pictures, strict=True)]
