"""All checks of the machine, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from ..host.catalog import Catalog
from ..phases import phase
from .all_reduce import all_reduce
from .check import Check, guarded
from .disk import disk, shared_memory
from .loading import decoding
from .machine import allocator, devices, memory, plugins, processors, versions


def examine(catalog: Catalog, output: Path) -> Iterator[Check]:
    """Yield the result of each check as soon as it is known; `output` is the folder for runs."""
    checks: dict[str, Callable[[], Iterator[Check]]] = {
        "versions": versions,
        "plugins": partial(plugins, catalog),
        "devices": devices,
        "cores": processors,
        "allocator": allocator,
        "memory": memory,
        "shared memory": shared_memory,
        "disk": partial(disk, output),
        "decoding": decoding,
        "all-reduce": all_reduce,
    }
    for name, check in checks.items():
        with phase(f"checking {name}"):
            found = [*guarded(name, check)]
        yield from found
