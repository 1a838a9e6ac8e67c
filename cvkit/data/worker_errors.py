"""Why a process that loads images failed: as an error that it sends, or by its exit code."""

from __future__ import annotations

import os
import signal
from multiprocessing.process import BaseProcess

from ..errors import CvkitError, MachineError, RunError
from ..resource_errors import RECIPE, SettingNames, Shortage, machine_error, shortage_in

LOADING = "loading images"
ALONE = "with {}, images are loaded without worker processes"
_LACKS = list(Shortage)
_LACK_CODE = 100  # a worker that ends because of the n-th shortage exits with this number plus n


def is_of_one_image(error: Exception) -> bool:
    """Return whether an error concerns only the image that was read, so that the others can be read.

    An image that is too large for the memory is its own fault; other shortages meet every image.
    """
    return not isinstance(error, MachineError) and shortage_in(error) in (None, Shortage.MEMORY)


def error_of(error: Exception, names: SettingNames = RECIPE) -> CvkitError:
    """Return the error that a worker sends instead of a batch; raise `error` itself if it is a defect.

    `names` are those of the settings that the remedies are about.

    Errors are sent, because raising in a worker would add its traceback. A shortage is recognised in the worker,
    because the cause of an error is not sent.
    """
    if (lack := shortage_in(error)) is not None:
        return machine_error(lack, LOADING, error, None, names)
    if isinstance(error, CvkitError):
        return error
    raise error


def end_of(worker: BaseProcess, error: Exception, names: SettingNames) -> RunError:
    """Return the error that reports why a worker ended."""
    code = worker.exitcode or 0
    if code == -signal.SIGBUS:  # a write failed because the shared memory could not grow
        return machine_error(Shortage.SHARED_MEMORY, LOADING, error, None, names)
    if code in (-signal.SIGKILL, -signal.SIGTERM):
        return MachineError(
            f"a worker process that loads images (pid {worker.pid}) was killed, probably because memory ran "
            f"out. Use fewer {names.workers} or a smaller {names.batch_size} ({ALONE.format(names.alone)})"
        )
    if 0 <= code - _LACK_CODE < len(_LACKS):
        return machine_error(_LACKS[code - _LACK_CODE], LOADING, MemoryError(), None, names)
    how = f"crashed with {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return RunError(
        f"a worker process that loads images (pid {worker.pid}) {how}; set {names.workers} to 0 to see the cause"
    )


def of_loading(lack: Shortage, error: Exception) -> Shortage:
    """Return the shortage to report: a full disk without a file name means that the shared memory is full."""
    return Shortage.SHARED_MEMORY if lack is Shortage.DISK and getattr(error, "filename", None) is None else lack


def end_worker(error: Exception, batch: object) -> None:
    """End this process with a code that says what it lacks."""
    lack = shortage_in(error)
    os._exit(1 if lack is None else _LACK_CODE + _LACKS.index(of_loading(lack, error)))
