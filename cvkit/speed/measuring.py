"""Measures a run's settings within a budget of time.

The order is from the most to the least important: the variants of the step, which take turns; compilation, which may
not end in time; the loader; batch sizes; and at last the loop and the evaluation of the recipe as it is and of the
fastest settings. What does not fit into the time is left out, and reported.
"""

from __future__ import annotations

import math
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import median

import torch

from ..data.free_memory import free_memory
from ..data.loading import Batch
from ..doctor.machine import usable_processors
from ..engine.parts import RunParts
from ..errors import CvkitError, RunError, one_line
from ..formatting import counted
from ..phases import phase
from ..recipe.settings import Precision
from ..resource_errors import Shortage, reporting_shortages, shortage_in
from ..seeding import preserved_randomness
from .budget import Budget, OutOfTimeError, can_interrupt, within
from .epochs import evaluation_seconds, loading_rate, must_decode, reads_files, training_rate, with_workers
from .measured import EpochTime, Measured, best_of, workers_of
from .steps import Steps, Timed, take_turns
from .variant import Variant, precisions

_FEW = 8  # images of the first trial of each precision
_HOPELESS = 4.0  # times as slow as fp32 on a few images, after which a precision is not measured
_ROUNDS = 4  # that each variant should have, one of which is not counted
_STEPS, _COMPILE, _LOADING, _SIZES, _EPOCHS = 0.25, 0.25, 0.12, 0.1, 0.12  # shares of the time; the last one twice
_COMPILER, _SLOWED = 20.0, 1.25  # most seconds of an interrupted compiler, and the factor by which it slows steps
_OF_FREE_MEMORY = 0.5  # that a larger batch may need
_FULL_DECODING = (
    "the loader: train.cache decodes every image before the first step, which takes too long; measure again after a "
    "run with cache: disk, or with --set train.cache=null"
)


def measure(parts: RunParts, budget: Budget, tell: Callable[[str], None]) -> Measured:
    """Return what can be measured of a run in the time of `budget`; `tell` gets a line before each part of it.

    The run is not changed. Raises `RunError` if the recipe as it is cannot be measured.
    """
    with preserved_randomness(), reporting_shortages("measuring the recipe as it is"):
        return _Measuring(parts, budget, tell).measured()


class _Measuring:
    def __init__(self, parts: RunParts, budget: Budget, tell: Callable[[str], None]) -> None:
        self.parts, self.budget, self.tell = parts, budget, tell
        self.steps, self.now = Steps(parts), Variant.of(parts.recipe.train)
        self.left_out: list[str] = []
        self.compile_seconds = 0.0
        self.memory_before = _largest_memory()

    def measured(self) -> Measured:
        parts, train = self.parts, self.parts.recipe.train
        with phase("trying each precision"):
            variants, an_image = self._variants()
            batch = self._batch(len(variants), an_image)
        compared = self._compared(variants, batch)
        best = best_of(compared, self.now)
        loading = self._loading(len(batch.labels))
        with phase("measuring batch sizes"):
            sizes = self._sizes(replace(best, compile=False), batch)
        workers = workers_of(loading, train.workers, compared[best].rate)
        same = (best, workers) == (self.now, train.workers)
        with self._part("measuring the loop and the evaluation"):
            now = self._epoch(self.now, train.workers, batch)
            fastest = now if same else self._epoch(best, workers, batch)
        return Measured(
            device=_name_of(parts.device),
            batch_size=train.batch_size,
            epochs=parts.planned_steps / parts.batching.steps,
            now=self.now,
            steps=compared,
            loading=loading,
            sizes=sizes,
            workers=train.workers,
            as_it_is=now,
            fastest=fastest,
            compile_seconds=self.compile_seconds,
            left_out=tuple(dict.fromkeys(self.left_out)),
        )

    @contextmanager
    def _part(self, name: str) -> Iterator[None]:
        """Report a part of the measurement, and show it while it takes."""
        self.tell(name)
        with phase(name):
            yield

    def _variants(self) -> tuple[list[Variant], float]:
        """Return the variants without compilation, the recipe's first, and the seconds of an image in fp32."""
        few = self.steps.batch(min(_FEW, self.parts.recipe.train.batch_size))
        in_fp32 = self._trial("fp32", few)
        usable: list[Precision] = []
        for precision, reason in precisions(self.parts.device):
            if not reason and precision == "fp16" and self.steps.has_closure:
                reason = "fp16 does not support an optimizer that computes the gradient several times in a step"
            if not reason and precision not in ("fp32", self.now.precision) and self.parts.device.type == "cpu":
                slower = self._trial(precision, few) / in_fp32
                reason = f"{precision} is {slower:.0f} times as slow as fp32 here" if slower > _HOPELESS else ""
            if reason:
                self.left_out.append(reason)
            else:
                usable.append(precision)
        first = replace(self.now, compile=False)
        found = [Variant(precision, order) for precision in usable for order in (False, True)]
        return [first, *(variant for variant in found if variant != first)], in_fp32 / len(few.labels)

    def _trial(self, precision: Precision, few: Batch) -> float:
        """Return the seconds of a step on a few images."""
        step = self.steps.of(Variant(precision, self.now.channels_last))
        return min([self.steps.seconds(step, few) for _ in range(3)][1:])

    def _batch(self, variants: int, an_image: float) -> Batch:
        """Return the batch on which the variants are compared, which is smaller than the recipe's if that is slow."""
        wanted = min(self.parts.recipe.train.batch_size, len(self.parts.train_source))
        fits = int(_STEPS * self.budget.seconds / (variants * _ROUNDS * an_image))
        size = min(wanted, max(fits, _FEW))
        if size < wanted:
            self.left_out.append(
                f"steps of {counted(wanted, 'image')}: they take too long, so steps have {size:,}; --minutes gives "
                "more time"
            )
        return self.steps.batch(size)

    def _compared(self, eager: list[Variant], batch: Batch) -> dict[Variant, Timed]:
        """Return the times of all variants; the fastest one is also compiled."""
        if self.now.compile:
            if reason := self._compiled(self.now, batch):
                raise RunError(f"train.compile: {reason}; use --set train.compile=false, or more --minutes")
            eager = [self.now, *eager]
        with self._part(
            f"measuring {counted(len(eager), 'variant')} of the step with {counted(len(batch.labels), 'image')}"
        ):
            found = take_turns(self.steps, eager, batch, self.now, self.budget.part(_STEPS))
        other = replace(best_of(found, self.now), compile=True)
        if other in found:
            return found
        if reason := self._compiled(other, batch):
            self.left_out.append(f"compiled: {reason}")
            self._wait_for_usual_steps(replace(other, compile=False), batch, found)
            return found
        with phase("measuring the compiled step"):
            pair = take_turns(self.steps, [self.now, other], batch, self.now, self.budget.part(_STEPS / len(eager)))
        return found | {other: pair[other]}

    def _compiled(self, variant: Variant, batch: Batch) -> str:
        """Compile a variant; return why not if it is impossible, or takes too long."""
        seconds = self.budget.part(_COMPILE).left
        if not can_interrupt():
            return "this system cannot end a compilation that takes long"
        begun = time.monotonic()
        try:
            with self._part(f"compiling the model, for at most {seconds:.0f} s"), within(seconds):
                self.steps.compile(variant, batch)
        except (CvkitError, OutOfTimeError) as error:
            late = time.monotonic() - begun >= seconds
            return f"it takes longer than {seconds:.0f} s" if late else one_line(error).partition("; set ")[0]
        self.compile_seconds = time.monotonic() - begun
        return ""

    def _wait_for_usual_steps(self, variant: Variant, batch: Batch, found: dict[Variant, Timed]) -> None:
        """Take steps until one takes about as long as before, for at most some seconds.

        The C++ compiler of a compilation that was interrupted is not ended, and uses the CPU until it has finished.
        """
        step, usual, end = self.steps.of(variant), median(found[variant].seconds), time.monotonic() + _COMPILER
        while self.steps.seconds(step, batch) > _SLOWED * usual:
            if time.monotonic() >= end:
                self.tell("steps are slower than before: other programs use this machine")
                break

    def _loading(self, size: int) -> dict[int, float]:
        """Return images/s of the loader by number of processes; nothing if images are in memory."""
        source, now = self.parts.train_source, self.parts.recipe.train.workers
        if not reads_files(source):
            return {}
        if must_decode(source):
            self.left_out.append(_FULL_DECODING)
            return {}
        counts = sorted({now, *(count for count in (0, 1, 2, 4, 8, 16) if count <= usable_processors())})
        found = {}
        with self._part(f"measuring the loader with {', '.join(map(str, counts))} processes"):
            for count in counts:
                budget = self.budget.part(_LOADING / len(counts))
                try:
                    found[count] = loading_rate(self.steps, with_workers(source, count), size, budget)
                except CvkitError as error:
                    if count == now:
                        raise
                    self.left_out.append(f"{counted(count, 'process')} of the loader: {one_line(error)}")
        return found

    def _sizes(self, variant: Variant, batch: Batch) -> dict[int, float]:
        """Return images/s of a step by batch size, as far as memory and time allow."""
        own, most = len(batch.labels), len(self.parts.train_source)
        if own < self.parts.recipe.train.batch_size:
            reason = "one of the recipe is larger than the data set" if own == most else "a step takes too long"
            self.left_out.append(f"batch sizes: {reason}")
            return {}
        step, budget = self.steps.of(variant), self.budget.part(_SIZES)
        self.tell("measuring batch sizes")
        batches, seconds = dict[int, Batch](), dict[int, float]()
        for size in (own, *(other for other in (own // 2, 2 * own, 4 * own) if 2 <= other <= most)):
            reason = "" if self._has_room(size / own) else "the memory may not suffice"
            if seconds and 4 * seconds[own] * size / own > budget.left:
                reason = reason or "it takes too long"
            try:
                if not reason:
                    batches[size] = self.steps.batch(size)
                    seconds[size] = self.steps.seconds(step, batches[size])
            except Exception as error:
                if shortage_in(error) is not Shortage.MEMORY:
                    raise
                batches.pop(size, None)
                reason = "the memory does not suffice"
            if reason:
                self.left_out.append(f"batches of {counted(size, 'image')}: {reason}")
        seconds = dict.fromkeys(batches, math.inf)  # the first step of each is not counted
        for turn in range(_ROUNDS):
            if turn and not budget.left:
                break
            for size, each in batches.items():  # the fastest of some that alternate: other programs only slow it down
                seconds[size] = min(seconds[size], self.steps.seconds(step, each))
        return {size: size / seconds[size] for size in sorted(seconds)}

    def _has_room(self, factor: float) -> bool:
        """Whether a batch `factor` times as large as the measured one fits into the memory of a CPU's machine.

        A GPU reports that it does not; a machine without memory ends the process.
        """
        if factor <= 1 or self.parts.device.type == "cuda":
            return True
        free, used = free_memory(), _largest_memory() - self.memory_before
        return free is not None and (factor - 1) * used <= _OF_FREE_MEMORY * free

    def _epoch(self, variant: Variant, workers: int, batch: Batch) -> EpochTime:
        """Return the seconds of an epoch, by what they are spent on."""
        parts, steps, size = self.parts, self.steps, len(batch.labels)
        step, images = steps.of(variant), parts.batching.used
        a_step = median(steps.seconds(step, batch) for _ in range(3)) / size
        augmented = median(steps.augmentation_seconds(step, batch) for _ in range(3)) / size
        an_image = a_step
        if must_decode(parts.train_source):
            self.left_out.append(_FULL_DECODING)
        else:
            source = with_workers(parts.train_source, workers)
            an_image = 1 / training_rate(steps, step, source, size, self.budget.part(_EPOCHS / 2))
        waited = max(0.0, an_image - a_step)
        if any(must_decode(parts.sources[half]) for half in parts.evaluated):
            evaluation = a_step / 3 * sum(len(parts.sources[half]) for half in parts.evaluated)
            self.left_out.append("the evaluation: a third of a step is assumed, because train.cache is not filled")
        else:
            evaluation = evaluation_seconds(steps, step, workers, a_step / 3, self.budget.part(_EPOCHS / 2))
        model = max(0.0, a_step - augmented)
        return EpochTime(images * model, images * augmented, images * waited, evaluation)


def _largest_memory() -> int:
    """Return the largest memory that this process has used, in bytes; 0 if the system does not report it."""
    try:
        import resource  # not on Windows
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _name_of(device: torch.device) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return f"{device} ({name}, {counted(torch.get_num_threads(), 'thread')})"
