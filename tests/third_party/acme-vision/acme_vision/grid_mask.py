"""GridMask (Chen et al. 2020), without rotation."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from cvkit import AugmentationFactory, DataInfo


def grid_mask(
    info: DataInfo,
    *,
    period: tuple[PositiveInt, PositiveInt] = (8, 16),
    ratio: Annotated[float, Field(gt=0, lt=1)] = 0.5,
    p: Annotated[float, Field(ge=0, le=1)] = 0.7,
) -> GridMask:
    """Hide a grid of squares in each image with probability `p`, under the data set's mean colour.

    Squares repeat every `period` pixels, drawn for each image between these two; a square's side is `ratio` of that.
    Raises `ValueError` where the second is smaller than the first.
    """
    if period[0] > period[1]:
        raise ValueError(f"period [{period[0]}, {period[1]}]: the second is smaller than the first")
    return GridMask(period, ratio, p, info.mean)


class GridMask:
    """Images float (B, C, H, W) in [0, 1] -> new images, `fill` (C,) where a square lies."""

    def __init__(self, period: tuple[int, int], ratio: float, p: float, fill: tuple[float, ...]) -> None:
        self.period, self.ratio, self.p, self.fill = period, ratio, p, fill

    def __call__(self, images: Tensor) -> Tensor:
        """Draw period, offset and whether anything is hidden at all, image by image."""
        count, device = len(images), images.device
        period = torch.randint(self.period[0], self.period[1] + 1, (count, 1), device=device)
        rows, columns = (self._covered(side, period) for side in images.shape[2:])
        chosen = torch.rand(count, 1, 1, device=device) < self.p
        hidden = rows[:, :, None] & columns[:, None, :] & chosen
        return torch.where(hidden[:, None], images.new_tensor(self.fill).view(1, -1, 1, 1), images)

    def _covered(self, side: int, period: Tensor) -> Tensor:
        """Return which of `side` pixels lie in the grid's bars, bool (B, side)."""
        offset = (torch.rand(len(period), 1, device=period.device) * period).long()
        places = (torch.arange(side, device=period.device) + offset) % period
        return places < period * self.ratio


_: AugmentationFactory = grid_mask
