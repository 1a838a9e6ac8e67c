"""The checks of software, devices, processors and memory."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import torch

from ..allocator import OFF, keep_freed_memory
from ..data.free_memory import free_memory
from ..engine.device import choose_device
from ..errors import DeviceError
from ..formatting import counted
from ..glibc import glibc_version, maps_large_blocks
from ..host.catalog import Catalog
from .check import Check, warned

_CPU_TOPOLOGY = Path("/sys/devices/system/cpu")
_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_LEAST_MEMORY = 2 << 30  # bytes, below which a run with torch and two workers may not fit


def versions() -> Iterator[Check]:
    """Yield the versions of cvkit, torch, Python and the system."""
    own = {"cvkit": version("cvkit-core"), "torch": torch.__version__, "python": platform.python_version()}
    found = f"cvkit {own['cvkit']}, torch {own['torch']}, Python {own['python']}, {platform.platform()}"
    yield Check("versions", found, values={**own, "platform": platform.platform()})


def plugins(catalog: Catalog) -> Iterator[Check]:
    """Yield which plugins work, and a line for each that does not."""
    working = [status for status in catalog.statuses if status.works]
    names = {status.origin.plugin: str(status.origin) for status in working}
    yield Check("plugins", f"{counted(len(working), 'plugin')}: {', '.join(names)}", values=names)
    for status in catalog.statuses:
        if not status.works and not status.failure:  # disabled, or without something that it requires
            yield Check("plugins", f"'{status.origin.plugin}' is not used: {status.reason}")
    for status in catalog.failures:
        plugin = status.origin.plugin
        yield warned("plugins", f"'{plugin}' {status.reason}", f"cvkit plugins --why {plugin} says more")


def devices() -> Iterator[Check]:
    """Yield the processor, each CUDA GPU, and what torch was built for."""
    fast = {
        "AVX-512": torch.backends.cpu.get_cpu_capability().startswith("AVX512"),
        "AVX512-BF16": _supports("_is_avx512_bf16_supported"),
        "AMX": _supports("_is_amx_tile_supported"),
    }
    has = ", ".join(name for name, there in fast.items() if there) or "none of AVX-512, AVX512-BF16, AMX"
    slow = "" if fast["AVX512-BF16"] or fast["AMX"] else "; bf16 is not computed by the hardware"
    yield Check("processor", f"{_processor()}: {has}{slow}", values={"name": _processor(), **fast})
    built = torch.version.cuda or torch.version.hip
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    for number in range(count):
        yield _gpu(number)
    if not count:
        advice = ""
        if shutil.which("nvidia-smi") and not built:
            advice = "There is an NVIDIA driver, but this torch computes only on the CPU; install torch for CUDA"
        elif shutil.which("nvidia-smi"):
            advice = f"torch was built for CUDA {built}, but finds no GPU; compare it with what nvidia-smi prints"
        mps = torch.backends.mps.is_available()
        found = "Apple's GPU (mps)" if mps else "no CUDA GPU: runs use the CPU"
        yield warned("gpu", found, advice, cuda=built, mps=mps, count=0)


def _gpu(number: int) -> Check:
    properties = torch.cuda.get_device_properties(number)
    free, total = torch.cuda.mem_get_info(number)
    values = {
        "name": properties.name,
        "capability": f"{properties.major}.{properties.minor}",
        "free_bytes": free,
        "total_bytes": total,
        "bf16": torch.cuda.is_bf16_supported(including_emulation=False),
        "nccl": torch.distributed.is_available() and torch.distributed.is_nccl_available(),
    }
    found = f"cuda:{number} {properties.name}, {free / 2**30:.1f} of {total / 2**30:.1f} GB free, "
    found += f"{'with' if values['bf16'] else 'without'} bf16, {'with' if values['nccl'] else 'without'} NCCL"
    try:
        choose_device(f"cuda:{number}", "fp32")
    except DeviceError as error:
        return Check("gpu", found, str(error), "problem", values)
    return Check("gpu", found, values=values)


def allocator() -> Iterator[Check]:
    """Yield whether commands that compute on this CPU keep freed memory."""
    kept = keep_freed_memory()
    mapped = None if glibc_version() is None else maps_large_blocks()
    advice = ""
    if kept.reason.startswith(OFF):
        advice = f"Steps on a CPU are slower; remove {OFF}"
    elif not kept.keeps and mapped:
        advice = "glibc takes the memory of large tensors from the system each time, which makes CPU steps slower"
    yield warned("allocator", str(kept), advice, allocator=kept.name, keeps=kept.keeps, maps_large_blocks=mapped)


def processors() -> Iterator[Check]:
    """Yield torch's threads, the cores that this process may use, and how busy they are."""
    threads, usable, physical = torch.get_num_threads(), usable_processors(), physical_cores()
    quota = cpu_quota()
    room = min(usable, quota or usable)
    found = f"{counted(threads, 'thread')} of torch, {counted(physical or usable, 'core')}"
    found += f" ({counted(usable, 'processor')})" if physical not in (None, usable) else ""
    found += f", of which the container may use {quota:g}" if quota is not None and quota < usable else ""
    load, advice = load_average(), []
    if threads > room:
        advice.append(f"More threads than cores disturb each other; set OMP_NUM_THREADS={max(1, int(room))}")
    elif threads < (physical or usable) / 2 and "OMP_NUM_THREADS" in os.environ:
        advice.append(f"OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']} leaves cores unused; remove it")
    if busy := busy_line():
        advice.append(busy)
    yield warned(
        "cores",
        found,
        ". ".join(advice),
        threads=threads,
        processors=usable,
        physical_cores=physical,
        container_quota=quota,
        load=load,
        interop_threads=torch.get_num_interop_threads(),
    )


def memory() -> Iterator[Check]:
    """Yield the free memory."""
    free = free_memory()
    if free is None:
        yield Check("memory", "unknown on this system", values={"free_bytes": None})
        return
    few = "A run may not fit; close other programs" if free < _LEAST_MEMORY else ""
    yield warned("memory", f"{free / 2**30:.1f} GB free", few, free_bytes=free)


def load_average() -> float | None:
    """Return how many programs used or awaited a core in the last minute, or None if the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def busy_line() -> str:
    """Return that other programs use the cores, or an empty text if there are enough for all."""
    load = load_average()
    if load is None or load <= usable_processors():
        return ""
    return f"Other programs use the cores (load {load:.1f}), so every speed measured here is too low"


def usable_processors() -> int:
    """Return the number of processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def physical_cores(topology: Path = _CPU_TOPOLOGY) -> int | None:
    """Return the number of physical cores among them, or None if the system does not report it."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = set()
    for number in affinity(0) if affinity else ():
        with suppress(OSError):
            cores.add((topology / f"cpu{number}" / "topology" / "thread_siblings_list").read_text())
    return len(cores) or None


def cpu_quota(file: Path = _CPU_QUOTA) -> float | None:
    """Return how many processors the container may use at once, or None without a limit."""
    with suppress(OSError, ValueError):
        used, period = file.read_text().split()
        return int(used) / int(period)  # "max" is no number: without a limit
    return None


def _supports(name: str) -> bool:
    """Whether torch says that the processor has an instruction; false if this torch does not say."""
    asked = getattr(torch.cpu, name, None)
    return bool(asked and asked())


def _processor() -> str:
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line for line in lines if line.startswith("model name")).partition(":")[2].strip()
    return platform.processor() or platform.machine()
