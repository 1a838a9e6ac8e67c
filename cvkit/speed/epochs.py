"""Times what surrounds the steps: loading images, the loop of training, and evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, count, islice

import torch

from ..data.holdout import some_of
from ..data.loading import BatchSource, DataLoaderSource, Reading
from ..engine.evaluator import Evaluator
from ..engine.loop import evaluate, train_steps
from ..engine.step import TrainStep
from ..engine.views import views_of
from .budget import Budget
from .steps import Steps

_MOST = 50  # batches or steps that are counted


def reads_files(source: BatchSource) -> bool:
    """Whether images are loaded while the model trains, and not from the memory of the device."""
    return isinstance(source, DataLoaderSource)


def must_decode(source: BatchSource) -> bool:
    """Whether ``train.cache`` decodes every image before the first batch, which takes longer than measuring may."""
    return isinstance(source, DataLoaderSource) and source.cached is not None and not source.cached.filled()


def with_workers(source: BatchSource, workers: int) -> BatchSource:
    """Return the images of `source` with processes of their own, as many as `workers`."""
    return source.separate(workers) if isinstance(source, DataLoaderSource) else source


def loading_rate(steps: Steps, source: BatchSource, size: int, budget: Budget) -> float:
    """Return the training images that `source` gives per second if nobody trains on them."""
    beginning = steps.parts.beginning
    order = torch.arange(len(source) - len(source) % size)
    with source.kept_open():
        epochs = (source.batches(Reading(order, size, progress=lambda _: beginning)) for _ in count())
        # Several processes send their batches at the same time, so as many are counted that this does not decide.
        workers = _workers_of(source)
        return _rate(steps, chain.from_iterable(epochs), size, budget, skipped=2 * workers, least=3 * max(1, workers))


def training_rate(steps: Steps, step: TrainStep, source: BatchSource, size: int, budget: Budget) -> float:
    """Return the images per second of the loop of `cvkit run`, with loading, order and augmentation."""
    parts = steps.parts
    batching = replace(parts.batching, batch_size=size, accumulate=1, drop_last=True)

    def an_epoch(epoch: int) -> Iterator[object]:
        order = (parts.sampling, parts.recipe.seed, epoch)
        planned = parts.planned_steps
        return train_steps(step, source, batching, *order, purpose="speed", planned=planned, another=True)

    with source.kept_open():
        skipped = min(2 * _workers_of(source), 4)  # batches that were loaded while processes started
        return _rate(steps, chain.from_iterable(map(an_epoch, count())), size, budget, skipped=skipped, least=2)


def evaluation_seconds(steps: Steps, step: TrainStep, workers: int, an_image: float, budget: Budget) -> float:
    """Return the seconds of the evaluations after an epoch, from some of the images.

    `an_image` is a guess of the seconds for an image, by which their number is chosen.
    """
    parts = steps.parts
    passes = 1 + len(views_of(parts.recipe.evaluation, last=False)) + (parts.ema is not None)
    total = 0.0
    for half in parts.evaluated:
        source = with_workers(parts.sources[half], workers)
        size = Evaluator(parts).batch_size
        number = max(1, min(len(source), 4 * size, int(budget.part(0.3).left / max(an_image, 1e-9))))
        chosen = some_of(source, number, parts.recipe.seed)
        with source.kept_open():
            evaluate(step.forward, some_of(source, min(8, number), 0), size)  # starts the processes
            seconds = steps.timed(lambda: evaluate(step.forward, chosen, size))  # noqa: B023  # it is called at once
        total += passes * seconds * len(source) / len(chosen)
    return total


def _workers_of(source: BatchSource) -> int:
    return source.workers if isinstance(source, DataLoaderSource) else 0


def _rate(steps: Steps, made: Iterator[object], size: int, budget: Budget, *, skipped: int, least: int) -> float:
    """Return images per second of an endless iterator over batches of `size`, until the time is over.

    The first one, and then `skipped`, are not counted; at least `least` are counted, even if the time is over.
    """
    for _ in islice(made, 1 + skipped):
        pass
    counted = 0

    def consume() -> None:
        nonlocal counted
        for _ in islice(made, max(_MOST, least)):
            counted += 1
            if counted >= least and not budget.left:
                break

    seconds = steps.timed(consume)
    return counted * size / seconds
