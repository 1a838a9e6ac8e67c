"""Compare the images per second of cvkit's loader with torchvision's ImageFolder and with timm's loader.

    python benchmarks/loading.py                        photos of 640x480 pixels, two workers
    python benchmarks/loading.py --size 4000x3000 --images 32 --rounds 3
    python benchmarks/loading.py --evaluation           resize and centre crop instead of random crops
    python benchmarks/loading.py --workers 0 1 2 --write         several numbers of workers, into docs/results.md

All read the same JPEG files with the same number of worker processes, which stay from one round to the next. They
return batches of normalised float images of 224x224 pixels. In training they crop at random, resize and flip; in
evaluation they resize and crop the centre:

    torchvision   ImageFolder, v2 transforms of PIL images, and torch's DataLoader
    timm          timm.data.create_dataset and create_loader, without augmentations other than crop and flip
    cvkit         image_folder with random_resized_crop and torchvision/RandomHorizontalFlip, as in `cvkit run`
    draft         the same with decode: draft
    memory, disk  the same with train.cache, which decodes each photo once, before the first round
    draft, disk   the same with both
    shards        the same files in tar shards, as `cvkit data pack` packs them
    small shards  shards of photos whose shorter side was resized to 256 pixels, as JPEG of quality 90

In each round, every contestant reads all photos once. The benchmark reports the median ratio of images per second
over the rounds, so changes in the speed of the machine do not favour any contestant. It reports the same for images
per second of CPU time of all processes, which other programs disturb less. The photos are smooth random pictures,
written to a temporary folder as JPEG files of quality 90; the system caches them.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import Load, described
from PIL import Image
from rounds import ratios, take_turns
from section import write_section
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from cvkit import build_parts, discover
from cvkit.data.loading import Reading
from cvkit.engine.building import open_dataset
from cvkit.formatting import counted as amount
from cvkit.recipe import read_text, resolve

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIDE, SCALE, CROP_PCT = 224, (0.35, 1.0), 0.875
OWN = {
    "cvkit": ("image_folder, path: photos", "full", "null"),
    "draft": ("image_folder, path: photos", "draft", "null"),
    "memory": ("image_folder, path: photos", "full", "memory"),
    "disk": ("image_folder, path: photos", "full", "disk"),
    "draft, disk": ("image_folder, path: photos", "draft", "disk"),
    "shards": ("shards, path: packed", "full", "null"),
    "small shards": ("shards, path: resized", "full", "null"),
}
"""The contestants of cvkit: the data set, dataset.decode and train.cache."""
PACKED = {"packed": (), "resized": ("--short-side", "256", "--quality", "90")}
"""Folders of shards, with the options of `cvkit data pack`."""
RECIPE = """
dataset: {{name: {dataset}, size: {side}, mean: {mean}, std: {std}, decode: {decode}}}
augmentations: [random_resized_crop, torchvision/RandomHorizontalFlip]
model: timm/test_resnet
optimizer: {{name: sgd, lr: 0.05}}
explainers: []
train: {{batch_size: {batch}, workers: {workers}, cache: {cache}, drop_last: false, device: cpu}}
"""


def main() -> None:
    """Run the benchmark and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="640x480", help="width and height of the photos")
    parser.add_argument("--images", type=int, default=256, help="number of photos")
    parser.add_argument("--batch-size", type=int, default=32, help="images per batch")
    parser.add_argument("--workers", type=int, nargs="+", default=[2], help="processes that load images")
    parser.add_argument("--rounds", type=int, default=5, help="number of rounds")
    parser.add_argument("--only", nargs="*", help="names of contestants besides torchvision and timm")
    parser.add_argument("--evaluation", action="store_true", help="resize and crop the centre, as an evaluation does")
    parser.add_argument("--write", action="store_true", help="write the table into docs/results.md")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    width, height = map(int, arguments.size.split("x"))
    load = Load()
    with tempfile.TemporaryDirectory() as folder:
        write_photos(Path(folder, "photos"), width, height, arguments.images)
        pack(Path(folder), argparse.Namespace(**{**vars(arguments), "workers": 0}))
        lines = [line for workers in arguments.workers for line in rows(Path(folder), arguments, workers, load)]
    text = "\n".join([heading(arguments, load), *lines])
    print(text)
    if arguments.write:
        write_section("loading", text)


def rows(folder: Path, arguments: argparse.Namespace, workers: int, load: Load) -> Iterator[str]:
    """Measure all contestants with so many workers, and yield a row for each."""
    arguments = argparse.Namespace(**{**vars(arguments), "workers": workers})
    contestants = {"torchvision": with_torchvision(folder, arguments), "timm": with_timm(folder, arguments)}
    used: dict[str, list[float]] = {}
    with ExitStack() as stack:
        for name, settings in OWN.items():
            if arguments.only is None or name in arguments.only:
                contestants[name] = with_cvkit(folder, arguments, stack, *settings)
        used = {name: [] for name in contestants}
        counted = {name: counting(read_all, used[name]) for name, read_all in contestants.items()}
        seconds = take_turns(counted, arguments.rounds, torch.device("cpu"))
    load.note()
    for name, values in seconds.items():
        cells = [f"{arguments.images / statistics.median(values):,.1f}"]
        for measured in (seconds, {each: spent[1:] for each, spent in used.items()}):
            for other in ("torchvision", "timm"):
                middle, least, most = ratios(measured[other], measured[name])
                cells.append(f"{middle:.2f} ({least:.2f} to {most:.2f})")
        yield f"| {workers} | {name} | {' | '.join(cells)} |"


def counting(read_all: Callable[[], None], seconds: list[float]) -> Callable[[], None]:
    """Return a function that also notes the CPU seconds that all processes use."""

    def counted() -> None:
        before = cpu_seconds()
        read_all()
        seconds.append(cpu_seconds() - before)

    return counted


def cpu_seconds() -> float:
    """Return the CPU time of this process, its workers and the workers that have ended."""
    total = sum(os.times()[:4])
    for child in multiprocessing.active_children():
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


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


def pack(folder: Path, arguments: argparse.Namespace) -> None:
    """Pack the photos into the folders of shards that are read."""
    (folder / "photos.yaml").write_text(recipe_text(arguments, "image_folder, path: photos", "full", "null"))
    for name, options in PACKED.items():
        if arguments.only is None or any(name in OWN[each][0] for each in arguments.only):
            call = [sys.executable, "-m", "cvkit", "data", "pack", "photos.yaml", "--to", name, *options]
            subprocess.run(call, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def recipe_text(arguments: argparse.Namespace, dataset: str, decode: str, cache: str) -> str:
    """Return the recipe of a contestant of cvkit."""
    batch, workers = arguments.batch_size, arguments.workers
    texts = {"dataset": dataset, "decode": decode, "cache": cache, "mean": list(MEAN), "std": list(STD)}
    return RECIPE.format(side=SIDE, batch=batch, workers=workers, **texts)


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
        persistent_workers=arguments.workers > 0,
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
        persistent_workers=arguments.workers > 0,
        use_prefetcher=False,
        device=torch.device("cpu"),
    )
    if not arguments.evaluation:
        loader = DataLoader(  # timm leaves out the last batch of an epoch
            loader.dataset,
            arguments.batch_size,
            shuffle=True,
            num_workers=arguments.workers,
            persistent_workers=arguments.workers > 0,
        )
    return lambda: read(images for images, _ in loader)


def with_cvkit(folder: Path, arguments: argparse.Namespace, stack: ExitStack, *settings: str) -> Callable[[], None]:
    """Return a function that reads all photos as a run of cvkit does, with new draws each time."""
    text = recipe_text(arguments, *settings)
    recipe = resolve(read_text(text), discover())
    parts = build_parts(recipe, open_dataset(recipe, folder))
    source = parts.sources["test"] if arguments.evaluation else parts.train_source
    stack.enter_context(source.kept_open())
    epoch = 0

    def evaluate() -> None:
        batches = source.batches(Reading(torch.arange(len(source)), arguments.batch_size))
        read(parts.preprocessor.for_evaluation(batch.images) for batch in batches)

    def train() -> None:
        nonlocal epoch
        epoch += 1
        order = torch.randperm(len(source))
        batches = source.batches(Reading(order, arguments.batch_size, epoch))
        read(parts.preprocessor.for_training(batch.images, batch.labels)[0] for batch in batches)

    return evaluate if arguments.evaluation else train


def read(batches: Iterable[torch.Tensor]) -> None:
    """Read all batches."""
    for images in batches:
        assert images.dtype == torch.float32 and images.shape[1:] == (3, SIDE, SIDE)  # noqa: PT018


def heading(arguments: argparse.Namespace, load: Load) -> str:
    """Return the sentence about the machine, and the header of the table."""
    what = "evaluation" if arguments.evaluation else "training"
    command = " ".join(["python benchmarks/loading.py", *(word for word in sys.argv[1:] if word != "--write")])
    return (
        f"{described(command, load, packages=('torchvision', 'timm'))} Loading for {what}: {arguments.images} photos "
        f"of {arguments.size} in batches of {arguments.batch_size}, {amount(arguments.rounds, 'round')}.\n\n"
        "| workers | contestant | images/s | of torchvision | of timm | per CPU second, of torchvision | of timm |\n"
        "| --- | --- | --- | --- | --- | --- | --- |"
    )


if __name__ == "__main__":
    main()
