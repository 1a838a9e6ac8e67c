"""Carries out a job in several processes: starts them, passes on their lines, and ends them with this process.

A worker is a module that is run with ``python -m`` and calls `serve`. It reads its job from standard input, which
stays open until the process that started it ends. If that process is killed, the worker saves its step and ends.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from ..allocator import keep_freed_memory_on_cpu
from ..compiler_import import avoid_compiler_import
from .signals import NAMES, Interrupted, heard

_WARNING, _RESULT = "warning: ", "\x1fresult: "  # the second is nothing that a library prints
_POLL = 0.2  # seconds between two looks for signals


def run_workers(
    module: str,
    jobs: Sequence[Mapping[str, Any]],
    tell: Callable[[str], None],
    warn: Callable[[str], None],
    signals: Sequence[str] = NAMES,
    found: Callable[[Any], None] = lambda result: None,
) -> list[int]:
    """Run `module` in a process for each job, and return their exit codes.

    `tell` and `warn` are called with each line of a process, and `found` with each result that it wrote. A signal is
    passed on to the processes, which save their steps; then `Interrupted` is raised.
    """
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    received: list[int] = []
    workers: list[subprocess.Popen[bytes]] = []

    def passed_on(number: int) -> None:
        received.append(number)
        for worker in workers:
            if worker.poll() is None:
                worker.send_signal(number)

    with heard(passed_on, signals):
        try:
            for job in jobs:
                workers.append(_started(module, job, len(jobs)))
                _follow(workers[-1].stdout, lines)
            ended = 0
            while ended < len(workers):
                try:
                    line = lines.get(timeout=_POLL)
                except queue.Empty:
                    continue
                if line is None:
                    ended += 1
                elif line.startswith(_RESULT):
                    found(json.loads(line.removeprefix(_RESULT)))
                elif line.startswith(_WARNING):
                    warn(line.removeprefix(_WARNING))
                else:
                    tell(line)
            codes = [worker.wait() for worker in workers]
        finally:
            for worker in workers:
                if worker.stdin is not None:
                    worker.stdin.close()  # a worker that still runs, because this process failed, ends by itself
    if received:
        raise Interrupted(received[0])
    return codes


def _started(module: str, job: Mapping[str, Any], count: int) -> subprocess.Popen[bytes]:
    """Start a worker; it is in a session of its own, so that Ctrl-C reaches only the process that started it."""
    threads = str(max(1, (os.cpu_count() or 1) // count))
    worker = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"OMP_NUM_THREADS": threads, **os.environ},
        start_new_session=True,
    )
    assert worker.stdin is not None  # noqa: S101  # it is a pipe
    worker.stdin.write(json.dumps(job).encode() + b"\n")
    worker.stdin.flush()
    return worker


def _follow(output: IO[bytes] | None, lines: queue.SimpleQueue[str | None]) -> None:
    """Put each line of `output` into `lines`, and None at its end, in a thread."""

    def read() -> None:
        for line in output or ():
            lines.put(line.decode(errors="replace").rstrip("\r\n"))
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()


def serve(work: Callable[[dict[str, Any]], int]) -> None:
    """Carry out the job on standard input with `work`, which returns the exit code, in a worker process."""
    with os.fdopen(os.dup(0), "rb", buffering=0) as unbuffered:  # so that this file holds nothing of what follows
        job = json.loads(unbuffered.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    keep_freed_memory_on_cpu()
    avoid_compiler_import()
    try:
        code = work(job)
    except Interrupted as error:
        code = error.exit_code
    sys.stdout.flush()
    sys.exit(code)


def _end_with_parent() -> None:
    if not os.read(0, 1):  # the end of the input: the process that started this one has ended
        os.kill(os.getpid(), signal.SIGTERM)


def write_line(line: str) -> None:
    """Write a line of a worker process. A reader that is gone is ignored: the end of the input ends the worker."""
    try:
        sys.stdout.write(" ".join(line.splitlines()) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_warning(line: str) -> None:
    """Write a warning of a worker process."""
    write_line(_WARNING + line)


def write_result(value: object) -> None:
    """Write a result of a worker process, as JSON, for the process that started it."""
    write_line(_RESULT + json.dumps(value))
