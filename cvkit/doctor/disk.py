"""The checks of the disk that a run writes to, and of the memory that loading processes share."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .check import Check, megabytes_a_second, warned

_WRITTEN = 32 << 20  # bytes; about the size of a checkpoint of a small model
_SLOW = 20.0  # MB/s, at which a checkpoint of 100 MB takes 5 seconds
_LEAST_FREE = 1 << 30
_SHARED = Path("/dev/shm")  # noqa: S108  # only its free space is read
_LEAST_SHARED = 256 << 20  # containers have 64 MB unless they are given more


def disk(output: Path) -> Iterator[Check]:
    """Yield the free space of the folder for runs, and how fast it is written; nothing is left there."""
    folder = nearest_folder(output)
    free = shutil.disk_usage(folder).free
    place = f"'{output}': {free / 1e9:,.1f} GB free"
    try:
        speed = _write_speed(folder)
    except OSError as error:
        remedy = f"Runs cannot be written there; choose another --output, or change the permissions of '{folder}'"
        yield Check("disk", f"'{output}': {error.strerror}", remedy, "problem", {"free_bytes": free})
        return
    advice = []
    if free < _LEAST_FREE:
        advice.append("A run may fill the disk; remove files, or choose another --output")
    if speed < _SLOW:
        advice.append("Checkpoints will take long; choose an --output on a local disk")
    yield warned(
        "disk",
        f"{place}, written at {speed:,.0f} MB/s",
        ". ".join(advice),
        free_bytes=free,
        write_megabytes_per_second=round(speed, 1),
    )


def shared_memory(folder: Path = _SHARED) -> Iterator[Check]:
    """Yield the size of the memory through which loading processes pass batches, if the system has such a folder."""
    with suppress(OSError):
        free = shutil.disk_usage(folder).free
        little = "Batches may not fit; start the container with --shm-size=2g, or set train.workers: 0"
        advice = little if free < _LEAST_SHARED else ""
        yield warned("shared memory", f"{free / 1e9:,.2f} GB free in '{folder}'", advice, free_bytes=free)


def nearest_folder(path: Path) -> Path:
    """Return the nearest folder above `path`, or itself, that exists."""
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.is_dir())


def _write_speed(folder: Path) -> float:
    """Return the MB/s of writing a temporary file in `folder` until it is on the disk."""
    block = os.urandom(1 << 20)  # so that no file system compresses it
    with tempfile.TemporaryFile(dir=folder) as file:
        begun = time.perf_counter()
        for _ in range(_WRITTEN // len(block)):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
        return megabytes_a_second(_WRITTEN, begun)
