"""Compare the images per second of cvkit's training loop, of a bare step and of a plain loop in one process.

    python benchmarks/throughput.py                 the network of the small ResNet (width 16, batch 512)
    python benchmarks/throughput.py --width 64      the network of the full recipe (a few minutes on a CPU)

Three contestants train the same network with the same optimizer and batch size:

    bare step   forward, backward and update on one batch in memory: an upper limit for every loop
    cvkit       the loop of `cvkit run`: `Trainer.fit` with crop, flip and cutout, metrics and schedule
    plain loop  a DataLoader with torchvision transforms that work on one PIL image at a time

In each round, the contestants run one after another. The benchmark reports the median ratio over the rounds, so
changes in the speed of the machine do not favour any contestant. The workers of the plain loop run only during its
own turn, and its first steps, which use prefetched batches, are not counted. Images are random bytes, because the
benchmark measures only time.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import torch
from rounds import Stopwatch, report
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from cvkit import DataInfo, Splits, Step, TensorSplit, Trainer, build_parts, discover
from cvkit.data.loading import Reading
from cvkit.engine.step import TrainStep
from cvkit.recipe import read, resolve

RECIPE = Path(__file__).parent.parent / "recipes" / "cifar10_resnet_small.yaml"
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


def main() -> None:
    """Run the benchmark and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=16, help="width of the network")
    parser.add_argument("--batch-size", type=int, default=512, help="images per step")
    parser.add_argument("--steps", type=int, default=4, help="optimizer steps per round")
    parser.add_argument("--rounds", type=int, default=9, help="number of rounds")
    parser.add_argument("--workers", type=int, default=2, help="worker processes of the plain loop's DataLoader")
    parser.add_argument(
        "--set", dest="overrides", action="append", default=[], help="recipe override, as in cvkit run"
    )
    arguments = parser.parse_args()

    enough = max(arguments.steps * (arguments.rounds + 1), arguments.steps + 2 * arguments.workers)
    data = random_data(arguments.batch_size * enough)
    contestants: dict[str, Callable[[], float]] = {
        "bare step": bare_step(build(arguments, data), arguments.steps),
        "cvkit": cvkit_loop(build(arguments, data), arguments.steps),
        "plain loop": plain_loop(build(arguments, data), arguments.steps, arguments.workers),
    }
    for train in contestants.values():
        train()  # warm-up
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(arguments.rounds):
        for name, train in contestants.items():
            rates[name].append(arguments.steps * arguments.batch_size / train())
    report(rates, "images/s", arguments)


def build(arguments: argparse.Namespace, data: Splits) -> Trainer:
    """Return a trainer for the small ResNet and `data`."""
    overrides = [f"model.width={arguments.width}", f"train.batch_size={arguments.batch_size}", *arguments.overrides]
    recipe = resolve(read(RECIPE, overrides), discover())
    return Trainer(build_parts(recipe, data))


def random_data(size: int) -> Splits:
    """Return splits with `size` random training images."""
    images = torch.randint(0, 256, (size, 3, 32, 32), dtype=torch.uint8)
    split = TensorSplit(images, torch.arange(size) % 10)
    info = DataInfo(3, 32, 32, tuple("0123456789"), MEAN, STD)
    return Splits(split, TensorSplit(images[:10], split.labels[:10]), info)


def bare_step(trainer: Trainer, steps: int) -> Callable[[], float]:
    """Return a function that takes `steps` bare steps on one normalised batch and returns the seconds they took."""
    parts, train_step = trainer.parts, trainer.train_step
    size = parts.batching.batch_size
    batch = next(parts.train_source.batches(Reading(torch.arange(size), size)))
    inputs = parts.preprocessor.for_evaluation(batch.images)

    def train() -> float:
        parts.model.train()
        with Stopwatch(parts.device) as watch:
            for _ in range(steps):
                take_step(train_step, inputs, batch.labels)
        return watch.seconds

    return train


def take_step(train_step: TrainStep, inputs: Tensor, labels: Tensor) -> None:
    """Take one optimizer step without cvkit's loop."""
    train_step.optimizer.zero_grad(set_to_none=True)
    with train_step.forward.autocast():
        loss = train_step.forward.loss(train_step.forward.call(inputs), labels)
    loss.backward()
    train_step.optimizer.step()


def cvkit_loop(trainer: Trainer, steps: int) -> Callable[[], float]:
    """Return a function that takes the next `steps` steps of `Trainer.fit` and returns the seconds they took."""
    events: Iterator[object] = (event for event in trainer.fit() if isinstance(event, Step))

    def train() -> float:
        with Stopwatch(trainer.parts.device) as watch:
            for _ in islice(events, steps):
                pass
        return watch.seconds

    return train


def plain_loop(trainer: Trainer, steps: int, workers: int) -> Callable[[], float]:
    """Return a function that takes `steps` steps with a DataLoader of PIL images and returns the seconds."""
    parts, train_step = trainer.parts, trainer.train_step
    loader = DataLoader(
        PerSample(parts.splits.train),
        parts.batching.batch_size,
        shuffle=True,
        num_workers=workers,
        drop_last=True,
        pin_memory=parts.device.type == "cuda",
    )
    memory_format = torch.channels_last if parts.recipe.train.channels_last else torch.contiguous_format
    prefetched = 2 * workers

    def take(batches: Iterator[tuple[Tensor, Tensor]], count: int) -> None:
        for images, labels in islice(batches, count):
            inputs = images.to(parts.device, memory_format=memory_format, non_blocking=True)
            take_step(train_step, inputs, labels.to(parts.device, non_blocking=True))

    def train() -> float:
        parts.model.train()
        batches = iter(loader)
        take(batches, prefetched)
        with Stopwatch(parts.device) as watch:
            take(batches, steps)
        return watch.seconds

    return train


class PerSample(Dataset[tuple[Tensor, int]]):
    """PIL images, each of which is cropped, flipped, erased and normalised on its own."""

    def __init__(self, split: TensorSplit) -> None:
        self.images = [v2.functional.to_pil_image(image) for image in split.images]
        self.labels = split.labels.tolist()
        self.transform = v2.Compose(
            [
                v2.RandomCrop(32, padding=4, padding_mode="reflect"),
                v2.RandomHorizontalFlip(),
                v2.ToImage(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(MEAN, STD),
                v2.RandomErasing(p=1.0, scale=(1 / 16, 1 / 16), ratio=(1.0, 1.0)),
            ]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.images[index]), self.labels[index]


if __name__ == "__main__":
    main()
