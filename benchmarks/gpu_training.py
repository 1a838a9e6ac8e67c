"""The parts of `gpu.py` that train a recipe to its end, as often as time permits."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from itertools import count

import torch
from bench import RECIPES, Bench
from journal import Skipped

from cvkit import DataError, EpochRecord
from cvkit.runs.data_folder import data_folder

FULL, SPEEDRUN = "cifar10_resnet.yaml", "cifar10_speedrun.yaml"


def cifar10(bench: Bench) -> None:
    """Train ``cifar10_resnet.yaml`` with as many seeds as time permits, alternately in half precision and in fp32.

    Trainings of an earlier part are reused.
    """
    train_seeds(bench, FULL, (half_precision(bench), "fp32"), 20)


def speedrun(bench: Bench) -> None:
    """Train ``cifar10_speedrun.yaml`` in half precision with as many seeds as time permits."""
    if not (RECIPES / SPEEDRUN).is_file():
        raise Skipped(f"recipes/{SPEEDRUN} is missing in this version")
    train_seeds(bench, SPEEDRUN, (half_precision(bench),), 10)


def half_precision(bench: Bench) -> str:
    """Return the half precision of a GPU; raise `Skipped` on a CPU."""
    if bench.small:
        raise Skipped("complete trainings take up to several hours on a CPU")
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def train_seeds(bench: Bench, name: str, precisions: Sequence[str], seconds: float) -> None:
    """Train a recipe with seeds 0, 1, ... until the time is over; `seconds` is a guess of what the first takes."""
    done = {(entry["seed"], entry["precision"]) for entry in trained(bench, name)}
    for seed, precision in trainings(precisions):
        if (seed, precision) in done:
            continue
        needed = [entry["took"] for entry in trained(bench, name) if entry["precision"] == precision]
        if bench.left() < 1.1 * max(needed, default=seconds):
            break
        train(bench, name, seed, precision)
        sum_up(bench, name, precision)


def trainings(precisions: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield a seed and a precision for each training, without end: seed 0 in each precision, then seed 1, ..."""
    for seed in count():
        for precision in precisions:
            yield seed, precision


def train(bench: Bench, name: str, seed: int, precision: str) -> None:
    """Train once to the end, and record each epoch and the result."""
    settings = (f"seed={seed}", f"train.precision={precision}", "tuners=[]", "explainers=[]")
    recipe = bench.recipe(name, *settings)
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
            what = f"{name}, {precision}, seed {seed}, epoch {event.epoch}"
            bench.journal.figure(what, event.test_accuracy, told, shown=False)
    took = time.monotonic() - started
    seconds = statistics.median(record.seconds for record in records)
    training = sum(record.seconds for record in records)
    bench.journal.figure(
        f"{name}, test accuracy, {precision}, seed {seed}",
        records[-1].test_accuracy,
        f"{views_of(records[-1])}{len(records)} epochs, {seconds:.2f} s per epoch (median), {training:.1f} s of "
        f"training, {records[-1].images_per_second:,.0f} images/s, {took:.0f} s with evaluation",
        recipe=name,
        seed=seed,
        precision=precision,
        took=took,
        seconds=training,
    )


def views_of(record: EpochRecord) -> str:
    """Return the accuracy over several views of each image, if the recipe has them."""
    return "" if record.accuracy_tta is None else f"{record.accuracy_tta:.4f} with {record.tta}; "


def sum_up(bench: Bench, name: str, precision: str) -> None:
    """Record the mean and the standard deviation over the seeds so far."""
    entries = [entry for entry in trained(bench, name) if entry["precision"] == precision]
    values = [entry["value"] for entry in entries]
    spread = f"standard deviation {statistics.stdev(values):.4f}" if len(values) > 1 else "no spread with one seed"
    bench.journal.figure(
        f"{name}, mean test accuracy, {precision}",
        statistics.fmean(values),
        f"{len(values)} seeds, {min(values):.4f} to {max(values):.4f}, {spread}; "
        f"{statistics.fmean(entry['seconds'] for entry in entries):.2f} s of training",
    )


def trained(bench: Bench, name: str) -> list[dict[str, object]]:
    """Return the journal entries of the trainings of a recipe so far."""
    return [entry for entry in bench.journal.entries() if entry.get("recipe") == name]
