"""Randomness as a pure function of what it is for.

A seed is derived from (purpose, seed, counters), never carried from one draw to the next. So a resumed run
draws what the uninterrupted one would have, order does not depend on worker counts, and code that draws from
a global generator disturbs only the step it runs in.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor


def derive(purpose: str, *counters: int) -> int:
    """Return a 63-bit seed for `purpose` at `counters` (a run's seed first, then epoch, step, index...).

    It is blake2b of the purpose and the decimal counters, so it is the same on every platform and version.
    """
    text = "/".join([purpose, *map(str, counters)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def seed_everything(purpose: str, *counters: int) -> None:
    """Seed the global generators of Python, NumPy and torch (every device) for `purpose` at `counters`."""
    seed = derive(purpose, *counters)
    torch.manual_seed(seed)
    np.random.seed(seed & 0xFFFFFFFF)
    random.seed(seed)


def permutation(n: int, purpose: str, *counters: int) -> Tensor:
    """Return a permutation of ``range(n)``, int64 (n,), on the CPU."""
    generator = torch.Generator().manual_seed(derive(purpose, *counters))
    return torch.randperm(n, generator=generator)


@contextmanager
def seeded_on_cpu(purpose: str, *counters: int) -> Iterator[None]:
    """Seed the generators of Python, NumPy and torch's CPU for `purpose` at `counters`; put them back afterwards.

    No GPU's generator is touched, as a process forked from one that uses a GPU must not.
    """
    seed = derive(purpose, *counters)
    python, numpy_ = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed & 0xFFFFFFFF)
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy_)


@contextmanager
def preserved_randomness() -> Iterator[None]:
    """Leave the global generators of Python, NumPy and torch (every CUDA device) as they were on entry."""
    python, numpy_ = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy_)
