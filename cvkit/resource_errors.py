"""Recognises errors caused by a lack of memory, disk space or other resources, and suggests remedies."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from .errors import CvkitError, MachineError, one_line

_DETAIL = 160  # largest length of a library message that is quoted


class Shortage(Enum):
    """The resource that the machine lacks; the value is its description."""

    MEMORY = "memory ran out"
    SHARED_MEMORY = "the shared memory (/dev/shm) is too small for the images that worker processes pass on"
    FILES = "too many files are open"
    DISK = "the disk is full"
    WORKER = "a process that loads images was killed"
    PROCESSES = "no more processes or threads can be started"

    @property
    def remedy(self) -> str:
        """What a user can do, in any part of the program."""
        return _REMEDIES[self]


_REMEDIES = {
    Shortage.MEMORY: "close other programs, or use a smaller train.batch_size or evaluation.batch_size",
    Shortage.SHARED_MEMORY: (
        "set train.workers to 0, use a smaller train.batch_size, or increase it (docker run --shm-size=1g)"
    ),
    Shortage.FILES: "raise the limit (ulimit -n 4096), or use fewer train.workers",
    Shortage.DISK: "free some space",
    Shortage.WORKER: "use fewer train.workers, or set it to 0",
    Shortage.PROCESSES: "use fewer train.workers, or allow more processes (ulimit -u)",
}
_BY_NUMBER = {
    errno.ENOSPC: Shortage.DISK,
    errno.EDQUOT: Shortage.DISK,
    errno.EMFILE: Shortage.FILES,
    errno.ENFILE: Shortage.FILES,
    errno.ENOMEM: Shortage.MEMORY,
    errno.EAGAIN: Shortage.PROCESSES,
}
# Torch raises RuntimeError for most of these, and errors of worker processes arrive only as text. The order matters:
# if shared memory cannot be opened because there are no file descriptors, the cause is FILES.
_BY_TEXT = (
    ("Too many open files", Shortage.FILES),
    ("items of ancdata", Shortage.FILES),  # multiprocessing could not receive a file descriptor
    ("shared memory", Shortage.SHARED_MEMORY),
    ("unable to mmap", Shortage.SHARED_MEMORY),
    ("file </torch_", Shortage.SHARED_MEMORY),
    ("out of memory", Shortage.MEMORY),  # CUDA, HIP, MPS
    ("can't allocate memory", Shortage.MEMORY),  # the CPU's allocator
    ("not enough memory", Shortage.MEMORY),  # the CPU's allocator on Windows
    ("_STATUS_ALLOC_FAILED", Shortage.MEMORY),  # cuBLAS, cuDNN
    ("bad_alloc", Shortage.MEMORY),
    ("DataLoader worker (pid", Shortage.WORKER),
    ("can't start new thread", Shortage.PROCESSES),
    ("No space left on device", Shortage.DISK),
)


def shortage_in(error: BaseException) -> Shortage | None:
    """Return the shortage that caused `error` or an error in its chain of causes, or None."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError):
            return Shortage.MEMORY
        if isinstance(cause, OSError) and cause.errno in _BY_NUMBER and not _of_a_slow_reader(cause):
            return _BY_NUMBER[cause.errno]
        if isinstance(cause, (RuntimeError, OSError)):
            text = str(cause)
            if found := next((lack for piece, lack in _BY_TEXT if piece in text), None):
                return found
        cause = cause.__cause__
    return None


def _of_a_slow_reader(error: OSError) -> bool:
    """Whether a non-blocking pipe or terminal raised the error, so that EAGAIN does not mean a lack of processes."""
    return getattr(error, "characters_written", None) is not None


@contextmanager
def reporting_shortages(doing: str, remedies: dict[Shortage, str] | None = None) -> Iterator[None]:
    """Replace errors caused by a shortage in the block with `MachineError`, which suggests a remedy.

    `doing` describes what the program was doing. `remedies` replace the general remedies.
    """
    try:
        yield
    except MachineError:
        raise
    except Exception as error:
        lack = shortage_in(error)
        if lack is None:
            raise
        raise machine_error(lack, doing, error, (remedies or {}).get(lack)) from error


def machine_error(lack: Shortage, doing: str, error: BaseException, remedy: str | None = None) -> MachineError:
    """Return an error that reports the shortage `lack`, what the program was doing, and the remedy."""
    while isinstance(error, CvkitError) and error.__cause__ is not None:
        error = error.__cause__
    detail = one_line(error)
    if (
        lack is Shortage.SHARED_MEMORY or len(detail) > _DETAIL
    ):  # long advice from torch, or the traceback of a worker
        detail = ""
    cause = f" ({detail})" if detail else ""
    return MachineError(f"{lack.value} while {doing}{cause}; {remedy or lack.remedy}")
