"""One training of `peers.py`, in a process of its own: ``python peer_process.py NAME OPTIONS``.

It prints its measurements as the last line. `OPTIONS` are the settings of a `Task` in JSON. With ``--weights FILE``
it also saves the trained weights. With ``--kept`` it keeps freed memory, and OpenMP spins for a shorter time, as in
cvkit's commands.
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer_task import Clock, Task

CLOCKS: list[Clock] = []


def clock_of(task: Task) -> Clock:
    """Return the clock of this process, which begins with the first network."""
    import peer_process  # the module, not the program, of which there is another copy
    from peer_task import Clock

    if not peer_process.CLOCKS:
        peer_process.CLOCKS.append(Clock(task))
    return peer_process.CLOCKS[0]


def main() -> None:
    """Train, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="name of a trainer")
    parser.add_argument("options", type=json.loads, help="settings of a Task in JSON")
    parser.add_argument("--kept", action="store_true", help="keep freed memory")
    parser.add_argument("--weights", help="file for the trained weights")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.name == "cvkit":
        import peer_cvkit

        peer_cvkit.run(arguments.options)
    if arguments.kept:
        import cvkit

        os.environ["GOMP_SPINCOUNT"] = "10000"
        cvkit.keep_freed_memory()
    from peer_task import Task

    task = Task(**arguments.options)
    clock = clock_of(task)
    if arguments.name != "cvkit":
        from peer_trainers import TRAINERS

        TRAINERS[arguments.name][1](task, clock)
    if arguments.weights is not None:
        import torch

        assert clock.model is not None
        torch.save([weight.detach().cpu() for weight in clock.model.state_dict().values()], arguments.weights)
    print(json.dumps(clock.measured()))


if __name__ == "__main__":
    main()
