"""Kill runs of 1 to 4 processes 40 times, continue them, and compare them with uninterrupted runs.

    python benchmarks/kills.py             up to ten minutes on two cores
    python benchmarks/kills.py --write     into docs/results.md

The runs and the comparisons are those of ``tests/stress/kills_of_many.py``: any of the processes, or all of them, are
ended by SIGKILL at a random time or after a random step, and the run is continued until it has finished. Each process
writes which images its network gets in each step.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # as torchrun does; before torch is imported
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "shared"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "stress"))

import unrendered
from kills_of_many import DEADLINE, KilledRun, rounds
from machine import Load, described
from section import write_section
from warming import warm_up

Done = dict[str, list[tuple[KilledRun, list[str]]]]


def main() -> None:
    """Kill, continue, compare, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40, help="number of kills")
    parser.add_argument("--seed", type=int, default=15, help="seed of the times and of the processes that are killed")
    parser.add_argument("--write", action="store_true", help="write the table into docs/results.md")
    arguments = parser.parse_args()
    os.environ["CVKIT_DEADLINE"] = DEADLINE
    load, begun = Load(), time.monotonic()
    done: Done = {}
    with tempfile.TemporaryDirectory() as folder, unrendered.figures():
        warm_up(Path(folder))
        for title, run, faults in rounds(Path(folder), arguments.kills, arguments.seed):
            done.setdefault(title, []).append((run, faults))
            told = f"{title}: killed {run.kills}, continued in {run.sizes}: {faults or 'as promised'}"
            print(told, file=sys.stderr, flush=True)
    text = table(arguments, done, time.monotonic() - begun, load)
    print(text)
    if arguments.write:
        write_section("kills", text)


def table(arguments: argparse.Namespace, done: Done, seconds: float, load: Load) -> str:
    """Return the table, with a row for each number of processes and one for all."""
    every = [each for found in done.values() for each in found]
    rows = [row(title, found) for title, found in sorted(done.items())]
    faults = [f"- {title}: {fault}" for title, found in done.items() for _, faults in found for fault in faults]
    command = f"python benchmarks/kills.py --kills {arguments.kills} --seed {arguments.seed}"
    return "\n".join(
        [
            f"{described(command, load)} It took {seconds:,.0f} s.",
            "",
            "| processes | runs | kills | of all processes | of some, with the first | of others | as promised |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *rows,
            row("in all", every),
            *(["", *faults] if faults else []),
        ]
    )


def row(title: str, found: list[tuple[KilledRun, list[str]]]) -> str:
    """Return the row of some runs."""
    kills = [kill for run, _ in found for kill in run.kills]
    whole = sum(len(ranks) == size for size, ranks in kills)
    first = sum(0 in ranks and len(ranks) < size for size, ranks in kills)
    right = sum(not faults for _, faults in found)
    cells = (len(found), len(kills), whole, first, len(kills) - whole - first, f"{right} of {len(found)} runs")
    return f"| {title} | {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    main()
