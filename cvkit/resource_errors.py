"""Recognises errors caused by a lack of memory, disk space or other resources, and suggests remedies."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import Enum

from .errors import CvkitError, MachineError, one_line

_DETAIL = 160  # largest length of a library message that is quoted


@dataclass(frozen=True)
class SettingNames:
    """What the user of a part of the program calls the settings that remedies are about.

    Attributes:
        workers: The number of worker processes.
        batch_size: The number of images in a batch.
        memory: Every setting whose smaller value needs less memory.
        alone: The number of worker processes with its value 0.
    """

    workers: str = "train.workers"
    batch_size: str = "train.batch_size"
    memory: str = "train.batch_size or evaluation.batch_size"
    alone: str = "train.workers: 0"


RECIPE = SettingNames()
OPTIONS = SettingNames("--workers", "--batch-size", "--batch-size", "--workers 0")
"""The settings of recipes, and the options of commands that work with a trained model."""


class Shortage(Enum):
    """The resource that the machine lacks; the value is its description."""

    MEMORY = "memory ran out"
    SHARED_MEMORY = "the shared memory (/dev/shm) is too small for the images that worker processes pass on"
    FILES = "too many files are open"
    DISK = "the disk is full"
    FILE_SIZE = "a file, or memory that worker processes share, would be larger than the limit of this process"
    WORKER = "a process that loads images was killed"
    PROCESSES = "no more processes or threads can be started"

    def remedy(self, names: SettingNames = RECIPE) -> str:
        """Return what a user can do, with the names of the settings."""
        return _REMEDIES[self].format(**asdict(names))


_REMEDIES = {
    Shortage.MEMORY: "close other programs, or use a smaller {memory}",
    Shortage.SHARED_MEMORY: (
        "set {workers} to 0, use a smaller {batch_size}, or increase it (docker run --shm-size=1g)"
    ),
    Shortage.FILES: "raise the limit (ulimit -n 4096), or use fewer {workers}",
    Shortage.DISK: "free some space",
    Shortage.FILE_SIZE: "raise the limit (ulimit -f unlimited), or set {workers} to 0",
    Shortage.WORKER: "use fewer {workers}, or set it to 0",
    Shortage.PROCESSES: "use fewer {workers}, or allow more processes (ulimit -u)",
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
# if shared memory cannot be opened because there are no file descriptors, the cause is FILES. EFBIG is not in
# `_BY_NUMBER`, because cvkit raises it for files that are too large to be read.
_BY_TEXT = (
    ("Too many open files", Shortage.FILES),
    ("File too large", Shortage.FILE_SIZE),
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
def reporting_shortages(
    doing: str, remedies: dict[Shortage, str] | None = None, names: SettingNames = RECIPE
) -> Iterator[None]:
    """Replace errors caused by a shortage in the block with `MachineError`, which suggests a remedy.

    `doing` describes what the program was doing. `remedies` replace the general remedies, which use the `names`.
    """
    try:
        yield
    except MachineError:
        raise
    except Exception as error:
        lack = shortage_in(error)
        if lack is None:
            raise
        raise machine_error(lack, doing, error, (remedies or {}).get(lack), names) from error


def machine_error(
    lack: Shortage, doing: str, error: BaseException, remedy: str | None = None, names: SettingNames = RECIPE
) -> MachineError:
    """Return an error that reports the shortage `lack`, what the program was doing, and the remedy.

    Without a `remedy`, the error has the general one, with the `names` of the settings.
    """
    while isinstance(error, CvkitError) and error.__cause__ is not None:
        error = error.__cause__
    detail = one_line(error)
    if (
        lack is Shortage.SHARED_MEMORY or len(detail) > _DETAIL
    ):  # long advice from torch, or the traceback of a worker
        detail = ""
    cause = f" ({detail})" if detail else ""
    return MachineError(f"{lack.value} while {doing}{cause}; {remedy or lack.remedy(names)}")
