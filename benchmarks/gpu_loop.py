"""Parts of `gpu.py` about the loop and the evaluation: their time, and how often they wait for the device."""

from __future__ import annotations

import argparse
import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

import throughput
import torch
from bench import Bench
from rounds import ratios, take_turns
from torch.profiler import ProfilerActivity, profile

from cvkit import EpochRecord, Step
from cvkit.data.loading import Reading
from cvkit.engine.evaluator import Evaluator

WAITS = ("cudaDeviceSynchronize", "cudaStreamSynchronize", "cudaEventSynchronize", "aten::_local_scalar_dense")
"""Calls for which the CPU waits for the device; the last one reads a number of a tensor."""
LOOP_BOUND = 1 / 0.97
"""Largest time of the loop, relative to the bare step, on a GPU."""


def loop(bench: Bench) -> None:
    """Record the time of the training loop relative to bare steps, in each precision, and compiled in one of them."""
    half = ("bf16", "fp16") if bench.device.type == "cuda" else ("bf16",)
    cases = [(precision, False) for precision in (*half[:1], "fp32", *half[1:])] + [(half[0], True)]
    for precision, compile in cases:
        what = f"loop / bare step, {precision}, {'compiled' if compile else 'eager'}"
        if bench.left() < (40 if compile else 5 if bench.small else 12):  # seconds that it takes
            bench.journal.figure(what, "skipped", "no time was left")
            continue
        with bench.journal.attempt(what):
            settings = [f"train.precision={precision}", f"train.compile={str(compile).lower()}"]
            compare_loop(bench, what, settings)


def compare_loop(bench: Bench, what: str, settings: list[str]) -> None:
    """Record the time of the loop relative to the bare step, and the images/s of both."""
    arguments, data, steps = task(bench, *settings)
    rounds = 3 if bench.small else 9
    contestants: dict[str, Callable[[], object]] = {
        "bare step": throughput.bare_step(throughput.build(arguments, data), steps),
        "loop": throughput.cvkit_loop(throughput.build(arguments, data), steps),
    }
    seconds = take_turns(contestants, rounds, bench.device)
    rates = {name: steps * arguments.batch_size / statistics.median(of) for name, of in seconds.items()}
    told = (
        f"width {arguments.width}, batch {arguments.batch_size}, {rounds} rounds of {steps} steps; images/s: "
        + ", ".join(f"{name} {rate:,.0f}" for name, rate in rates.items())
    )
    bound = None if bench.small else LOOP_BOUND
    note_ratio(bench, what, seconds["loop"], seconds["bare step"], told, bound)


def task(bench: Bench, *settings: str) -> tuple[argparse.Namespace, throughput.Splits, int]:
    """Return the arguments of `throughput`, images for four rounds of steps, and the number of steps of a round."""
    size = {"width": 2, "batch_size": 32} if bench.small else {"width": 64, "batch_size": 512}
    steps = 2 if bench.small else 20
    overrides = [f"train.device={bench.asked}", "train.epochs=100", *settings]
    data = throughput.random_data(size["batch_size"] * 4 * steps)
    return argparse.Namespace(**size, overrides=overrides), data, steps


def waits(bench: Bench) -> None:
    """Record how often steps of the loop wait for the device, and what the end of an epoch costs.

    On a CPU the loop reads the loss of each step, because nothing has to be waited for there.
    """
    arguments, data, steps = task(bench)
    events = throughput.build(arguments, data).fit()
    per_epoch = 4 * steps
    for _ in islice(events, per_epoch + 1 + steps):  # an epoch, its record, and the first steps of the next one
        pass
    activities = [ProfilerActivity.CPU, *[ProfilerActivity.CUDA] * (bench.device.type == "cuda")]
    with profile(activities=activities) as profiled:
        taken = sum(isinstance(event, Step) for event in islice(events, steps))
    counts = Counter(event.name for event in profiled.events() if event.name in WAITS)
    told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none of the calls that wait"
    bench.journal.figure("waits for the device per step", sum(counts.values()) / taken, f"{taken} steps; {told}")
    with bench.journal.attempt("end of an epoch"):
        note_end_of_epoch(bench, events, per_epoch)


def note_end_of_epoch(bench: Bench, events: Iterator[object], per_epoch: int) -> None:
    """Record the seconds from the last step of an epoch to the first step of the next one, without the evaluation."""
    from rounds import Stopwatch

    for event in events:
        if isinstance(event, Step) and event.ends_epoch:
            break
    with Stopwatch(bench.device) as whole:
        record = next(events)
        next(events)
    with Stopwatch(bench.device) as steps:
        taken = sum(1 for _ in islice(events, per_epoch // 2))
    assert isinstance(record, EpochRecord)
    a_step = steps.seconds / taken
    told = f"with the evaluation of 10 images and one step; a step takes {1000 * a_step:.2f} ms"
    bench.journal.figure("end of an epoch, in steps", whole.seconds / a_step, told)


def evaluation(bench: Bench) -> None:
    """Record the time of an evaluation relative to bare forward passes over the same images."""
    arguments, _, _ = task(bench)
    count, size = (64, 32) if bench.small else (10_000, 500)
    images = throughput.random_data(count)
    splits = throughput.Splits(images.train, images.train, images.info)
    arguments.overrides.append(f"evaluation.batch_size={size}")
    trainer = throughput.build(arguments, splits)
    parts = trainer.parts
    source = parts.sources["test"]
    batches = [
        parts.preprocessor.for_evaluation(each.images) for each in source.batches(Reading(torch.arange(count), size))
    ]
    forward = trainer.train_step.forward

    @torch.no_grad()
    def bare() -> None:
        parts.model.eval()
        for batch in batches:
            with forward.autocast():
                forward.call(batch)

    contestants: dict[str, Callable[[], object]] = {
        "forward": bare,
        "evaluation": lambda: Evaluator(parts, forward).predict("test"),
    }
    seconds = take_turns(contestants, 3 if bench.small else 9, bench.device)
    told = f"{count:,} images, {count / statistics.median(seconds['evaluation']):,.0f} images/s"
    note_ratio(bench, "evaluation / forward passes", seconds["evaluation"], seconds["forward"], told)


def note_ratio(
    bench: Bench, what: str, seconds: list[float], base: list[float], details: str, bound: float | None = None
) -> None:
    """Record the median, smallest and largest ratio of two contestants' seconds over the rounds, and a bound."""
    median, least, greatest = ratios(seconds, base)
    held = "" if bound is None else f"; bound {bound:.3g}: {'met' if median <= bound else 'NOT MET'}"
    bench.journal.figure(what, median, f"{least:.2f} to {greatest:.2f}{held}; {details}")
