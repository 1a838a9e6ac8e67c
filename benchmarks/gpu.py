"""Run all measurements that require a GPU within a given time, the most important first.

    python benchmarks/gpu.py --minutes 8 --out figures
    python benchmarks/gpu.py --minutes 1 --out figures --device cpu       tests the script without a GPU

Each figure is printed and written to ``figures.md`` and ``figures.jsonl`` in the output folder as soon as it is
known. Each part runs in its own process, which is killed at the end of its share of the time. Time that a part does
not use goes to the later parts; the last part, further seeds of the full recipe, uses the rest. If a part fails, its
traceback is written to ``failures.txt`` and the next part starts. On a CPU, all sizes are small and only show that
the script works.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import gpu_commands
import gpu_compared
import gpu_loop
import gpu_processes
import gpu_training
import torch
from bench import Bench
from journal import Journal

GRACE = 2.0  # seconds between the deadline of a part, which the part checks itself, and the end of its process

PARTS: dict[str, tuple[float, Callable[[Bench], None]]] = {
    "machine": (1, gpu_compared.machine),
    "gpu tests": (8, gpu_commands.gpu_tests),
    "shapes": (7, gpu_commands.shapes),
    "cifar10": (24, gpu_training.cifar10),
    "speedrun": (6, gpu_training.speedrun),
    "CPU against GPU": (4, gpu_compared.agreement),
    "loop": (11, gpu_loop.loop),
    "waits": (2, gpu_loop.waits),
    "evaluation": (2, gpu_loop.evaluation),
    "range test and Grad-CAM": (6, gpu_compared.costs),
    "kill and resume": (7, gpu_commands.kill_and_resume),
    "one process by torchrun": (5, gpu_processes.one_process),
    "doctor": (4, gpu_processes.doctor),
    "speed": (6, gpu_processes.speed),
    "peers": (18, gpu_processes.peers),
    "further seeds": (4, gpu_training.cifar10),
}
"""The parts in their order, each with its weight; a part may use its share of the remaining time by weight."""


def main() -> None:
    """Run every part in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, required=True, help="total time")
    parser.add_argument("--out", type=Path, required=True, help="folder for the figures; created if it is missing")
    parser.add_argument("--device", default="auto", help="device, as in train.device of a recipe")
    parser.add_argument("--only", action="append", choices=PARTS, default=[], help="part to run; can be repeated")
    arguments = parser.parse_args()

    end = time.monotonic() + 60 * arguments.minutes
    out = arguments.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    Journal(out, "").begin(heading(arguments.minutes, arguments.device))
    waiting = {name: PARTS[name] for name in arguments.only or PARTS}
    while waiting:
        left = end - time.monotonic() - GRACE
        share = left / sum(weight for weight, _ in waiting.values())
        name = next(iter(waiting))
        weight, part = waiting.pop(name)
        journal = Journal(out, name)
        if left <= 0:
            journal.figure("whole part", "skipped", "no time was left")
        else:
            in_a_process(part, Bench(journal, arguments.device, time.monotonic() + weight * share))
    print(f"\n{(out / 'figures.md').read_text(encoding='utf-8')}\nin {out}", flush=True)


def heading(minutes: float, device: str) -> str:
    """Return the command, the time, the commit and the versions of machine and software."""
    commit = run_quietly("git", "rev-parse", "--short", "HEAD") or "no git"
    gpus = run_quietly("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader") or "no nvidia-smi"
    return (
        f"`python benchmarks/gpu.py --minutes {minutes:g} --device {device}`, {time.strftime('%Y-%m-%d %H:%M %Z')}, "
        f"commit {commit}, {gpus}, {os.cpu_count()} CPU cores, Python {platform.python_version()}, "
        f"torch {torch.__version__}."
    )


def run_quietly(*command: str) -> str:
    """Return the output of a command, or an empty string if it fails."""
    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    return ""


def in_a_process(part: Callable[[Bench], None], bench: Bench) -> None:
    """Run a part in a fork of this process, which has loaded torch but not used the GPU; kill it at its deadline."""
    started = time.monotonic()
    process = multiprocessing.get_context("fork").Process(target=alone, args=(part, bench))
    process.start()
    try:
        process.join(max(0.0, bench.left()) + GRACE)
    finally:
        with suppress(ProcessLookupError):  # also kills the workers and commands in its process group
            os.killpg(process.pid or 0, signal.SIGKILL)
        process.join()
    took = time.monotonic() - started
    if process.exitcode:
        late = bench.left() <= 0
        reason = "its time had run out" if late else f"exit status {process.exitcode}"
        bench.journal.figure("whole part", "stopped" if late else "FAILED", f"after {took:.0f} s: {reason}")
    else:
        print(f"[{bench.journal.part}] {took:.0f} s", flush=True)


def alone(part: Callable[[Bench], None], bench: Bench) -> None:
    """Run a part as the leader of its own process group."""
    os.setsid()
    with bench.journal.attempt("whole part"):
        part(bench)


if __name__ == "__main__":
    main()
