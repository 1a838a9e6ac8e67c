"""What benchmarks of steps share: a stopwatch that waits for the device, and a table of ratios, round by round."""

from __future__ import annotations

import argparse
import statistics
import time

import torch


class Stopwatch:
    """Measures the `seconds` between entry and exit, waiting for a GPU at both."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def now(self) -> float:
        """Return the time once the device has done what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def __enter__(self) -> Stopwatch:
        self.start = self.now()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds = self.now() - self.start


def report(values: dict[str, list[float]], unit: str, arguments: argparse.Namespace) -> None:
    """Print each contestant's median, and its ratio to the first one's, round by round.

    `values`: by contestant, one figure a round, of `unit`.
    """
    base, *_ = values
    print(
        f"width {arguments.width}, batch {arguments.batch_size}, {arguments.rounds} rounds of {arguments.steps} "
        f"steps, torch {torch.__version__}, {torch.get_num_threads()} threads"
    )
    print(f"{'':<14}{unit:>10}{f'of the {base}':>20}{'min':>8}{'max':>8}")
    for name, measured in values.items():
        ratios = [value / other for value, other in zip(measured, values[base], strict=True)]
        print(
            f"{name:<14}{statistics.median(measured):>10,.5g}{statistics.median(ratios):>20.3f}"
            f"{min(ratios):>8.3f}{max(ratios):>8.3f}"
        )
