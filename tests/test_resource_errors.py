"""Shortages of the machine are recognised by their errors, and no other errors are taken for one."""

from __future__ import annotations

import errno
import sys

import pytest
import torch

from cvkit import CvkitError, DataError, MachineError
from cvkit.resource_errors import Shortage, reporting_shortages, shortage_in


@pytest.mark.parametrize(
    ("error", "lack"),
    [
        (MemoryError(), Shortage.MEMORY),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), Shortage.MEMORY),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"), Shortage.MEMORY),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), Shortage.MEMORY),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"),
            Shortage.MEMORY,
        ),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "), Shortage.WORKER),
        (RuntimeError("unable to open shared memory object </torch_1_2>: Too many open files (24)"), Shortage.FILES),
        (RuntimeError("received 0 items of ancdata"), Shortage.FILES),
        (RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space"), Shortage.SHARED_MEMORY),
        (RuntimeError("unable to mmap 19267584 bytes from file </torch_1_2>"), Shortage.SHARED_MEMORY),
        (RuntimeError("can't start new thread"), Shortage.PROCESSES),
        (OSError(errno.EMFILE, "Too many open files"), Shortage.FILES),
        (OSError(errno.ENOSPC, "No space left on device"), Shortage.DISK),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), Shortage.PROCESSES),
    ],
)
def test_lack_is_told_from_the_error_that_says_so(error, lack):
    """Torch raises RuntimeError for most of them, and a worker's errors arrive as text."""
    assert shortage_in(error) is lack


@pytest.mark.skipif(sys.platform != "linux", reason="other systems grant memory that they do not have")
def test_lack_of_memory_that_torch_reports_is_the_machines():
    """The sentence of the installed torch, not a copy of it."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60)
    assert shortage_in(caught.value) is Shortage.MEMORY


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("shapes differ"),
        OSError(errno.EIO, "Input/output error"),
        BlockingIOError(errno.EAGAIN, "write could not complete without blocking", 0),
        ValueError("out of memory is no word for a ValueError"),
    ],
)
def test_any_other_error_is_no_lack(error):
    """If a disk fails while a data set reads, the error names the data set."""
    assert shortage_in(error) is None


def test_lack_behind_another_error_is_found():
    """A data set that takes every failure to open a file for damage, or a guard that names the component."""
    error = DataError("cat/4.png is damaged")
    error.__cause__ = OSError(errno.EMFILE, "Too many open files")
    assert shortage_in(error) is Shortage.FILES


def test_lack_is_told_in_a_sentence_with_what_to_do(wording):
    """What it was at, the library's own words where they are short, and the setting."""
    with pytest.raises(MachineError) as caught, reporting_shortages("training"):
        raise MemoryError("17 GB")
    assert all(part in str(caught.value) for part in ("training", "17 GB", "train.batch_size"))
    assert str(caught.value) == wording
    with (
        pytest.raises(MachineError, match="buy a larger one"),
        reporting_shortages("a", {Shortage.MEMORY: "buy a larger one"}),
    ):
        raise MemoryError


@pytest.mark.parametrize("error", [ValueError("a defect"), CvkitError("a mistake"), KeyboardInterrupt()])
def test_what_is_no_lack_passes_as_it_is(error):
    """With its own type."""
    with pytest.raises(type(error)) as caught, reporting_shortages("training"):
        raise error
    assert caught.value is error
