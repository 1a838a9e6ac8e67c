"""What torch's `DataLoader` yields and, where its worker processes can yield no more, why: in one sentence."""

from __future__ import annotations

import multiprocessing.queues
import os
import signal
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import active_children
from multiprocessing.process import BaseProcess
from typing import Any

from torch.utils.data import DataLoader

from ..errors import MachineError, RunError
from ..resource_errors import Shortage, machine_error, shortage_in, told_as_machine

LOOK_EVERY = 1.0
"""Seconds after which a loader that waits for a batch looks whether its workers live."""
PATIENCE = 300.0
"""Seconds a batch may take; a worker that is stopped, or waits for a dead network disk, would never yield one."""

LOADING = "loading images"
_TO_END = 2.0  # seconds a process may take to end once its connections are closed
_ALONE = "with train.workers: 0 images are loaded without worker processes"
_DESCRIPTORS = 8  # that a worker takes of the parent, with its queues and the batches on their way, measured
_END = object()
_LACKS = list(Shortage)
_LACK_CODE = 100  # a worker that ends itself for the n-th lack exits with this number plus n


def loaded(loader: DataLoader[Any]) -> Generator[Any, None, None]:
    """Yield what `loader` does, made with `loader_options`; no worker is left when this ends, however it ends.

    Raises `MachineError` where a worker was killed, does not answer for `PATIENCE` seconds, or lacks what the
    machine should have, and `RunError` where a worker crashed.
    """
    before = set(active_children())
    workers: list[BaseProcess] = []
    try:
        with _children_watched_here(), told_as_machine(LOADING):
            _require_descriptors(loader.num_workers)
            try:
                batches = iter(loader)
            finally:
                workers += set(active_children()) - before
        with _Watch(workers) as watch:
            while (batch := _next(batches, workers, watch)) is not _END:
                yield batch
    finally:
        _kill(workers)  # none is left where the loader came to its end


def loader_options(workers: int) -> dict[str, Any]:
    """Return what a `DataLoader` with so many workers needs for `loaded`."""
    return {
        "num_workers": workers,
        "timeout": LOOK_EVERY if workers else 0,
        "worker_init_fn": _begin_worker,
    }


class _Watch:
    """A thread that kills workers where a batch takes longer than `PATIENCE`, which ends the wait for it.

    A loader's own timeout is not enough: a worker may be stopped after it has announced a batch, and the parent then
    waits for its connection.
    """

    def __init__(self, workers: list[BaseProcess]) -> None:
        self.stalled = False
        self._workers = workers
        self._since: float | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True, name="cvkit watches its workers")

    def __enter__(self) -> _Watch:
        if self._workers:
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        if self._workers:
            self._thread.join()

    @contextmanager
    def on_a_batch(self) -> Iterator[None]:
        """Watch from now to the end of the block."""
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._since = None

    def _look(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            since = self._since
            if since is not None and time.monotonic() - since > PATIENCE:
                self.stalled = True
                _kill(self._workers)
                return


def _require_descriptors(workers: int) -> None:
    """Raise `OSError` unless so many workers can be started: a loader that fails halfway prints tracebacks later."""
    with ExitStack() as opened:
        for _ in range(_DESCRIPTORS * (workers + 1) if workers else 0):
            opened.enter_context(open(os.devnull))


def _kill(workers: list[BaseProcess]) -> None:
    for worker in workers:
        if worker.is_alive():
            worker.kill()  # SIGTERM does not reach one that is stopped


def _next(batches: Iterator[Any], workers: list[BaseProcess], watch: _Watch) -> Any:
    with watch.on_a_batch():
        while True:
            try:
                return next(batches, _END)
            except Exception as error:
                if isinstance(error, RuntimeError) and "DataLoader timed out" in str(error):
                    continue  # the loader has looked whether its workers live
                why = _why(error, workers, watch)
                if why is error:
                    raise
                raise why from error


def _why(error: Exception, workers: list[BaseProcess], watch: _Watch) -> Exception:
    """Return what to raise for an error of the loader: `error` itself where it is about something else."""
    if watch.stalled:
        return MachineError(
            f"no worker process has loaded a batch for {PATIENCE:g} seconds: it is stopped, or the disk does not "
            f"answer; {_ALONE}"
        )
    broken = isinstance(error, (ConnectionError, EOFError))
    if broken:  # a process that ends closes its connections first
        deadline = time.monotonic() + _TO_END
        while all(worker.is_alive() for worker in workers) and time.monotonic() < deadline:
            time.sleep(0.01)
    if gone := [worker for worker in workers if not worker.is_alive()]:
        return _end_of(gone[0], error)
    lack = (
        Shortage.FILES if broken else shortage_in(error)
    )  # a worker without a descriptor to send by closes the line
    return error if lack is None else machine_error(_of_loading(lack, error), LOADING, error)


def _end_of(worker: BaseProcess, error: Exception) -> RunError:
    """Return why a worker that has ended did so."""
    code = worker.exitcode or 0
    if code == -signal.SIGBUS:  # how a write into shared memory fails that could not grow
        return machine_error(Shortage.SHARED_MEMORY, LOADING, error)
    if code in (-signal.SIGKILL, -signal.SIGTERM):
        return MachineError(
            f"a worker process that loads images (pid {worker.pid}) was killed, as the system does where memory runs "
            f"out; use fewer train.workers or a smaller train.batch_size ({_ALONE})"
        )
    if 0 <= code - _LACK_CODE < len(_LACKS):
        return machine_error(_LACKS[code - _LACK_CODE], LOADING, MemoryError())
    how = f"crashed with {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return RunError(
        f"a worker process that loads images (pid {worker.pid}) {how}; set train.workers to 0 to see where it happens"
    )


def _of_loading(lack: Shortage, error: Exception) -> Shortage:
    """Return what is full where loading says so of a disk without naming a file of one: shared memory."""
    return Shortage.SHARED_MEMORY if lack is Shortage.DISK and getattr(error, "filename", None) is None else lack


@contextmanager
def _children_watched_here() -> Iterator[None]:
    """Take back the handler of SIGCHLD that torch's loader installs.

    It raises wherever the program is when a worker dies, such as within a step of the optimizer or the writing of a
    checkpoint, and is called for workers that are ended on purpose too. Here, who waits for a worker looks.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGCHLD"):
        yield
        return
    before = signal.getsignal(signal.SIGCHLD)
    try:
        yield
    finally:
        if _is_torchs(signal.getsignal(signal.SIGCHLD)):
            signal.signal(signal.SIGCHLD, signal.SIG_DFL if _is_torchs(before) or before is None else before)


def _is_torchs(handler: Any) -> bool:
    return getattr(handler, "__module__", "").startswith("torch.")


def _begin_worker(worker: int) -> None:
    """Leave signals to the parent, which finishes its step and ends the workers itself; end rather than lose a batch.

    Ctrl-C and the closing of a terminal reach every process of it, and a service manager ends all of a service.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    # A batch is sent by a thread, which prints the error and drops the batch: the parent would wait for it for ever.
    multiprocessing.queues.Queue._on_queue_feeder_error = staticmethod(_end_worker)  # type: ignore[attr-defined]


def _end_worker(error: Exception, batch: object) -> None:
    lack = shortage_in(error)
    os._exit(1 if lack is None else _LACK_CODE + _LACKS.index(_of_loading(lack, error)))
