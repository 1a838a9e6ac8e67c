"""Compare the images per second of cvkit's loader with torchvision's ImageFolder and with timm's loader.

    python benchmarks/loading.py                        photos of 640x480 pixels, two workers
    python benchmarks/loading.py --size 4000x3000 --images 32 --rounds 3
    python benchmarks/loading.py --evaluation           resize and centre crop instead of random crops

All read the same JPEG files with the same number of worker processes, and return batches of normalised float images
of 224x224 pixels. In training they crop at random, resize and flip; in evaluation they resize and crop the centre:

    torchvision   ImageFolder, v2 transforms of PIL images, and torch's DataLoader
    timm          timm.data.create_dataset and create_loader, without augmentations other than crop and flip
    cvkit         image_folder with random_resized_crop and torchvision/RandomHorizontalFlip, as in `cvkit run`
    in memory     the same with train.resident: true, which decodes each photo once, before the first round

In each round, every contestant reads all photos once, including the start of its workers. The benchmark reports the
median ratio over the rounds, so changes in the speed of the machine do not favour any contestant. The photos are
smooth random pictures, written to a temporary folder as JPEG files of quality 90; the system caches them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from rounds import ratios, take_turns
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from cvkit import build_parts, discover
from cvkit.recipe import read_text, resolve

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIDE, SCALE, CROP_PCT = 224, (0.35, 1.0), 0.875
RECIPE = """
dataset: {{name: image_folder, path: photos, size: {side}, mean: {mean}, std: {std}}}
augmentations: [random_resized_crop, torchvision/RandomHorizontalFlip]
model: timm/test_resnet
optimizer: {{name: sgd, lr: 0.05}}
explainers: []
train: {{batch_size: {batch}, workers: {workers}, resident: {resident}, drop_last: false, device: cpu}}
"""


def main() -> None:
    """Run the benchmark and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="640x480", help="width and height of the photos")
    parser.add_argument("--images", type=int, default=256, help="number of photos")
    parser.add_argument("--batch-size", type=int, default=32, help="images per batch")
    parser.add_argument("--workers", type=int, default=2, help="processes that load images")
    parser.add_argument("--rounds", type=int, default=5, help="number of rounds")
    parser.add_argument("--evaluation", action="store_true", help="resize and crop the centre, as an evaluation does")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    width, height = map(int, arguments.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        write_photos(Path(folder, "photos"), width, height, arguments.images)
        contestants = {
            name: make(Path(folder), arguments)
            for name, make in (
                ("torchvision", with_torchvision),
                ("timm", with_timm),
                ("cvkit", with_cvkit),
                ("in memory", partial(with_cvkit, resident="true")),
            )
        }
        seconds = take_turns(contestants, arguments.rounds, torch.device("cpu"))
    print_table(seconds, arguments)


def write_photos(folder: Path, width: int, height: int, count: int) -> None:
    """Write `count` training photos and as many test photos of two classes; the test photos are links."""
    draw = np.random.default_rng(0)
    for name in ("a", "b"):
        (folder / "train" / name).mkdir(parents=True)
        (folder / "test" / name).mkdir(parents=True)
    for number in range(count):
        coarse = draw.integers(0, 256, (height // 16 + 1, width // 16 + 1, 3), dtype=np.uint8)
        photo = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        grain = draw.normal(0, 6, (height, width, 1))
        place = Path("ab"[number % 2], f"{number:04}.jpg")
        pixels = (np.asarray(photo) + grain).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "train" / place, quality=90)
        os.link(folder / "train" / place, folder / "test" / place)


def with_torchvision(folder: Path, arguments: argparse.Namespace) -> Callable[[], None]:
    """Return a function that reads all photos with torchvision and torch."""
    shape: list[v2.Transform] = [v2.RandomResizedCrop(SIDE, SCALE), v2.RandomHorizontalFlip()]
    if arguments.evaluation:
        shape = [v2.Resize(int(SIDE / CROP_PCT)), v2.CenterCrop(SIDE)]
    to_input = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
    half = "test" if arguments.evaluation else "train"
    loader: DataLoader[Any] = DataLoader(
        ImageFolder(str(folder / "photos" / half), v2.Compose([*shape, *to_input])),
        arguments.batch_size,
        shuffle=not arguments.evaluation,
        num_workers=arguments.workers,
    )
    return lambda: read(images for images, _ in loader)


def with_timm(folder: Path, arguments: argparse.Namespace) -> Callable[[], None]:
    """Return a function that reads all photos with timm."""
    from timm.data import create_dataset, create_loader

    half = "test" if arguments.evaluation else "train"
    loader: Any = create_loader(
        create_dataset("", root=str(folder / "photos" / half)),
        input_size=(3, SIDE, SIDE),
        batch_size=arguments.batch_size,
        is_training=not arguments.evaluation,
        scale=SCALE,
        color_jitter=None,
        interpolation="bilinear",
        crop_pct=CROP_PCT,
        mean=MEAN,
        std=STD,
        num_workers=arguments.workers,
        persistent_workers=False,
        use_prefetcher=False,
        device=torch.device("cpu"),
    )
    if not arguments.evaluation:
        loader = DataLoader(  # timm leaves out the last batch of an epoch
            loader.dataset, arguments.batch_size, shuffle=True, num_workers=arguments.workers
        )
    return lambda: read(images for images, _ in loader)


def with_cvkit(folder: Path, arguments: argparse.Namespace, resident: str = "auto") -> Callable[[], None]:
    """Return a function that reads all photos as a run of cvkit does, with new draws each time."""
    text = RECIPE.format(
        side=SIDE,
        mean=list(MEAN),
        std=list(STD),
        batch=arguments.batch_size,
        workers=arguments.workers,
        resident=resident,
    )
    recipe = resolve(read_text(text), discover())
    parts = build_parts(recipe, recipe.dataset.build(folder))
    epoch = 0

    def evaluate() -> None:
        source = parts.sources["test"]
        batches = source.batches(torch.arange(len(source)), arguments.batch_size)
        read(parts.preprocessor.for_evaluation(batch.images) for batch in batches)

    def train() -> None:
        nonlocal epoch
        epoch += 1
        order = torch.randperm(len(parts.train_source))
        batches = parts.train_source.batches(order, arguments.batch_size, epoch)
        read(parts.preprocessor.for_training(batch.images) for batch in batches)

    return evaluate if arguments.evaluation else train


def read(batches: Iterable[torch.Tensor]) -> None:
    """Read all batches."""
    for images in batches:
        assert images.dtype == torch.float32 and images.shape[1:] == (3, SIDE, SIDE)  # noqa: PT018


def print_table(seconds: dict[str, list[float]], arguments: argparse.Namespace) -> None:
    """Print the images per second of each contestant, and the ratio to each of the others."""
    rates = {name: [arguments.images / value for value in values] for name, values in seconds.items()}
    what = "evaluation" if arguments.evaluation else "training"
    print(
        f"{what}, {arguments.images} JPEG photos of {arguments.size}, batch {arguments.batch_size}, "
        f"{arguments.workers} workers, {arguments.rounds} rounds, torch {torch.__version__}, "
        f"{torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}"
    )
    print(f"{'':<14}{'images/s':>10}" + "".join(f"{f'of {other}':>28}" for other in list(rates)[:2]))
    for name, measured in rates.items():
        cells = (ratios(measured, rates[other]) for other in list(rates)[:2])
        texts = (f"{median:.2f} ({least:.2f} to {most:.2f})" for median, least, most in cells)
        print(f"{name:<14}{statistics.median(measured):>10,.1f}" + "".join(f"{text:>28}" for text in texts))


if __name__ == "__main__":
    main()
