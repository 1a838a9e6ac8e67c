"""Everything that only a GPU can tell, the most important first, within a time that is given.

    python benchmarks/gpu.py --minutes 8 --out figures
    python benchmarks/gpu.py --minutes 1 --out figures --device cpu       tries the script where there is no GPU

Each figure is printed, and written to ``figures.md`` and ``figures.jsonl`` in the folder, the moment it is known.
Each part is a process of its own that is ended when its share of the time is over. The time that one leaves goes to
those after it, and the last, further seeds of the full recipe, takes what is left. What fails is noted, with its
traceback in ``failures.txt``, and the next part goes on. On a CPU everything is small, and only shows that the script
works.
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
import gpu_training
import torch
from bench import Bench
from journal import Journal

GRACE = 2.0  # seconds between a part's deadline, which it minds itself, and its end

PARTS: dict[str, tuple[float, Callable[[Bench], None]]] = {
    "machine": (1, gpu_compared.machine),
    "gpu tests": (8, gpu_commands.gpu_tests),
    "shapes": (7, gpu_commands.shapes),
    "cifar10": (24, gpu_training.cifar10),
    "CPU against GPU": (4, gpu_compared.agreement),
    "loop": (9, gpu_compared.loop),
    "range test and Grad-CAM": (6, gpu_compared.costs),
    "kill and resume": (7, gpu_commands.kill_and_resume),
    "further seeds": (4, gpu_training.cifar10),
}
"""In order, with the share of the time that is left which each may take beside those after it."""


def main() -> None:
    """Measure every part in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for the figures, made where it is missing")
    parser.add_argument("--device", default="auto", help="as train.device in a recipe")
    parser.add_argument("--only", action="append", choices=PARTS, default=[], help="repeatable")
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
    """Return what was run, when and on what."""
    commit = run_quietly("git", "rev-parse", "--short", "HEAD") or "no git"
    gpus = run_quietly("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader") or "no nvidia-smi"
    return (
        f"`python benchmarks/gpu.py --minutes {minutes:g} --device {device}`, {time.strftime('%Y-%m-%d %H:%M %Z')}, "
        f"commit {commit}, {gpus}, {os.cpu_count()} CPU cores, Python {platform.python_version()}, "
        f"torch {torch.__version__}."
    )


def run_quietly(*command: str) -> str:
    """Return what a command prints, or an empty text where it cannot be run."""
    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    return ""


def in_a_process(part: Callable[[Bench], None], bench: Bench) -> None:
    """Do a part in a fork of this process, which has torch loaded and no GPU touched, and end it at its deadline."""
    started = time.monotonic()
    process = multiprocessing.get_context("fork").Process(target=alone, args=(part, bench))
    process.start()
    try:
        process.join(max(0.0, bench.left()) + GRACE)
    finally:
        with suppress(ProcessLookupError):  # its workers and commands too, which belong to its group
            os.killpg(process.pid or 0, signal.SIGKILL)
        process.join()
    took = time.monotonic() - started
    if process.exitcode:
        late = bench.left() <= 0
        reason = "its time was over" if late else f"exit status {process.exitcode}"
        bench.journal.figure("whole part", "stopped" if late else "FAILED", f"after {took:.0f} s: {reason}")
    else:
        print(f"[{bench.journal.part}] {took:.0f} s", flush=True)


def alone(part: Callable[[Bench], None], bench: Bench) -> None:
    """Do a part as the leader of a group of processes."""
    os.setsid()
    with bench.journal.attempt("whole part"):
        part(bench)


if __name__ == "__main__":
    main()
