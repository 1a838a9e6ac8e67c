"""Compare the time of the learning-rate range test with the same number of plain training steps in one process.

    python benchmarks/range_test.py                       the network of the small ResNet at width 8, batch 128
    python benchmarks/range_test.py --width 16 --batch-size 512 --steps 20

In each round, three contestants take the same number of optimizer steps on the same data:

    plain steps   `train_steps` of the engine with an existing train step, as in the training of a run
    sweep         `run_sweep`: create a trial, take a step at each rate, and check every loss
    range test    `lr_range_test` with one order: the sweep and the rates of all rules

The rates are so low that no sweep ends early. The benchmark prints the median over the rounds of the ratio to the
plain steps, so changes in the speed of the machine do not favour any contestant. Images are random bytes.
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

RECIPE = Path(__file__).parent.parent / "recipes" / "cifar10_resnet_small.yaml"
LOW, HIGH = 1e-7, 1e-6


def main() -> None:
    """Run the benchmark and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=8, help="width of the network")
    parser.add_argument("--batch-size", type=int, default=128, help="images per step")
    parser.add_argument("--steps", type=int, default=40, help="optimizer steps per round, at least 20")
    parser.add_argument("--rounds", type=int, default=9, help="number of rounds")
    parser.add_argument(
        "--set", dest="overrides", action="append", default=[], help="recipe override, as in cvkit run"
    )
    arguments = parser.parse_args()

    overrides = [f"model.width={arguments.width}", f"train.batch_size={arguments.batch_size}", *arguments.overrides]
    recipe = resolve(read(RECIPE, overrides), discover())
    run = build_parts(recipe, random_data(arguments.batch_size * arguments.steps))
    report(take_turns(contestants(run, arguments.steps), arguments.rounds, run.device), "seconds", arguments)


def contestants(run: RunParts, steps: int) -> dict[str, Callable[[], object]]:
    """Return the three functions that take `steps` optimizer steps, by name."""
    rates = np.geomspace(LOW, HIGH, steps)
    return {
        "plain steps": plain_steps(run, steps),
        "sweep": lambda: run_sweep(run, rates),
        "range test": lambda: lr_range_test(run, start_lr=LOW, end_lr=HIGH, steps=steps, orders=1),
    }


def plain_steps(run: RunParts, steps: int) -> Callable[[], None]:
    """Return a function that takes the first `steps` optimizer steps of an epoch without reading from the device."""
    with run.trial("plain steps") as trial:
        train_step = trial._step  # uses the weights of a trial, so that those of the run stay the same for the sweeps

    def train() -> None:
        parts = (train_step, run.train_source, run.batching, run.sampling)
        taken = train_steps(*parts, run.recipe.seed, 0, planned=run.planned_steps)
        for _ in islice(taken, steps):
            pass

    return train


if __name__ == "__main__":
    main()
