"""The line about the machine above a table of results."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from cvkit.formatting import counted


class Load:
    """The load averages of the machine while something is measured: how many tasks other programs have as well."""

    def __init__(self) -> None:
        self.seen: list[float] = []
        self.note()

    def note(self) -> None:
        """Note the load average of the last minute."""
        self.seen.append(os.getloadavg()[0])

    def __str__(self) -> str:
        self.note()
        return f"load average {min(self.seen):.1f} to {max(self.seen):.1f}"


def described(command: str, load: Load, device: str = "cpu", packages: Iterable[str] = ()) -> str:
    """Return a sentence with the command, the date, the machine, the versions and the load."""
    libc = " ".join(platform.libc_ver()).strip() or platform.system()
    place = torch.cuda.get_device_name() if device == "cuda" else _processor()
    known = ", ".join(f"{name} {version_of(name)}" for name in ("torch", *packages))
    return (
        f"`{command}`, {date.today()}, {place}, {counted(os.cpu_count() or 1, 'core')}, "
        f"{counted(torch.get_num_threads(), 'thread')}, {libc}, Python {platform.python_version()}, {known}; {load}."
    )


def version_of(distribution: str) -> str:
    """Return the version of a distribution, or ``not installed``."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """Return the name of the processor as Linux reports it, or its type."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
