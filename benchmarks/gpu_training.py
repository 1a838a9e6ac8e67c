"""The part of `gpu.py` that trains the full recipe to its end, as often as time permits."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from itertools import count

import torch
from bench import Bench
from journal import Skipped

from cvkit import DataError, EpochRecord
from cvkit.runs.data_folder import data_folder

KIND = "cifar10 trained"


def cifar10(bench: Bench) -> None:
    """Train ``cifar10_resnet.yaml`` with as many seeds as time permits, alternately in half precision and in fp32.

    Trainings of an earlier part are reused.
    """
    if bench.small:
        raise Skipped("24 epochs take several hours on a CPU")
    half = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    done = {(entry["seed"], entry["precision"]) for entry in trained(bench)}
    for seed, precision in trainings((half, "fp32")):
        if (seed, precision) in done:
            continue
        needed = [entry["took"] for entry in trained(bench) if entry["precision"] == precision]
        if bench.left() < 1.1 * max(needed, default=20):
            break
        train(bench, seed, precision)
        sum_up(bench, precision)


def trainings(precisions: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield a seed and a precision for each training, without end: seed 0 in each precision, then seed 1, ..."""
    for seed in count():
        for precision in precisions:
            yield seed, precision


def train(bench: Bench, seed: int, precision: str) -> None:
    """Train once to the end, and record each epoch and the result."""
    settings = (f"seed={seed}", f"train.precision={precision}", "tuners=[]", "explainers=[]")
    recipe = bench.recipe("cifar10_resnet.yaml", *settings)
    try:
        splits = recipe.dataset.build(data_folder(None))
    except DataError as error:
        raise Skipped(f"CIFAR-10 is not available: {error}") from error
    started = time.monotonic()
    records = []
    for event in bench.run(recipe, splits).fit():
        if isinstance(event, EpochRecord):
            records.append(event)
            told = (
                f"train loss {event.train_loss:.3f}, {event.seconds:.2f} s, {event.images_per_second:,.0f} images/s"
            )
            what = f"{precision}, seed {seed}, epoch {event.epoch}"
            bench.journal.figure(what, event.test_accuracy, told, shown=False)
    took = time.monotonic() - started
    seconds = statistics.median(record.seconds for record in records)
    bench.journal.figure(
        f"test accuracy, {precision}, seed {seed}",
        records[-1].test_accuracy,
        f"{len(records)} epochs, {seconds:.2f} s per epoch (median), {records[-1].images_per_second:,.0f} images/s, "
        f"{took:.0f} s with evaluation",
        kind=KIND,
        seed=seed,
        precision=precision,
        took=took,
        seconds=seconds,
    )


def sum_up(bench: Bench, precision: str) -> None:
    """Record the mean and the standard deviation over the seeds so far."""
    entries = [entry for entry in trained(bench) if entry["precision"] == precision]
    values = [entry["value"] for entry in entries]
    spread = f"standard deviation {statistics.stdev(values):.4f}" if len(values) > 1 else "no spread with one seed"
    bench.journal.figure(
        f"mean test accuracy, {precision}",
        statistics.fmean(values),
        f"{len(values)} seeds, {min(values):.4f} to {max(values):.4f}, {spread}; "
        f"{statistics.fmean(entry['seconds'] for entry in entries):.2f} s per epoch",
    )


def trained(bench: Bench) -> list[dict[str, object]]:
    """Return the journal entries of the trainings so far."""
    return [entry for entry in bench.journal.entries() if entry.get("kind") == KIND]
