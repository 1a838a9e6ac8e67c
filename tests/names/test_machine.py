"""What a machine lacks is told from the many errors that say so, and from nothing else."""

from __future__ import annotations

import errno
import sys

import pytest
import torch

from cvkit import CvkitError, DataError, MachineError
from cvkit.resource_errors import Lack, lack_told_by, told_as_machine


@pytest.mark.parametrize(
    ("error", "lack"),
    [
        (MemoryError(), Lack.MEMORY),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), Lack.MEMORY),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"), Lack.MEMORY),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), Lack.MEMORY),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"), Lack.MEMORY),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "), Lack.WORKER),
        (RuntimeError("unable to open shared memory object </torch_1_2>: Too many open files (24)"), Lack.FILES),
        (RuntimeError("received 0 items of ancdata"), Lack.FILES),
        (RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space"), Lack.SHARED_MEMORY),
        (RuntimeError("unable to mmap 19267584 bytes from file </torch_1_2>"), Lack.SHARED_MEMORY),
        (RuntimeError("can't start new thread"), Lack.PROCESSES),
        (OSError(errno.EMFILE, "Too many open files"), Lack.FILES),
        (OSError(errno.ENOSPC, "No space left on device"), Lack.DISK),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), Lack.PROCESSES),
    ],
)
def test_lack_is_told_from_the_error_that_says_so(error, lack):
    """Torch raises RuntimeError for most of them, and a worker's errors arrive as text."""
    assert lack_told_by(error) is lack


@pytest.mark.skipif(sys.platform != "linux", reason="other systems grant memory that they do not have")
def test_lack_of_memory_that_torch_reports_is_the_machines():
    """The sentence of the installed torch, not a copy of it."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60)
    assert lack_told_by(caught.value) is Lack.MEMORY


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
    """A disk that fails under a data set is told with the data set's name."""
    assert lack_told_by(error) is None


def test_lack_behind_another_error_is_found():
    """A data set that takes every failure to open a file for damage, or a guard that names the component."""
    error = DataError("cat/4.png is damaged")
    error.__cause__ = OSError(errno.EMFILE, "Too many open files")
    assert lack_told_by(error) is Lack.FILES


def test_lack_is_told_in_a_sentence_with_what_to_do():
    """What it was at, the library's own words where they are short, and the setting."""
    with pytest.raises(MachineError) as caught, told_as_machine("training"):
        raise MemoryError("17 GB")
    assert str(caught.value).startswith("memory ran out while training (17 GB); ")
    assert "train.batch_size" in str(caught.value)
    with (
        pytest.raises(MachineError, match="; buy a larger one"),
        told_as_machine("a", {Lack.MEMORY: "buy a larger one"}),
    ):
        raise MemoryError


@pytest.mark.parametrize("error", [ValueError("a defect"), CvkitError("a mistake"), KeyboardInterrupt()])
def test_what_is_no_lack_passes_as_it_is(error):
    """With its own type."""
    with pytest.raises(type(error)) as caught, told_as_machine("training"):
        raise error
    assert caught.value is error
