"""A data set whose training images occur several times in an epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from cvkit import Splits

from .views import changed, splits_of, view


def repeat(root: Path, *, of: Splits, times: Annotated[int, Field(ge=1, le=1_000)] = 2) -> Splits:
    """Return another data set with every training image several times, so that an epoch is longer.

    Each repetition is augmented in its own way. Evaluation is unchanged. The audit and data.csv contain each image
    once. A data set in memory then takes `times` as much memory.

    Args:
        root: The data folder; not used.
        of: The data set.
        times: How often each training image occurs in an epoch, 1 to 1,000.

    Returns:
        The repeated training images, and the other splits as they are.
    """
    splits = splits_of(of)
    count = len(of.train)
    train = view(of.train, [*range(count)] * times, range(of.info.num_classes))
    note = f"each of the {count:,} training images occurs {times} times in an epoch"
    return changed(of, {**splits, "train": train}, "repeat", {"times": times}, note)
