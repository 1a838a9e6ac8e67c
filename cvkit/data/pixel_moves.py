"""Moves the pixels of several augmentations, such as a crop and a flip, at once and before they become floats.

Such an augmentation takes each output row from one input row, and each output column from one input column. So the
rows and columns of several of them are composed, and one gather of bytes replaces a pass over floats for each. The
conversion to float maps each pixel by itself, so the result is the same to the bit, with the same draws.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from ..guard import Guard, shown


@runtime_checkable
class MovesPixels(Protocol):
    """An augmentation of batches that only moves pixels."""

    def pixel_moves(self, shape: tuple[int, int, int, int], device: torch.device, /) -> tuple[Tensor, Tensor] | None:
        """Draw as a call on images (B, C, H, W) of `shape` would, and return where the pixels come from.

        Returns the input row of each output row, int64 (B, H'), and the input column of each output column, int64
        (B, W'). Returns None, and draws nothing, if the augmentation also makes pixels.
        """
        ...


def moved(augmentations: Iterable[tuple[Guard, Any]], images: Tensor) -> tuple[Tensor, int]:
    """Apply the first of `augmentations` as long as they move pixels; return the images and how many were applied.

    `images` are (B, C, H, W) of any type. Raises `ComponentFailure` if an augmentation fails.
    """
    count, sources, applied = len(images), None, []
    shape = (count, *images.shape[1:])
    for guard, augmentation in augmentations:
        if not isinstance(augmentation, MovesPixels):
            break
        moves = guard(augmentation.pixel_moves, shape, images.device)
        if moves is None:
            break
        _require_moves(guard, moves, count)
        rows, columns = moves
        # The pixels of this augmentation's input are themselves taken from the input of the one before.
        sources = moves if sources is None else (sources[0].gather(1, rows), sources[1].gather(1, columns))
        shape = (count, shape[1], rows.shape[1], columns.shape[1])
        applied.append(guard)
    if sources is None:
        return images, 0
    return applied[0](gathered, images, *sources), len(applied)


def gathered(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the pixels at `rows` (B, H') and `columns` (B, W') of each image, (B, C, H', W')."""
    pixels = (rows[:, :, None] * images.shape[-1] + columns[:, None, :]).flatten(1)
    chosen = images.flatten(2).gather(2, pixels[:, None].expand(-1, images.shape[1], -1))
    return chosen.view(*images.shape[:2], rows.shape[1], columns.shape[1])


def _require_moves(guard: Guard, made: object, count: int) -> None:
    sources = made if isinstance(made, tuple) else (made,)
    if len(sources) != 2 or not all(_is_source(source, count) for source in sources):
        parts = ", ".join(map(shown, sources))
        raise guard.failure(
            f"returned {parts} from pixel_moves(); expected rows int64 ({count}, H) and columns int64 ({count}, W)"
        )


def _is_source(value: object, count: int) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.int64 and value.ndim == 2 and len(value) == count
