"""Random numbers by counter: what an index draws depends on that index alone, not on who else is drawn with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
"""Float32 in fact; numpy's types know no more of what its functions return."""

_STREAM = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: consecutive counters of one stream
_INDEX = np.uint64(0xD1342543DE82EF95)  # an odd multiplier of its own, so that streams of neighbours do not overlap


class Draws:
    """One stream of uniform numbers for each of `indices` (int (B,)), told apart further by `key`, a seed.

    Each call takes the next numbers of every stream at once. They are the output of SplitMix64 (Steele, Lea &
    Flood 2014) at the counters drawn so far, its state begun at the mixed index.
    """

    def __init__(self, key: int, indices: NDArray[np.int64]) -> None:
        self._state = _mix(indices.astype(np.uint64)[:, None] * _INDEX + np.uint64(key))
        self._drawn = 0

    def __call__(self, count: int, low: float = 0.0, high: float = 1.0) -> Floats:
        """Return float32 (B, `count`), uniform in [`low`, `high`), on a grid of 2^24 values."""
        counters = np.arange(self._drawn + 1, self._drawn + count + 1, dtype=np.uint64)
        self._drawn += count
        bits = _mix(self._state + counters * _STREAM) >> np.uint64(40)
        unit = bits.astype(np.float32) * np.float32(2.0**-24)
        return unit * np.float32(high - low) + np.float32(low)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return SplitMix64's finaliser of `state`: every input bit reaches every output bit."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
