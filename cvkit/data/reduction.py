"""Read a photo no larger than its use needs: JPEG files can be decoded at a half, a quarter or an eighth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from .splits import DataInfo, Split


class Needed(Protocol):
    """Returns the smallest height and width that a photo may be reduced to, from those in its file."""

    def __call__(self, height: int, width: int, /) -> tuple[int, int]:
        """Return the smallest height and width, in pixels, for a photo of this height and width."""
        ...


GAP = 2
"""How many times larger than the framed image a photo is decoded. docs/results.md ("Loading photos") has the
difference from a full decoding; from 1.5 times the size it is about a half larger. Decoding at an eighth is little
faster than at a quarter."""


@runtime_checkable
class ReducibleSplit(Protocol):
    """A split that can read a photo at a reduced size; optional."""

    def reduced(self, index: int, needed: Needed, /) -> tuple[Tensor, Any]:
        """Return the image at `index`, reduced as far as `needed` allows, and its label.

        `needed` is called once with the size in the file, or not at all if the image is not reduced.
        """
        ...


@dataclass
class Wanted:
    """Calls `needed`, and remembers the size of the photo that it was called with.

    Attributes:
        needed: The function to call.
        size: Height and width of the photo in its file; None if it was not called, so the photo was not reduced.
    """

    needed: Needed
    size: tuple[int, int] | None = None

    def __call__(self, height: int, width: int) -> tuple[int, int]:
        """Remember the size, and return what is needed of it."""
        self.size = (height, width)
        return self.needed(height, width)


@dataclass(frozen=True)
class Photo:
    """An image of a split.

    Attributes:
        image: uint8 (C, H, W), maybe reduced.
        label: Its label.
        size: Height and width of the image in its file.
    """

    image: Tensor
    label: Any
    size: tuple[int, int]


def read_photo(split: Split, index: int, needed: Needed | None) -> Photo:
    """Return an image of `split`, reduced as far as `needed` allows; in its own size if `needed` is None."""
    wanted = None if needed is None else Wanted(needed)
    if wanted is not None and isinstance(split, ReducibleSplit):
        image, label = split.reduced(index, wanted)
    else:
        image, label = split[index]
    size = None if wanted is None else wanted.size
    return Photo(image, label, size or (image.shape[-2], image.shape[-1]))


def needed_for_framing(info: DataInfo) -> Needed | None:
    """Return how far the framing allows photos to be reduced, or None if they are decoded in full."""
    framing = info.framing
    if framing is None or framing.decode == "full":
        return None

    def needed(height: int, width: int) -> tuple[int, int]:
        window = framing.window((height, width), (info.height, info.width))
        return GAP * window.height, GAP * window.width

    return needed
