"""A GPU for tests: the real one where there is one, and a pretended one everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import small
import torch

from cvkit import Catalog, Trainer, discover

from .pretended import Cuda, PretendedGPU, as_apples

REAL = torch.cuda.is_available()
SMALL = small.RECIPE.replace("epochs: 3, batch_size: 8", "epochs: 2, batch_size: 16")


@pytest.fixture(autouse=True)
def on_one_thread(one_thread):
    """Every test here."""


class GPU:
    """The device under test, and a way to find out whether work on it makes the host wait."""

    def __init__(self, device: torch.device, mode: PretendedGPU | None = None, cuda: Cuda | None = None) -> None:
        self.device, self.mode, self.cuda = device, mode, cuda

    @contextmanager
    def unread(self) -> Iterator[None]:
        """Fail where what is done meanwhile waits for the device."""
        if self.mode is None:
            torch.cuda.set_sync_debug_mode("error")
            try:
                yield
            finally:
                torch.cuda.set_sync_debug_mode("default")
            return
        before = self.mode.waits
        yield
        assert self.mode.waits == before


needs_gpu = [pytest.mark.gpu, pytest.mark.skipif(not REAL, reason="no CUDA GPU here, or it is hidden: see -m gpu")]


KINDS = ["pretended", pytest.param("real", marks=needs_gpu)]


@contextmanager
def lent(kind: str) -> Iterator[GPU]:
    """Lend a device: ``real``, or pretended: ``pretended`` is CUDA's, ``apple`` has no float64."""
    if kind == "real":
        yield GPU(torch.device("cuda", 0))
        return
    apple = kind == "apple"
    with pytest.MonkeyPatch.context() as patch, PretendedGPU("mps:0" if apple else "cuda:0", not apple) as mode:
        cuda = None if apple else Cuda(mode)
        if cuda:
            cuda.install(patch)
        else:
            as_apples(mode, patch)
        yield GPU(mode.device, mode, cuda)


@pytest.fixture(params=KINDS)
def gpu(request) -> Iterator[GPU]:
    """A CUDA GPU: each test runs on the pretended one, and on the real one where there is one."""
    with lent(request.param) as device:
        yield device


@pytest.fixture
def apple() -> Iterator[GPU]:
    """Apple's GPU, pretended."""
    with lent("apple") as device:
        yield device


@pytest.fixture(params=[*KINDS, "apple"])
def any_gpu(request) -> Iterator[GPU]:
    """Any of them in turn."""
    with lent(request.param) as device:
        yield device


@pytest.fixture(params=["apple", *KINDS[1:]])
def apple_or_real(request) -> Iterator[GPU]:
    """The strictest of the pretended ones, for tests that take their time."""
    with lent(request.param) as device:
        yield device


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return discover()


@pytest.fixture
def make_run(catalog) -> Callable[..., Trainer]:
    """Build a run of the small recipe, with overrides, on the device that ``auto`` finds."""
    return lambda *overrides: Trainer(small.run_of(catalog, *overrides, text=SMALL))
