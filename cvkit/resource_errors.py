"""What a machine can run out of, told from the many errors that say so, and what a user can do about each."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from .errors import CvkitError, MachineError, one_line

_DETAIL = 160  # characters of the library's own message that are quoted


class Shortage(Enum):
    """What the machine ran out of; the value says so in words."""

    MEMORY = "memory ran out"
    SHARED_MEMORY = "the shared memory (/dev/shm) is too small for the images that worker processes hand over"
    FILES = "too many files are open"
    DISK = "the disk is full"
    WORKER = "a process that loads images was lost"
    PROCESSES = "no further process or thread can be started"

    @property
    def remedy(self) -> str:
        """What a user can do, whatever the program was at."""
        return _REMEDIES[self]


_REMEDIES = {
    Shortage.MEMORY: "close other programs, or use a smaller train.batch_size or evaluation.batch_size",
    Shortage.SHARED_MEMORY: (
        "set train.workers to 0, use a smaller train.batch_size, or give more (docker run --shm-size=1g)"
    ),
    Shortage.FILES: "allow more (ulimit -n 4096), or use fewer train.workers",
    Shortage.DISK: "make room",
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
# Torch raises RuntimeError for most of these, and errors of worker processes arrive as text alone. The order counts:
# shared memory that cannot be opened for want of descriptors is a want of descriptors.
_BY_TEXT = (
    ("Too many open files", Shortage.FILES),
    ("items of ancdata", Shortage.FILES),  # multiprocessing, where a descriptor could not be received
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
    """Return what `error`, or what it was raised from, says the machine lacks; None where it says nothing of it."""
    told: BaseException | None = error
    while told is not None:
        if isinstance(told, MemoryError):
            return Shortage.MEMORY
        if isinstance(told, OSError) and told.errno in _BY_NUMBER and not _of_a_slow_reader(told):
            return _BY_NUMBER[told.errno]
        if isinstance(told, (RuntimeError, OSError)):
            text = str(told)
            if found := next((lack for piece, lack in _BY_TEXT if piece in text), None):
                return found
        told = told.__cause__
    return None


def _of_a_slow_reader(error: OSError) -> bool:
    """Whether it comes from a pipe or terminal that does not wait, where EAGAIN is not about processes."""
    return getattr(error, "characters_written", None) is not None


@contextmanager
def told_as_machine(doing: str, remedies: dict[Shortage, str] | None = None) -> Iterator[None]:
    """Raise `MachineError` in place of an error that says what the machine lacks, with what a user can do about it.

    `doing` says in words what the program was at. `remedies` replace the general ones.
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
    """Return the error that tells `lack`, while `doing`, in one sentence and what to do in another."""
    while isinstance(error, CvkitError) and error.__cause__ is not None:
        error = error.__cause__
    detail = one_line(error)
    if lack is Shortage.SHARED_MEMORY or len(detail) > _DETAIL:  # torch's pages of advice, a worker's traceback
        detail = ""
    cause = f" ({detail})" if detail else ""
    return MachineError(f"{lack.value} while {doing}{cause}; {remedy or lack.remedy}")
