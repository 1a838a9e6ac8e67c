"""Load batches with torch's `DataLoader`; if its worker processes fail, report the reason in one sentence."""

from __future__ import annotations

import atexit
import multiprocessing.queues
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import active_children
from multiprocessing.process import BaseProcess
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from ..errors import MachineError
from ..resource_errors import RECIPE, SettingNames, Shortage, machine_error, reporting_shortages, shortage_in
from .worker_errors import ALONE, LOADING, end_of, end_worker, of_loading

LOOK_EVERY = 1.0
"""Seconds between two checks whether the workers are alive, while the loader waits for a batch."""
PATIENCE = 300.0
"""Maximum seconds for a batch. A worker that is stopped, or waits for a dead network disk, would never return one."""

_TO_END = 2.0  # seconds for a process to end after its connections are closed
_TO_SHUT_DOWN = 10.0  # seconds; torch itself waits 5 for each worker that does not end
_DESCRIPTORS = 8  # file descriptors per worker in the parent, for its queues and batches; measured


class WorkerPool:
    """torch's `DataLoader`, whose worker processes load one list of batches after another.

    The processes start with the first batch and stay until `close`. `load` raises `MachineError` if a worker was
    killed, does not answer for `PATIENCE` seconds, or lacks a resource of the machine, and `RunError` if a worker
    crashed. Their remedies use the `names` of the settings.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        workers: int,
        collate: Callable[[Any], Any],
        pin_memory: bool,
        names: SettingNames = RECIPE,
    ) -> None:
        self._names = names
        self._requests = _Requests()
        self._loader: DataLoader[Any] | None = None
        self._options: dict[str, Any] = {
            "dataset": dataset,
            "batch_sampler": self._requests,
            "collate_fn": collate,
            "num_workers": workers,
            "persistent_workers": workers > 0,
            "pin_memory": pin_memory,
            "worker_init_fn": _begin_worker,
        }
        self._workers: list[BaseProcess] = []
        self._begun: Iterator[Any] | None = None
        self._owner = os.getpid()
        self.idle = True
        _POOLS.add(self)

    def begin(self, requests: Sequence[Any]) -> None:
        """Let the workers begin to load the first batches, which the next `load` of the same requests yields."""
        self._begun = self._start(requests)

    def load(self, requests: Sequence[Any]) -> Generator[Any, None, None]:
        """Yield the batch of each request. A request is what the data set's ``__getitems__`` receives.

        The pool is idle when it yields the last batch. If the caller stops earlier, the workers are killed.
        """
        if not requests:
            return
        try:
            begun, self._begun = self._begun if self._all_alive() else None, None
            batches = begun or self._start(requests)
            with _Watch(self._workers) as watch:
                for _ in range(len(requests) - 1):
                    yield _next(batches, self._workers, watch, self._names)
                last = _next(batches, self._workers, watch, self._names)
            self.idle = True
        finally:
            if not self.idle:
                self.kill()
        yield last

    def close(self) -> None:
        """End the workers; those that are idle, or have only begun, end by themselves."""
        if (self.idle or self._begun is not None) and os.getpid() == self._owner:
            _shut_down(self._loader)
        self.kill()

    def kill(self) -> None:
        """Kill the workers that are left."""
        if os.getpid() == self._owner:  # a child that was forked from this process inherits the pool
            _kill(self._workers)
            _shut_down(self._loader)
            for worker in self._workers:
                worker.join(_TO_END)
        self._workers, self._loader, self._begun, self.idle = [], None, None, True

    def _start(self, requests: Sequence[Any]) -> Iterator[Any]:
        """Let the workers begin with the requests, and return the batches as they come."""
        self._requests.current = requests
        self.idle = False
        with _children_watched_here(), reporting_shortages(LOADING, names=self._names):
            return self._restarted() or self._started()

    def _restarted(self) -> Iterator[Any] | None:
        """Return the batches from the workers that are there, or None if one ended or does not answer."""
        if self._loader is None or not self._workers or not self._all_alive():
            return None
        try:
            return iter(self._loader)
        except RuntimeError:  # nothing is lost: new workers load all batches
            return None

    def _all_alive(self) -> bool:
        return all(worker.is_alive() for worker in self._workers)

    def _started(self) -> Iterator[Any]:
        """Return the batches from new workers."""
        self.kill()
        self.idle = False
        workers = self._options["num_workers"]
        _require_descriptors(workers)
        before = set(active_children())
        # Without a generator, torch would draw a base seed from the global one and advance it.
        seeded, patience = torch.Generator().manual_seed(0), LOOK_EVERY if workers else 0
        self._loader = DataLoader(**self._options, timeout=patience, generator=seeded)
        try:
            return iter(self._loader)
        finally:
            self._workers += set(active_children()) - before


class _Requests:
    """The requests of the current epoch, which torch's loader takes one by one."""

    current: Sequence[Any] = ()

    def __len__(self) -> int:
        return len(self.current)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.current)


_POOLS: weakref.WeakSet[WorkerPool] = weakref.WeakSet()


@atexit.register
def _kill_all() -> None:
    """Kill the workers of pools that were not closed. multiprocessing would wait for them, as they ignore SIGTERM."""
    for pool in _POOLS:
        pool.kill()


class _Watch:
    """A thread that kills the workers if a batch takes longer than `PATIENCE`, which ends the wait for it.

    The loader's own timeout is not enough: a worker may be stopped after it has announced a batch, and then the
    parent waits for its connection.
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
        """Limit the time until the end of the block."""
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
    """Raise `OSError` unless all workers can start, because a loader that fails halfway prints tracebacks later."""
    with ExitStack() as opened:
        for _ in range(_DESCRIPTORS * (workers + 1) if workers else 0):
            opened.enter_context(open(os.devnull))


def _kill(workers: list[BaseProcess]) -> None:
    for worker in workers:
        if worker.is_alive():
            worker.kill()  # SIGTERM does not end a stopped process


def _shut_down(loader: DataLoader[Any] | None) -> None:
    """Let torch end the workers of `loader` and close its queues, but wait at most `_TO_SHUT_DOWN` seconds.

    A worker that was killed may hold the lock of an event that torch sets here, and torch would wait for it forever.
    """
    batches = getattr(loader, "_iterator", None)  # exists because the workers are persistent
    end = getattr(batches, "_shutdown_workers", None)
    if end is None:
        return
    shutting = threading.Thread(target=end, daemon=True, name="cvkit ends its workers")
    with suppress(RuntimeError):  # Python starts no thread while it ends, and torch then does nothing here
        shutting.start()
        shutting.join(_TO_SHUT_DOWN)


def _next(batches: Iterator[Any], workers: list[BaseProcess], watch: _Watch, names: SettingNames) -> Any:
    with watch.on_a_batch():
        while True:
            try:
                return next(batches)
            except Exception as error:
                if isinstance(error, RuntimeError) and "DataLoader timed out" in str(error):
                    continue  # the loader has checked that its workers are alive
                why = _why(error, workers, watch, names)
                if why is error:
                    raise
                raise why from error


def _why(error: Exception, workers: list[BaseProcess], watch: _Watch, names: SettingNames) -> Exception:
    """Return the error to raise for an error of the loader, or `error` itself if the workers are not the cause."""
    if watch.stalled:
        return MachineError(
            f"no worker process has loaded a batch for {PATIENCE:g} seconds: a process is stopped, or the disk "
            f"does not respond; {ALONE.format(names.alone)}"
        )
    broken = isinstance(error, (ConnectionError, EOFError))
    if broken:  # a process closes its connections before it ends, so wait for the end
        deadline = time.monotonic() + _TO_END
        while all(worker.is_alive() for worker in workers) and time.monotonic() < deadline:
            time.sleep(0.01)
    if gone := [worker for worker in workers if not worker.is_alive()]:
        return end_of(gone[0], error, names)
    lack = (
        Shortage.FILES if broken else shortage_in(error)
    )  # a worker that has no descriptor left closes the connection
    return error if lack is None else machine_error(of_loading(lack, error), LOADING, error, None, names)


@contextmanager
def _children_watched_here() -> Iterator[None]:
    """Remove the SIGCHLD handler that torch's loader installs.

    Whenever a worker dies, that handler raises an error at an arbitrary place, for example in an optimizer step or
    while a checkpoint is written. It also runs when workers are ended on purpose. Here, the code that waits for a
    worker checks it instead.
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
    """Ignore signals in a worker, because the parent finishes its step and then ends the workers.

    Ctrl-C and the closing of a terminal reach all processes of it, and a service manager ends all of a service.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
        # A thread sends batches. On an error it would print it and drop the batch, and the parent would wait forever.
    multiprocessing.queues.Queue._on_queue_feeder_error = staticmethod(end_worker)  # type: ignore[attr-defined]
