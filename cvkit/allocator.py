"""The allocator of the process: under glibc, freed memory can be kept for the next tensor.

glibc maps every block above its threshold (at most 32 MB, if nobody sets it) from the system, and returns it when it
is freed. So each training step on a CPU maps its large activations again, and the system clears every page of them.
Three calls of ``mallopt`` make glibc keep this memory. Only addresses change: every result is the same to the bit.
cvkit's commands make the calls if they compute on a CPU; other programs call `keep_freed_memory`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

OFF = "CVKIT_KEEP_MEMORY"
"""The environment variable that, with the value 0, leaves the allocator unchanged."""

_OF_THE_SYSTEM = ("libc.", "libc-", "ld-", "libSystem", "libsystem_malloc")


@dataclass(frozen=True)
class Allocator:
    """The allocator of a process.

    Attributes:
        name: Its name and version, such as ``glibc 2.36``.
        keeps: Whether cvkit made it keep freed memory.
        reason: Why cvkit left it unchanged; empty if it did not.
    """

    name: str
    keeps: bool
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.name}, {'keeps freed memory' if self.keeps else f'unchanged: {self.reason}'}"


class _Process:
    """What this process was asked to do, and what it did."""

    asked = False
    device = ""
    made: Allocator | None = None


def keep_freed_memory_on_cpu() -> None:
    """Make glibc keep freed memory as soon as this process computes on a CPU. cvkit's own processes call this."""
    _Process.asked = True


def computing_on(device_type: str) -> None:
    """Note the type of the device that this process computes on, before it makes large tensors there."""
    _Process.device = device_type
    if _Process.asked and device_type == "cpu":
        keep_freed_memory()


def keep_freed_memory() -> Allocator:
    """Make glibc keep the memory that is freed in this process, which makes training on a CPU faster.

    The system then does not map and clear the memory of large tensors again in each step. The process uses a few per
    cent more memory, up to a quarter, and returns none of it before it ends. Results do not change. Processes that
    this one forks, such as those that load images, do the same. It cannot be undone. cvkit's commands do it if they
    compute on a CPU. From Python, call it before the first training.

    Nothing changes if the C library is not glibc, if another allocator is loaded in its place, if the environment
    already sets up glibc's (``GLIBC_TUNABLES`` or ``MALLOC_...``), or if ``CVKIT_KEEP_MEMORY`` is 0.

    Returns:
        The allocator. Its `keeps` is false if nothing changed, and `reason` says why.
    """
    if _Process.made is None:
        from .glibc import keep_freed_memory_of_glibc

        reason = _obstacle(os.environ)
        if not reason and not keep_freed_memory_of_glibc():
            reason = "mallopt refused the values"
        _Process.made = Allocator(_name(), not reason, reason)
    return _Process.made


def allocator() -> Allocator:
    """Return the allocator of this process, and what cvkit did to it."""
    if _Process.made is not None:
        return _Process.made
    reason = _obstacle(os.environ)
    if not reason and not _Process.asked:
        reason = "from Python, only cvkit.keep_freed_memory() changes it"
    elif not reason:
        reason = f"the device is {_Process.device}" if _Process.device else "nothing was computed on a CPU"
    return Allocator(_name(), keeps=False, reason=reason)


def _obstacle(environment: Mapping[str, str]) -> str:
    """Return why the allocator is left unchanged, or an empty text."""
    from .glibc import glibc_version

    if glibc_version() is None:
        return "cvkit changes only that of glibc"
    if _foreign() is not None:
        return "it is loaded in place of glibc's"
    given = environment.get(OFF, "1")
    if given != "1":
        return f"{OFF} is 0" if given == "0" else f"{OFF} is '{given}', but must be 0 or 1"
    if "glibc.malloc." in environment.get("GLIBC_TUNABLES", ""):
        return "GLIBC_TUNABLES is set"
    names = sorted(name for name in environment if name.startswith("MALLOC_"))
    return f"{names[0]} is set" if names else ""


def _name() -> str:
    from .glibc import glibc_version

    return _foreign() or glibc_version() or f"the C library of {sys.platform}"


def _foreign() -> str | None:
    """Return the file of the allocator that is loaded in place of the C library's, if one is."""
    from .glibc import file_of_malloc

    name = file_of_malloc()
    return None if name is None or name.startswith(_OF_THE_SYSTEM) else name
