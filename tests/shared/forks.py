"""Work in children forked from this process, which has loaded torch: a process of its own takes seconds to do so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import torch

from cvkit.cli import main

PATIENCE = 300
"""Seconds after which a child that still runs is ended by SIGALRM."""


def fork(work: Callable[[], object]) -> int:
    """Do `work` in a child process, and return its number; it ends with 0, its own exit code, or 1 after an error."""
    sys.stdout.flush()  # or the child would write it too
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        code: object = 1
        try:
            os.setsid()  # its loaders' workers are killed with it
            signal.alarm(PATIENCE)
            torch.set_num_threads(1)
            work()
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code if isinstance(code, int) else 1)
    return child


def ended(child: int) -> int:
    """Wait for a child and return its exit code, negative for a signal."""
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def in_a_fork(work: Callable[[], object], kill_after: float | None = None) -> int:
    """Do `work` in a child process, killed after so many seconds, and return its exit code, negative for a signal."""
    child = fork(work)
    if kill_after is not None:
        time.sleep(kill_after)
        try:
            os.killpg(child, signal.SIGKILL)
        except ProcessLookupError:
            os.kill(child, signal.SIGKILL)
    return ended(child)


class Command:
    """`cvkit` with arguments in a child process, with pipes, signals and an exit code as if it were a fresh one.

    Unlike a fresh one it has modules that are loaded already, and Python's warnings are shown as pytest does. Another
    `program` can take the place of `cvkit`; it reads its arguments from `sys.argv`.
    """

    def __init__(self, *arguments: object, cwd: Path, program: Callable[[], object] = main) -> None:
        self._program = program
        reading, writing = os.pipe()
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  # `finish` closes both
        self.pid = fork(lambda: (os.close(reading), self._carry_out([*map(str, arguments)], cwd, writing)))
        os.close(writing)
        self.stdout = open(reading, encoding="utf-8")  # noqa: SIM115

    def _carry_out(self, words: list[str], cwd: Path, writing: int) -> None:
        for number, place in enumerate((os.open(os.devnull, os.O_RDONLY), writing, self._errors.fileno())):
            os.dup2(place, number)
        sys.stdin, sys.stdout, sys.stderr = map(os.fdopen, (0, 1, 2), "rww")
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has its background ignore it
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.chdir(cwd)
        os.environ["OMP_NUM_THREADS"] = "1"
        sys.argv = ["cvkit", *words]
        self._program()

    def finish(self) -> subprocess.CompletedProcess[str]:
        """Return its exit code, and what it wrote that was not read before."""
        out = "" if self.stdout.closed else self.stdout.read()
        self.stdout.close()
        code = ended(self.pid)
        with self._errors:
            self._errors.seek(0)
            return subprocess.CompletedProcess([], code, out, self._errors.read())
