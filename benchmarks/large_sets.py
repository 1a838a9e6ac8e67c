"""Measure how opening time, memory and the cost of an image grow with the number of images, 10,000 to 1,000,000.

    python benchmarks/large_sets.py                     shards of up to a million images
    python benchmarks/large_sets.py --folders 100000    also a folder and a table of files, up to this many images
    python benchmarks/large_sets.py --write             also replace the table in docs/results.md

The images are one JPEG file of about 1 KB, 32x32 pixels, whose bytes are repeated; labels and names differ. A
hundredth are test images. For each size and form of the data, a new process opens the data set, trains a tiny network
for at most 100 steps of 256 images, evaluates all test images and writes the report, without worker processes.

    open         CPU seconds from the recipe to the data set, and seconds
    image        CPU microseconds of training for each image: reading, decoding, a step of the tiny network
    test image   CPU microseconds of evaluation, predictions.csv and report for each test image, beyond the first size
    opened       memory of the process when the data set is open, above that of a process that has imported torch
    trained      highest memory until the end of training, with the evaluation after it, likewise
    run          highest memory of the complete run with its report, likewise

CPU time is used because other programs disturb it less.

The sets are written into a temporary folder, which is removed.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import platform
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image
from section import write_section

from cvkit_datasets.indexed.index import SplitIndex, written
from cvkit_datasets.indexed.packed_text import PackedText

SIZES = (10_000, 100_000, 1_000_000)
CLASSES, SIDE, BATCH, STEPS = 10, 32, 256, 100
_SHARD = 50_000  # images
RECIPE = """\
name: large
dataset: {dataset}
augmentations: [horizontal_flip]
model: {{name: custom_resnet, width: 1}}
optimizer: {{name: sgd, lr: 0.05}}
explainers: []
train: {{epochs: 1, batch_size: {batch}, max_steps: {steps}, workers: 0, device: cpu}}
evaluation: {{flip_tta: false}}
report: {{misclassified: 4, augmented: 0}}
"""
FORMS = {
    "shards": "{name: shards, path: shards, size: 32}",
    "folder": "{name: image_folder, path: folder, size: 32}",
    "table": "{name: image_table, path: folder/table.csv, size: 32}",
}


def main() -> None:
    """Run the benchmark and print its table, or measure one data set in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="numbers of images")
    parser.add_argument("--folders", type=int, default=0, help="largest number of images of a folder and a table")
    parser.add_argument("--write", action="store_true", help="write the table into docs/results.md")
    parser.add_argument("--measure", choices=FORMS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measured(arguments.measure)))
        return
    lines = [
        heading(),
        "",
        "| data | images | open, CPU s (s) | image, µs | test image, µs | opened, MB | trained, MB | run, MB |",
    ]
    lines.append("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for form in FORMS:
        first: dict[str, float] | None = None
        for count in (each for each in arguments.sizes if form == "shards" or each <= arguments.folders):
            with tempfile.TemporaryDirectory() as place:
                WRITERS[form](Path(place), count)
                found = in_a_process(form, Path(place))
            first = first or found
            lines.append(row(form, count, found, first))
            print(lines[-1], flush=True)
    print("\n".join(lines))
    if arguments.write:
        write_section("large_sets", "\n".join(lines))


def row(form: str, count: int, found: dict[str, float], first: dict[str, float]) -> str:
    """Return a row of the table; `first` is what was measured with the smallest number of images."""
    tests = found["tests"] - first["tests"]
    cells = (
        form,
        f"{count:,}",
        f"{found['open']:.2f} ({found['wall']:.2f})",
        f"{1e6 * found['train']:,.0f}",
        f"{1e6 * (found['rest'] - first['rest']) / tests:,.0f}" if tests else "",
        f"{found['opened']:,.0f}",
        f"{found['trained']:,.0f}",
        f"{found['run']:,.0f}",
    )
    return f"| {' | '.join(cells)} |"


def heading() -> str:
    """Return the machine, the versions and the date."""
    return (
        f"{date.today():%Y-%m-%d}, {os.cpu_count()} cores ({platform.machine()}), torch {version('torch')}, one "
        f"thread, load {os.getloadavg()[0]:.1f}; at most {STEPS} steps of {BATCH} images, no worker processes."
    )


def photo() -> bytes:
    """Return a picture of about 1 KB as the bytes of a JPEG file."""
    draws = np.random.default_rng(0).normal(size=(8, 8, 3))
    pixels = np.kron(draws, np.ones((4, 4, 1)))
    stream = io.BytesIO()
    Image.fromarray((128 + 40 * pixels).clip(0, 255).astype(np.uint8)).save(stream, "JPEG", quality=75)
    return stream.getvalue()


def write_shards(root: Path, count: int) -> None:
    """Write shards of `count` images and their index; a file in a shard is the same bytes again and again."""
    content = photo()
    member = tarfile.TarInfo("000000000.jpg")
    member.size = len(content)
    padded = content + bytes(-len(content) % 512)
    block = member.tobuf(tarfile.USTAR_FORMAT) + padded
    (root / "shards").mkdir()
    splits, shards = {}, {}
    for name, images in (("train", count - count // 100), ("test", count // 100)):
        sizes = [min(_SHARD, images - start) for start in range(0, images, _SHARD)]
        listed = []
        for number, size in enumerate(sizes):
            file = f"{name}-{number:06d}.tar"
            (root / "shards" / file).write_bytes(block * size + bytes(1024))
            listed.append({"file": file, "bytes": len(block) * size + 1024, "images": size})
        within = np.concatenate([np.arange(size, dtype=np.int64) for size in sizes])
        digest = np.frombuffer(hashlib.sha256(content).digest(), np.uint8)
        shards[name] = listed
        splits[name] = SplitIndex(
            tuple(one["file"] for one in listed),
            np.cumsum([0, *sizes]).astype(np.int64),
            within * len(block) + 512,
            np.full(images, len(content), np.uint32),
            (np.arange(images) % CLASSES).astype(np.int32),
            np.full((images, 2), SIDE, np.int32),
            np.broadcast_to(digest, (images, 32)),
            PackedText.of(f"{name}/class_{number % CLASSES}/{number:07d}.jpg" for number in range(images)),
        )
    listing = {
        "classes": tuple(f"class_{number}" for number in range(CLASSES)),
        "task": "single_label",
        "shards": shards,
    }
    for file, data in written(splits, listing).items():
        (root / "shards" / file).write_bytes(data)


def write_folder(root: Path, count: int) -> None:
    """Write a folder of `count` files, and the table that lists them."""
    content, rows = photo(), ["path,label,split"]
    for name, images in (("train", count - count // 100), ("test", count // 100)):
        for number in range(CLASSES):
            (root / "folder" / name / f"class_{number}").mkdir(parents=True)
        for number in range(images):
            path = f"{name}/class_{number % CLASSES}/{number:07d}.jpg"
            (root / "folder" / path).write_bytes(content)
            rows.append(f"{path},class_{number % CLASSES},{name}")
    (root / "folder" / "table.csv").write_text("\n".join(rows))


WRITERS: dict[str, Callable[[Path, int], None]] = {
    "shards": write_shards,
    "folder": write_folder,
    "table": write_folder,
}


def in_a_process(form: str, root: Path) -> dict[str, float]:
    """Return what `measured` returns in a new process."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(root / "cache")}
    command = [sys.executable, str(Path(__file__).resolve()), "--measure", form]
    done = subprocess.run(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def resident() -> float:
    """Return the memory of this process that is in use, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def highest() -> float:
    """Return the highest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def measured(form: str) -> dict[str, float]:
    """Open the data set in the current folder and train with it; return seconds and MB."""
    import torch

    torch.ones(1).add_(1)
    base = resident()
    from cvkit import RunFolder, build_parts, discover, resolve
    from cvkit.compiler_import import avoid_compiler_import
    from cvkit.engine.building import open_dataset
    from cvkit.engine.trainer import Step
    from cvkit.recipe import read_text
    from cvkit.runs.session import Session

    avoid_compiler_import()  # as the command line does
    catalog = discover()
    recipe = resolve(read_text(RECIPE.format(dataset=FORMS[form], batch=BATCH, steps=STEPS)), catalog)
    started, wall = time.process_time(), time.perf_counter()
    splits = open_dataset(recipe, Path.cwd())
    opening, wall, opened = time.process_time() - started, time.perf_counter() - wall, resident()
    session = Session(build_parts(recipe, splits), RunFolder.create(Path("runs"), "large"), Path.cwd(), catalog)
    session.start()
    steps = [time.process_time() for event in session.train() if isinstance(event, Step)]
    trained = highest() - base
    session.report()
    return {
        "open": opening,
        "wall": wall,
        "train": (steps[-1] - steps[0]) / (BATCH * (len(steps) - 1)),
        "rest": time.process_time() - steps[-1],
        "tests": len(splits.half("test")),
        "opened": opened - base,
        "trained": trained,
        "run": highest() - base,
    }


if __name__ == "__main__":
    main()
