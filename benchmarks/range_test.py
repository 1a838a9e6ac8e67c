"""What the range test costs beside as many plain training steps, taking turns in one process.

    python benchmarks/range_test.py                       the quick recipe's network at width 8, batch 128
    python benchmarks/range_test.py --width 16 --batch-size 512 --steps 20

Three contestants take the same number of optimizer steps on the same data, round by round:

    plain steps   `train_steps` of the engine on a learner that is made already: what a run's training does
    sweep         `run_sweep`: a trial is made, takes a step at each rate, reads and judges every loss
    range test    `lr_range_test` with one order: the sweep and what all rules make of it

The rates are so low that no sweep ends early. The medians of each round's ratios to the plain steps are printed, so
that a machine whose speed drifts or that others share does not favour anyone. Images are random bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
from rounds import report, take_turns
from throughput import random_data

from cvkit import RunParts, build_parts, discover
from cvkit.engine.loop import train_steps
from cvkit.recipe import read, resolve
from cvkit_onecycle.range_test import lr_range_test
from cvkit_onecycle.sweep import run_sweep

RECIPE = Path(__file__).parent.parent / "recipes" / "cifar10_quick.yaml"
LOW, HIGH = 1e-7, 1e-6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=40, help="optimizer steps a round, at least 20")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--set", dest="overrides", action="append", default=[], help="recipe override, as in cvkit run"
    )
    arguments = parser.parse_args()

    overrides = [f"model.width={arguments.width}", f"train.batch_size={arguments.batch_size}", *arguments.overrides]
    recipe = resolve(read(RECIPE, overrides), discover())
    run = build_parts(recipe, random_data(arguments.batch_size * arguments.steps))
    report(take_turns(contestants(run, arguments.steps), arguments.rounds, run.device), "seconds", arguments)


def contestants(run: RunParts, steps: int) -> dict[str, Callable[[], object]]:
    """Return what takes `steps` optimizer steps, by name."""
    rates = np.geomspace(LOW, HIGH, steps)
    return {
        "plain steps": plain_steps(run, steps),
        "sweep": lambda: run_sweep(run, rates),
        "range test": lambda: lr_range_test(run, start_lr=LOW, end_lr=HIGH, steps=steps, orders=1),
    }


def plain_steps(run: RunParts, steps: int) -> Callable[[], None]:
    """Take the first `steps` optimizer steps of an epoch, nothing read from the device."""
    with run.trial("plain steps") as trial:
        train_step = trial._step  # a trial's, so that the run's own weights stay those the sweeps begin with

    def train() -> None:
        for _ in islice(train_steps(train_step, run.train_source, run.batching, run.recipe.seed, 0), steps):
            pass

    return train


if __name__ == "__main__":
    main()
