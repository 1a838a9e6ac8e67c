"""Randomness as a pure function of what it is for.

A seed is derived from (purpose, seed, counters), never carried from one draw to the next. So a resumed run
draws what the uninterrupted one would have, order does not depend on worker counts, and code that draws from
a global generator disturbs only the step it runs in.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import get_worker_info


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


def seed_cpu(purpose: str, *counters: int) -> None:
    """Seed the generators of Python, NumPy and torch's CPU for `purpose` at `counters`.

    No GPU's generator is touched, as a process forked from one that uses a GPU must not.
    """
    seed = derive(purpose, *counters)
    torch.default_generator.manual_seed(seed)
    np.random.seed(seed & 0xFFFFFFFF)
    random.seed(seed)


@contextmanager
def preserved_on_cpu() -> Iterator[None]:
    """Leave the generators of Python, NumPy and torch's CPU as they were on entry."""
    python, numpy_, torch_ = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy_)
        torch.set_rng_state(torch_)


@contextmanager
def preserved_randomness() -> Iterator[None]:
    """Leave the global generators of Python, NumPy and torch, on the CPU and every GPU in use, as they were on entry.

    All GPUs, as seeding torch seeds all of them.
    """
    put_back = _generators_of_gpus()
    with preserved_on_cpu():
        try:
            yield
        finally:
            for put in put_back:
                put()


def _generators_of_gpus() -> list[Callable[[], None]]:
    """Return what puts the state that generators of GPUs have now back into them."""
    if get_worker_info() is not None:  # a forked loader cannot ask a GPU
        return []
    found: list[Callable[[], None]] = []
    if torch.cuda.is_initialized():
        found.append(partial(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all()))
    if torch.xpu.is_initialized():
        found.append(partial(torch.xpu.set_rng_state_all, torch.xpu.get_rng_state_all()))
    if torch.backends.mps.is_available():
        found.append(partial(torch.mps.set_rng_state, torch.mps.get_rng_state()))
    return found
