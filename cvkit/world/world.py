"""`World`: the processes that train a run together, each with one device, or a process that works alone.

Every process takes the same steps in the same order, and meets the others at `World.agree`. There a process reports
that it failed or was asked to stop. So all processes know it at the same step, and none waits for another that has
ended. `torchrun` starts the processes and sets the variables that `World.join` reads.
"""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, NamedTuple, NoReturn

import torch
import torch.distributed as dist

from ..batch_division import Share
from ..error_text import cause
from ..errors import CvkitError, RunError

DEADLINE = 600.0
"""Seconds for which a process waits for the others; the variable CVKIT_DEADLINE replaces it."""

_OVER, _FAILING = "over", "failing"  # the first process ends; a process fails
_POLL = 0.2  # seconds between two looks whether the first process is ready
_FOR_THE_FIRST = 20.0  # seconds for which the other processes wait for the first one to show its message
_FOR_A_LOST_ONE = 3.0  # the same, if the first process may have been killed


class OtherProcessFailed(RunError):
    """Another process of the run failed; the message is the one of that process.

    Attributes:
        exit_code: The exit code of that process.
        resumable: Whether the run can continue, as that process reported it.
    """

    def __init__(self, message: str, exit_code: int = 1, resumable: bool = True) -> None:
        super().__init__(message)
        self.exit_code, self.resumable = exit_code, resumable


class _Met(NamedTuple):
    """What the processes told each other: the lowest rank that failed, the signal to stop for, and a flag."""

    failed: int | None
    stopped: int
    flag: bool


def _continue(number: int) -> None:
    """Do nothing."""


def _interrupt(number: int) -> NoReturn:
    raise KeyboardInterrupt


class World:
    """The processes that train together; `World()` is a process that works alone.

    Attributes:
        rank: The number of this process, from 0.
        size: The number of processes that train together; 1 after `end`.
        local_rank: The number of this process on its machine, from 0.
        apart: Whether this process works for itself now, so that a signal may end it at once.
        told: Whether all processes have learned which error ended the world.
        on_stop: Called with the number of a signal after each agreement of a world that was asked to stop; it may
            raise.
        interrupt: Raises the error of a process that a signal ended, given the number of the signal.
    """

    def __init__(self, rank: int = 0, size: int = 1, local_rank: int = 0) -> None:
        self.rank, self.size, self.local_rank = rank, size, local_rank
        self.on_stop: Callable[[int], None] = _continue
        self.interrupt: Callable[[int], None] = _interrupt
        self.apart = self.told = False
        self._asked = 0
        self._reachable = size > 1

    @classmethod
    def join(cls) -> World:
        """Meet the other processes that ``torchrun`` started; raise `RunError` if that fails."""
        try:
            place = [int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")]
            seconds = float(os.environ.get("CVKIT_DEADLINE", DEADLINE))
            # One group for both: tensors on the CPU go through gloo, those on GPUs through NCCL.
            backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
            dist.init_process_group(backend, timeout=timedelta(seconds=seconds))
        except (KeyError, ValueError, RuntimeError) as error:
            raise RunError(
                f"this process could not join the others of its run: {cause(error)}. Start all of them with torchrun"
            ) from error
        world = cls(*place)
        atexit.register(world.over)
        return world

    @property
    def first(self) -> bool:
        """Whether this process owns the run folder and the terminal."""
        return self.rank == 0

    @property
    def share(self) -> Share:
        """What this process works on: every `size`-th element."""
        return Share(self.rank, self.size) if self.size > 1 else Share()

    def ask_to_stop(self, number: int) -> None:
        """Let all processes stop at their next agreement, for the signal `number`."""
        self._asked = number

    def agree(self, flag: bool = False) -> bool:
        """Wait for all processes; return whether `flag` is true in any of them.

        Raises `OtherProcessFailed` if one of them failed, and whatever `on_stop` raises if they were asked to stop.
        """
        if self.size == 1:
            return flag
        met = self._meet(failed=False, flag=flag)
        if met.failed is not None:
            self.leave()
            told = self._shared(None, met.failed)
            self.leave(told=True)
            if told["signal"]:
                self.interrupt(told["signal"])
            message = f"process {met.failed} of {self.size}: {told['message']}"
            raise OtherProcessFailed(message, told["exit_code"], told["resumable"])
        if met.stopped:
            self.on_stop(met.stopped)
        return met.flag

    def _meet(self, *, failed: bool, flag: bool) -> _Met:
        found = torch.tensor([self.size - self.rank if failed else 0, self._asked, int(flag)])
        with self.connected():
            dist.all_reduce(found, dist.ReduceOp.MAX)
        lowest, stopped, flagged = found.tolist()
        return _Met(self.size - lowest if lowest else None, stopped, bool(flagged))

    @contextmanager
    def ending_together(self) -> Iterator[None]:
        """If this process fails within the block, end the others with its error, as `OtherProcessFailed`."""
        try:
            yield
        except (Exception, KeyboardInterrupt) as error:
            if self.size > 1 and self._reachable:
                self.leave()
                _announce(_FAILING)
                with suppress(OtherProcessFailed):  # this error says more than the lost connection
                    lowest = self._meet(failed=True, flag=False).failed
                    self._shared(_description(error), self.rank if lowest is None else lowest)
                    self.leave(told=True)
            raise

    def _shared(self, value: Any, source: int) -> Any:
        """Return the `value` of process `source`."""
        held = [value]
        with self.connected():
            dist.broadcast_object_list(held, source)
        return held[0]

    def from_first(self, value: Any) -> Any:
        """Return the first process's `value`: anything that can be pickled, with its tensors on the CPU."""
        if self.size == 1:
            return value
        self.agree()
        return self._shared(value if self.first else None, 0)

    @contextmanager
    def after_first(self, what: str) -> Iterator[None]:
        """Let the first process do the block alone, and the others after it, without a deadline."""
        if self.size == 1:
            yield
            return
        self.apart = True
        try:
            while not (self.first or _announced(what) or _announced(_FAILING)):
                time.sleep(_POLL)
            yield
            if self.first:
                _announce(what)
        finally:
            self.apart = False
        self.agree()

    def end(self) -> None:
        """Part from the other processes after all of them have come here; the first one then works alone."""
        if self.size > 1:
            self.agree()
            self.leave()
            dist.destroy_process_group()
            self.size = 1

    def leave(self, *, told: bool = False) -> None:
        """Tell the others nothing more; `told` if all of them end for a reason that all know."""
        self._reachable = False
        self.told = self.told or told

    def wait_for_first(self) -> None:
        """Wait until the first process has shown its message and ended: ``torchrun`` ends it if another one ends."""
        until = time.monotonic() + (_FOR_THE_FIRST if self.told else _FOR_A_LOST_ONE)
        with suppress(Exception):  # the first process has gone already, and with it perhaps the store
            while not _announced(_OVER) and time.monotonic() < until:
                time.sleep(_POLL)

    def over(self) -> None:
        """Tell the others that the first process has shown everything."""
        if self.first:
            _announce(_OVER)

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Raise `OtherProcessFailed` if the connection is lost within the block, or the deadline passes."""
        try:
            yield
        except RuntimeError as error:
            self.leave()
            raise OtherProcessFailed(
                f"another process of the run ended without a message, or did not answer ({cause(error)}); process "
                f"{self.rank} of {self.size} noticed it"
            ) from error


def _description(error: BaseException) -> dict[str, Any]:
    """Return what the other processes learn about an error."""
    return {
        "message": str(error) if isinstance(error, CvkitError) else cause(error),
        "exit_code": getattr(error, "exit_code", 1),
        "resumable": bool(getattr(error, "resumable", False)),
        "signal": getattr(error, "number", 2) if isinstance(error, KeyboardInterrupt) else 0,
    }


def _announce(what: str) -> None:
    with suppress(Exception):  # the process that holds the store has gone, and nobody waits
        dist.distributed_c10d._get_default_store().set(f"cvkit/{what}", "1")


def _announced(what: str) -> bool:
    return bool(dist.distributed_c10d._get_default_store().check([f"cvkit/{what}"]))
