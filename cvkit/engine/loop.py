"""The training steps of an epoch, and an evaluation. This module neither prints nor saves anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor

from ..data.loading import Batch, BatchSource, Reading
from ..errors import CvkitError
from ..phases import phase
from ..recipe.settings import View
from ..seeding import derive, seed_everything
from ..step_progress import Progress, during
from ..world.world import World
from .compressed import Compressed
from .device import tried_kernels
from .eval_mode import eval_mode
from .forward import ForwardPass
from .gathering import of_all_processes
from .predictions import Predictions, predictions_of
from .progress import Taken
from .sampling import Sampling
from .step import TrainStep
from .views import view


@dataclass(frozen=True)
class EpochBatches:
    """The division of an epoch's samples into steps.

    Attributes:
        samples: Samples in the training set.
        batch_size: Samples in a batch.
        accumulate: Batches in an optimizer step.
        drop_last: Whether to skip a last batch that is smaller than the others.
    """

    samples: int
    batch_size: int
    accumulate: int = 1
    drop_last: bool = True

    @property
    def used(self) -> int:
        """The number of samples that an epoch uses."""
        return self.samples - self.samples % self.batch_size if self.drop_last else self.samples

    @property
    def steps(self) -> int:
        """The number of optimizer steps in an epoch."""
        return -(-self.used // (self.batch_size * self.accumulate))

    def samples_in(self, step: int) -> int:
        """Return the number of samples in optimizer step `step` (from 0) of an epoch; the last may have fewer."""
        size = self.batch_size * self.accumulate
        return min(size, self.used - step * size)


def train_steps(
    train_step: TrainStep,
    source: BatchSource,
    batching: EpochBatches,
    sampling: Sampling,
    seed: int,
    epoch: int,
    first: int = 0,
    purpose: str = "train",
    *,
    planned: int,
    compressed: Compressed | None = None,
    another: bool = False,
) -> Iterator[Taken]:
    """Take the optimizer steps of an epoch from step `first` on; yield the measurements of each.

    Order, augmentation and dropout are functions of (purpose, seed, epoch, step). So an epoch that is resumed midway
    continues exactly as it would have without the interruption. `planned` steps are taken in the run, so that parts
    can ask for their progress. A `compressed` trial has the progress of the run that it represents. Each of several
    processes takes its rows of each batch. If `another` epoch follows, processes that load images begin with it
    before the last step is yielded.
    """
    forward = train_step.forward
    forward.model.train()
    forward.loss.train()

    def progress_at(epoch: int, step: int) -> Progress:
        if compressed is not None:
            return compressed.progress(epoch * batching.steps + step)
        return Progress.of(epoch, step, batching.steps, planned)

    def reading_of(epoch: int, first: int = 0) -> Reading:
        return Reading(
            sampling.order(derive(f"{purpose} order", seed, epoch))[: batching.used],
            batching.batch_size,
            derive(f"{purpose} samples", seed, epoch),
            first * batching.batch_size * batching.accumulate,
            lambda batch: progress_at(epoch, batch // batching.accumulate),
            train_step.replicas.world.share,
        )

    reading = reading_of(epoch, first)
    batches = source.batches(reading)
    if sampling.soft_labels is not None:
        chunks = reading.order[reading.first :].split(batching.batch_size)
        orders = (chosen[reading.share.rows] for chosen in chunks)
        batches = _with_soft_labels(batches, sampling.soft_labels, orders)
    for step in range(first, batching.steps):
        seed_everything(f"{purpose} step", seed, epoch, step)
        now = progress_at(epoch, step)
        frozen = epoch if compressed is None else now.epoch
        with tried_kernels(forward.device), train_step.freezing.during(frozen), during(now):
            taken = train_step.take(islice(batches, batching.accumulate), batching.samples_in(step))
        if another and step == batching.steps - 1:
            with suppress(CvkitError):  # the next epoch fails in the same way, after this one is recorded
                source.prefetch(reading_of(epoch + 1))
        yield taken


def _with_soft_labels(batches: Iterator[Batch], soft: Tensor, orders: Iterable[Tensor]) -> Iterator[Batch]:
    """Yield batches with the soft labels of their images; `orders` has the images of each."""
    for batch, chosen in zip(batches, orders, strict=True):
        yield replace(batch, soft=soft[chosen].to(batch.labels.device, non_blocking=True))


def begin_evaluating(source: BatchSource, batch_size: int, world: World) -> None:
    """Let idle processes load the first images of the next `evaluate` with these arguments."""
    if own := _own_chunks(source, batch_size, world):
        source.prefetch(Reading(torch.cat(own), batch_size))


def _own_chunks(source: BatchSource, batch_size: int, world: World) -> list[Tensor]:
    """Return the images of each batch that this process evaluates."""
    return [*torch.arange(len(source)).split(batch_size)][world.share.rows]


@torch.no_grad()
def evaluate(
    forward: ForwardPass,
    source: BatchSource,
    batch_size: int,
    views: Sequence[View] = ("identity",),
    world: World | None = None,
) -> Predictions:
    """Return the predictions for every image of `source`, in its order, in evaluation mode.

    The logits are the mean over the `views` of each image; other views than the image itself are test-time
    augmentation, and whoever shows the result must label it with them. The modes of model and loss are restored
    afterwards. Each process of `world` evaluates whole batches, because the last bits of a logit may depend on the
    size of its batch. All of them return all predictions.
    """
    logits, labels, losses = [], [], []
    world = world or World()
    own = _own_chunks(source, batch_size, world)
    with (
        phase("evaluating", sum(map(len, own))) as evaluating,
        eval_mode(forward.model, forward.loss),
        tried_kernels(forward.preprocessor.device),
    ):
        for batch in source.batches(Reading(torch.cat(own), batch_size)) if own else ():
            evaluating.advance(len(batch.labels))
            inputs = forward.preprocessor.for_evaluation(batch.images)
            with forward.autocast():
                output = forward.logits_of(view(inputs, views[0]))
                for name in views[1:]:
                    output = output + forward.logits_of(view(inputs, name))
                output = output / len(views) if len(views) > 1 else output
            logits.append(output.float())
            labels.append(batch.labels)
            losses.append(forward.loss_of(logits[-1], batch.labels) * len(batch.labels))
    made = predictions_of(forward.preprocessor.task)
    if world.size > 1:
        sizes = [len(chunk) for chunk in torch.arange(len(source)).split(batch_size)]
        logits, labels = (of_all_processes(world, each, sizes) for each in (logits, labels))
        found = of_all_processes(world, [loss.view(1) for loss in losses], [1] * len(sizes))
        losses = [loss[0].to(forward.device) for loss in found]
    return made(torch.cat(logits).cpu(), torch.cat(labels).cpu(), float(torch.stack(losses).sum()) / len(source))
