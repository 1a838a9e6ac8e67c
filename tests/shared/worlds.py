"""Several processes that train together, as ``torchrun`` starts them, forked from the one that runs the tests."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from forks import Command, ended, fork
from torch.distributed import TCPStore

from cvkit.cli import main
from cvkit.world.world import World


def variables(rank: int, size: int, port: int) -> dict[str, str]:
    """Return the variables that ``torchrun`` sets for a process."""
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def free_port() -> int:
    """Return a port that no process listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def codes_of(size: int, work: Callable[[World], Any]) -> list[int]:
    """Do `work` in each of `size` processes, and return their exit codes."""
    port = free_port()

    def process(rank: int) -> None:
        os.environ.update(variables(rank, size, port))
        world = World.join()
        with world.ending_together():
            work(world)

    return [ended(child) for child in [fork(lambda rank=rank: process(rank)) for rank in range(size)]]


def together(size: int, work: Callable[[World], Any]) -> list[Any]:
    """Return what `work` returns in each of `size` processes, none of which may fail."""
    if size == 1:
        return [work(World())]
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder, str(rank)) for rank in range(size)]
        assert codes_of(size, lambda world: places[world.rank].write_bytes(pickle.dumps(work(world)))) == [0] * size
        return [pickle.loads(place.read_bytes()) for place in places]


class Commands:
    """`cvkit` with the same arguments in several processes, as ``torchrun`` starts it."""

    def __init__(self, size: int, *arguments: object, cwd: Path) -> None:
        port = free_port()
        self._store = fork(lambda: serve(port))

        def program(rank: int) -> None:
            os.environ.update(variables(rank, size, port))
            os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "True"
            main()

        self.each = [Command(*arguments, cwd=cwd, program=lambda rank=rank: program(rank)) for rank in range(size)]

    def finish(self) -> list[subprocess.CompletedProcess[str]]:
        """Return the exit code and the output of each process."""
        done = [command.finish() for command in self.each]
        os.kill(self._store, signal.SIGKILL)
        ended(self._store)
        return done


def serve(port: int) -> None:
    """Hold the store through which processes meet, which with ``torchrun`` outlives them."""
    store = TCPStore("127.0.0.1", port, is_master=True, wait_for_workers=False)
    signal.pause()
    del store
