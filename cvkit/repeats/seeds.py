"""The seeds of a repeat: a number of seeds, or the seeds themselves."""

from __future__ import annotations

from collections.abc import Iterable

LARGEST = 2**63 - 1
MOST = 1_000
"""The largest number of seeds of a repeat. The bound catches a seed that was written as a number of seeds."""

_EXPECTED = "seeds must be a number of seeds, or integers such as [3, 7, 9]"


def parse_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds that a command line names: ``5`` for 0 to 4, or ``3,7,9`` for these three.

    Raises `ValueError` if the text is neither.
    """
    entries = [entry.strip() for entry in text.split(",")]
    if not all(entry.isascii() and entry.isdigit() and len(entry) < 20 for entry in entries if entry):
        raise ValueError(f"expected a number of seeds, such as 5, or seeds such as 3,7,9; got '{text}'")
    numbers = [int(entry) for entry in entries if entry]
    if not numbers:
        raise ValueError("expected a number of seeds, such as 5, or seeds such as 3,7,9")
    return seeds_of(numbers[0] if len(entries) == 1 else numbers)


def seeds_of(seeds: int | Iterable[int]) -> tuple[int, ...]:
    """Return the seeds that a number of seeds, or several seeds, stand for; each of them once.

    Raises `ValueError` for a number of seeds from outside 1 to `MOST`, and for seeds from outside 0 to 2**63 - 1.
    """
    if isinstance(seeds, int) and not isinstance(seeds, bool):
        if not 1 <= seeds <= MOST:
            raise ValueError(f"the number of seeds must be from 1 to {MOST:,}, got {seeds:,}; for one seed, write 7,")
        return tuple(range(seeds))
    if not isinstance(seeds, Iterable):
        raise ValueError(_EXPECTED)
    chosen = tuple(dict.fromkeys(seeds))
    if any(isinstance(seed, bool) or not isinstance(seed, int) for seed in chosen):
        raise ValueError(_EXPECTED)
    if not 1 <= len(chosen) <= MOST:
        raise ValueError(f"the number of seeds must be from 1 to {MOST:,}, got {len(chosen):,}")
    if wrong := [seed for seed in chosen if not 0 <= seed <= LARGEST]:
        raise ValueError(f"a seed must be from 0 to 2**63 - 1, got {wrong[0]}")
    return chosen
