"""What all trainers of `peers.py` train: the same network, images, augmentation, optimizer and schedule."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
PADDING, SIDE, CLASSES = 4, 32, 10
MOMENTUM, WEIGHT_DECAY = 0.9, 5e-4


@dataclass(frozen=True)
class Task:
    """The settings of a training.

    Attributes:
        file: A file with the images, as `make_images` writes it.
        width: The width of the custom ResNet.
        batch_size: Images in a step.
        steps: Steps in an epoch.
        epochs: Epochs.
        skipped: Steps at the beginning that are not counted.
        lr: The learning rate of the first step, which falls along half a cosine.
        workers: Processes that load images.
        loader: ``images``: each image is augmented by torchvision; ``batches``: each batch at once, by indexing.
        augmented: Whether images are cropped and flipped.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        device: ``cpu`` or ``cuda``.
    """

    file: str
    width: int = 16
    batch_size: int = 512
    steps: int = 20
    epochs: int = 1
    skipped: int = 4
    lr: float = 0.1
    workers: int = 2
    loader: str = "images"
    augmented: bool = True
    precision: str = "fp32"
    device: str = "cpu"

    @property
    def total(self) -> int:
        """The number of steps."""
        return self.steps * self.epochs

    def optimizer(self, parameters: Any) -> torch.optim.SGD:
        """Return the optimizer."""
        return torch.optim.SGD(
            parameters, lr=self.lr, momentum=MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY, fused=self.on_gpu
        )

    def schedule(self, optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
        """Return the schedule, of which every step of the optimizer is one."""
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.total)

    @property
    def on_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device == "cuda"

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context of a forward pass."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device, torch.bfloat16 if self.precision == "bf16" else torch.float16)


@dataclass
class Clock:
    """Notes the time at the beginning of each training step, when the network is called."""

    task: Task
    model: nn.Module | None = None
    times: list[Any] = field(default_factory=list)
    faults: list[int] = field(default_factory=list)
    images: list[int] = field(default_factory=list)
    memory: float = 0.0

    def watch(self, model: nn.Module) -> None:
        """Watch each call of `model` in training, also of copies of it; the last one that is called is `model`."""
        model.register_forward_pre_hook(lambda module, given: self._tick(module, given) if module.training else None)

    def _tick(self, module: nn.Module, given: tuple[Tensor, ...]) -> None:
        self.model = module
        if self.task.on_gpu:  # an event on the device, because the host must not wait for the device in a step
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self.times.append(event)
        else:
            self.times.append(time.perf_counter())
        used = resource.getrusage(resource.RUSAGE_SELF)
        self.faults.append(used.ru_minflt)
        self.memory = used.ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
        self.images.append(len(given[0]))

    def measured(self) -> dict[str, float]:
        """Return images/s, minor faults per step, MB of memory, and loss and accuracy of the trained network.

        The last steps of the process are counted, as cvkit tries a recipe before it trains. The memory is the largest
        of the process until the last step, or of torch on a GPU.
        """
        task = self.task
        assert self.images[-task.total :] == [task.batch_size] * task.total, f"{self.images} images in the steps"
        first, last, counted = task.skipped - task.total, -1, task.total - 1 - task.skipped
        if task.on_gpu:
            torch.cuda.synchronize()
            seconds = self.times[first].elapsed_time(self.times[last]) / 1000
        else:
            seconds = self.times[last] - self.times[first]
        return {
            "rate": counted * task.batch_size / seconds,
            "faults": (self.faults[last] - self.faults[first]) / counted,
            "memory": torch.cuda.max_memory_allocated() / 2**20 if task.on_gpu else self.memory,
            **self._learned(),
        }

    @torch.no_grad()
    def _learned(self) -> dict[str, float]:
        model = self.model
        assert model is not None
        found: dict[str, float] = {}
        model.eval()
        for half, (images, labels) in load_images(self.task).items():
            place = next(model.parameters()).device
            logits = model(normalized(images[:1000]).to(place)).float().cpu()
            found[f"{half}_loss"] = float(nn.functional.cross_entropy(logits, labels[:1000]))
            found[f"{half}_accuracy"] = float((logits.argmax(1) == labels[:1000]).float().mean())
        return found


def network(task: Task, clock: Clock | None) -> nn.Module:
    """Return the network with the same first weights for every trainer, watched by a clock."""
    from cvkit import DataInfo
    from cvkit_resnet.network import custom_resnet

    info = DataInfo(3, SIDE, SIDE, tuple("0123456789"), MEAN, STD)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = custom_resnet(info, width=task.width)
    if clock is not None:
        clock.watch(model)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def make_images(file: Path, count: int, data: str, root: Path) -> None:
    """Write `count` training images and 1,000 test images to a file, from CIFAR-10 or made up.

    A made-up image is noise on the colours of its class, so that it can be learned.
    """
    if data == "cifar10":
        from cvkit_datasets.cifar import cifar10

        splits = cifar10(root)
        assert splits.test is not None
        if count > len(splits.train):
            raise SystemExit(f"CIFAR-10 has 50,000 training images, and {count:,} are asked for; use fewer --steps")
        train = splits.train.images[:count], splits.train.labels[:count]  # type: ignore[attr-defined]  # in memory
        test = splits.test.images[:1000], splits.test.labels[:1000]  # type: ignore[attr-defined]  # in memory
    else:
        draws = torch.Generator().manual_seed(0)
        colours = torch.randint(0, 64, (CLASSES, 3, 4, 4), generator=draws, dtype=torch.uint8)

        def made_up(number: int) -> tuple[Tensor, Tensor]:
            labels = torch.randint(0, CLASSES, (number,), generator=draws)
            noise = torch.randint(0, 192, (number, 3, SIDE, SIDE), generator=draws, dtype=torch.uint8)
            patches = colours.repeat_interleave(SIDE // 4, 2).repeat_interleave(SIDE // 4, 3)
            return noise + patches[labels], labels

        train, test = made_up(count), made_up(1000)
    torch.save({"train": train, "test": test}, file)


def load_images(task: Task) -> dict[str, tuple[Tensor, Tensor]]:
    """Return the images and labels of both halves."""
    found: dict[str, tuple[Tensor, Tensor]] = torch.load(task.file, weights_only=True)
    return found


def normalized(images: Tensor) -> Tensor:
    """Return uint8 images (N, 3, H, W) as the network takes them."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return ((images.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


class OneByOne(Dataset[tuple[Tensor, int]]):
    """Images that torchvision augments one at a time, as the documentation of every trainer has it."""

    def __init__(self, task: Task, half: str) -> None:
        from torchvision.transforms import v2

        self.images, labels = load_images(task)[half]
        self.labels = labels.tolist()
        random = [v2.RandomCrop(SIDE, padding=PADDING, padding_mode="reflect"), v2.RandomHorizontalFlip()]
        plain = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
        self.transform = v2.Compose([*random, *plain] if task.augmented and half == "train" else plain)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.images[index]), self.labels[index]


class AtOnce(Dataset[Any]):
    """Batches that are cropped and flipped by one indexing, which costs a loader next to nothing."""

    def __init__(self, task: Task, half: str) -> None:
        images, self.labels = load_images(task)[half]
        self.random = task.augmented and half == "train"
        self.images = (
            nn.functional.pad(images.float(), [PADDING] * 4, mode="reflect").byte() if self.random else images
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitems__(self, indices: list[int]) -> list[Any]:
        chosen = torch.tensor(indices)
        if not self.random:
            return [normalized(self.images[chosen]), self.labels[chosen]]
        count, line = len(indices), torch.arange(SIDE)
        top, left = torch.randint(0, 2 * PADDING + 1, (2, count, 1))
        columns = torch.where(torch.rand(count, 1) < 0.5, line, line.flip(0)) + left
        rows = line + top
        picked = self.images.permute(0, 2, 3, 1)[chosen[:, None, None], rows[:, :, None], columns[:, None, :]]
        return [normalized(picked.permute(0, 3, 1, 2)), self.labels[chosen]]


def dataset(task: Task, half: str) -> Dataset[Any]:
    """Return the images of a half."""
    return OneByOne(task, half) if task.loader == "images" else AtOnce(task, half)


def collate(task: Task) -> Callable[[Any], Any]:
    """Return the function that makes a batch of what the data set gives for it."""
    return torch.utils.data.default_collate if task.loader == "images" else tuple


def loader(task: Task, half: str = "train") -> DataLoader[Any]:
    """Return the loader of a half, as the documentation of torch has it."""
    train = half == "train"
    return DataLoader(
        dataset(task, half),
        batch_size=task.batch_size,
        shuffle=train,
        drop_last=train,
        num_workers=task.workers if train else 0,
        persistent_workers=train and task.workers > 0,
        pin_memory=task.on_gpu,
        collate_fn=collate(task),
    )
