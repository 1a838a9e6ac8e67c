"""The check of two processes that add a tensor over gloo, as training on several devices does.

The processes are new ones, run with ``python -m`` and given a deadline: an all-reduce that cannot connect waits.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from .check import Check

DEADLINE = 120.0
"""Seconds that the two processes have, including the imports of torch."""

_WORLD = 2
_ELEMENTS = 1 << 20  # float32: 4 MB, about as many weights as a small model has
_TIMES = 5


def all_reduce(deadline: float = DEADLINE) -> Iterator[Check]:
    """Yield how long two processes take to add 4 MB, or why they could not."""
    backends = _backends()
    has = ", ".join(name for name, there in backends.items() if there) or "none"
    if not backends.get("gloo"):
        advice = "This torch trains only in one process; install one with torch.distributed to use several"
        yield Check("all-reduce", f"not tried; backends: {has}", advice, "warning", {"backends": backends})
        return
    with tempfile.TemporaryDirectory(prefix="cvkit-doctor-") as folder:
        seconds, failure = _tried(Path(folder) / "store", deadline)
    if seconds is None:
        advice = f"Training in several processes will not work here, one process does: {failure}"
        yield Check("all-reduce", f"failed; backends: {has}", advice, "warning", {"backends": backends})
        return
    found = f"{_WORLD} processes add 4 MB over gloo in {1000 * seconds:.1f} ms; backends: {has}"
    yield Check("all-reduce", found, values={"backends": backends, "seconds": round(seconds, 6)})


def _backends() -> dict[str, bool]:
    if not dist.is_available():
        return {}
    return {"gloo": dist.is_gloo_available(), "nccl": dist.is_nccl_available(), "mpi": dist.is_mpi_available()}


def _tried(store: Path, deadline: float) -> tuple[float | None, str]:
    """Return the seconds of an all-reduce, or None and why it failed; no process is left."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", __name__, str(store), str(rank), str(deadline)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        for rank in range(_WORLD)
    ]
    end = time.monotonic() + deadline
    try:
        for worker in workers:
            out, err = worker.communicate(timeout=max(0.1, end - time.monotonic()))
            if worker.returncode:
                lines = err.decode(errors="replace").strip().splitlines()
                return None, lines[-1] if lines else f"a process ended with {worker.returncode}"
        result: dict[str, float] = json.loads(out.decode().splitlines()[-1])
        return result["seconds"], ""
    except subprocess.TimeoutExpired:
        return None, (
            f"it took longer than {deadline:g} seconds. A firewall or a host name that does not resolve may be the "
            "cause; GLOO_SOCKET_IFNAME names the network interface to use"
        )
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.kill()
            worker.communicate()


def take_part(store: str, rank: int, deadline: float) -> float:
    """Add tensors together with the other process; return the seconds of one all-reduce."""
    dist.init_process_group(
        "gloo",
        init_method=f"file://{store}",
        rank=rank,
        world_size=_WORLD,
        timeout=timedelta(seconds=deadline),
    )
    try:
        ones = torch.full((_ELEMENTS,), float(rank))
        dist.all_reduce(ones)
        if not bool((ones == sum(range(_WORLD))).all()):
            raise RuntimeError("the all-reduce returned a wrong sum")
        begun = time.perf_counter()
        for _ in range(_TIMES):
            dist.all_reduce(ones)
        return (time.perf_counter() - begun) / _TIMES
    finally:
        dist.destroy_process_group()


if __name__ == "__main__":
    taken = take_part(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
    sys.stdout.write(json.dumps({"seconds": taken}) + "\n")
