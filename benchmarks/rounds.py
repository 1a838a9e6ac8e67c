"""Helpers of the benchmarks: a stopwatch that waits for the device, rounds of contestants, and a table of ratios."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping

import torch


class Stopwatch:
    """A context manager that measures the `seconds` between entry and exit, and waits for a GPU at both."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def now(self) -> float:
        """Return the time after the device has finished its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def __enter__(self) -> Stopwatch:
        self.start = self.now()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds = self.now() - self.start


def take_turns(
    contestants: Mapping[str, Callable[[], object]], rounds: int, device: torch.device
) -> dict[str, list[float]]:
    """Return the seconds of each contestant in each round; the order rotates, and a warm-up round is dropped."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    names = list(contestants)
    for turn in range(rounds + 1):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            with Stopwatch(device) as watch:
                contestants[name]()
            seconds[name].append(watch.seconds)
    return {name: values[1:] for name, values in seconds.items()}


def ratios(values: list[float], base: list[float]) -> tuple[float, float, float]:
    """Return the median, the smallest and the largest ratio of `values` to `base` over the rounds."""
    found = [value / other for value, other in zip(values, base, strict=True)]
    return statistics.median(found), min(found), max(found)


def report(values: dict[str, list[float]], unit: str, arguments: argparse.Namespace) -> None:
    """Print the median of each contestant, and the ratios to the first contestant over the rounds.

    `values` contains, for each contestant, one value in `unit` per round.
    """
    base, *_ = values
    print(
        f"width {arguments.width}, batch {arguments.batch_size}, {arguments.rounds} rounds of {arguments.steps} "
        f"steps, torch {torch.__version__}, {torch.get_num_threads()} threads"
    )
    print(f"{'':<14}{unit:>10}{f'of the {base}':>20}{'min':>8}{'max':>8}")
    for name, measured in values.items():
        median, least, greatest = ratios(measured, values[base])
        print(f"{name:<14}{statistics.median(measured):>10,.5g}{median:>20.3f}{least:>8.3f}{greatest:>8.3f}")
