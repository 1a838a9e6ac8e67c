"""Randomness as a pure function of its purpose.

A seed is derived from (purpose, seed, counters) and never carried from one draw to the next. So a resumed run draws
what the uninterrupted one would have drawn, order does not depend on the number of workers, and code that draws from
a global generator affects only its own step.
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
    """Return a 63-bit seed: the blake2b hash of the purpose and the counters, the same on every platform and version.

    Args:
        purpose: Names the use of the random numbers.
        counters: The seed of the run first, then for example epoch, step and index.

    Returns:
        A seed in [0, 2**63).
    """
    text = "/".join([purpose, *map(str, counters)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def seed_everything(purpose: str, *counters: int) -> None:
    """Seed the global generators of Python, NumPy and torch (all devices) with `derive`.

    Args:
        purpose: Names the use of the random numbers.
        counters: The seed of the run first, then for example epoch, step and index.
    """
    seed = derive(purpose, *counters)
    if _has_gpu():
        torch.manual_seed(seed)
    else:  # torch would format three stack traces, in case that a GPU appears: 0.3 ms of each step
        torch.default_generator.manual_seed(seed)
    np.random.seed(seed & 0xFFFFFFFF)
    random.seed(seed)


def _has_gpu() -> bool:
    """Return whether torch finds a device that has generators of its own; it takes microseconds."""
    return torch.cuda.is_available() or torch.backends.mps.is_available() or torch.accelerator.is_available()


def permutation(n: int, purpose: str, *counters: int) -> Tensor:
    """Return a random permutation of ``range(n)``.

    Args:
        n: The number of elements.
        purpose: Names the use of the random numbers.
        counters: The seed of the run first, then for example epoch.

    Returns:
        The permutation, int64 (n,), on the CPU.
    """
    generator = torch.Generator().manual_seed(derive(purpose, *counters))
    return torch.randperm(n, generator=generator)


def seed_cpu(purpose: str, *counters: int) -> None:
    """Seed the generators of Python, NumPy and torch's CPU with `derive`.

    GPU generators are not used, because a process forked from one that uses a GPU must not.
    """
    seed = derive(purpose, *counters)
    torch.default_generator.manual_seed(seed)
    np.random.seed(seed & 0xFFFFFFFF)
    random.seed(seed)


@contextmanager
def preserved_on_cpu() -> Iterator[None]:
    """Restore the state of the generators of Python, NumPy and torch's CPU at the end of the block."""
    python, numpy_, torch_ = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy_)
        torch.set_rng_state(torch_)


@contextmanager
def preserved_randomness() -> Iterator[None]:
    """Restore the state of the global generators at the end of the block.

    These are the generators of Python, NumPy and torch, on the CPU and on every GPU in use, because seeding torch
    seeds all GPUs.
    """
    put_back = _generators_of_gpus()
    with preserved_on_cpu():
        try:
            yield
        finally:
            for put in put_back:
                put()


def _generators_of_gpus() -> list[Callable[[], None]]:
    """Return functions that restore the current state of the GPUs' generators."""
    if get_worker_info() is not None:  # a forked worker cannot use a GPU
        return []
    found: list[Callable[[], None]] = []
    if torch.cuda.is_initialized():
        found.append(partial(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all()))
    if torch.xpu.is_initialized():
        found.append(partial(torch.xpu.set_rng_state_all, torch.xpu.get_rng_state_all()))
    if torch.backends.mps.is_available():
        found.append(partial(torch.mps.set_rng_state, torch.mps.get_rng_state()))
    return found
