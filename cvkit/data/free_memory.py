"""How much memory a process can still use, within the limit of its container."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_GROUP = Path("/sys/fs/cgroup")


def free_memory(system: Path = Path("/proc/meminfo"), group: Path = _GROUP) -> int | None:
    """Return the free memory in bytes, or None if it is unknown.

    Args:
        system: Linux's file about the memory.
        group: The folder of the process's control group, version 2, whose limit may be lower.
    """
    with suppress(OSError, ValueError, StopIteration):
        lines = system.read_text().splitlines()
        free = 1024 * int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1])
        with suppress(OSError, ValueError):  # the content is "max" without a limit
            limit = int((group / "memory.max").read_text())
            used = int((group / "memory.current").read_text())
            kept = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
            free = min(free, limit - used + int(kept.get("inactive_file", 0)))  # contents of files, which it drops
        return max(0, free)
    return None
