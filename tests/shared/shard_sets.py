"""A folder of small photos, the shards that it is packed into, and tar files as other programs write them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

from photos import photo
from PIL import Image

from cvkit import Splits, discover, resolve
from cvkit.engine.building import open_dataset
from cvkit.recipe import read_text

RECIPE = """\
name: pets
dataset: {name: image_folder, path: pictures, size: 32}
augmentations: [random_resized_crop, horizontal_flip]
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.05, momentum: 0.9}
explainers: []
train: {epochs: 2, batch_size: 5, drop_last: false, checkpoint_every: 1, device: cpu}
report: {misclassified: 0, augmented: 0}
"""
SHARDS = RECIPE.replace("{name: image_folder, path: pictures, size: 32}", "{name: shards, path: shards}")
NAMES = ("1.png", "2.JPG", "a b.c.png", "10.webp", "ü=.bmp", "🐈.gif", "x.tar.png")
"""The names of the training images of a class: with spaces, several dots and letters of other scripts."""


def draw(folder: Path) -> None:
    """Write 14 training images and 6 test images of two classes, of several sizes and formats."""
    for number, (kind, names) in enumerate({"train": NAMES, "test": NAMES[:3]}.items()):
        for place, label in enumerate(("cat", "dog two")):
            (folder / kind / label).mkdir(parents=True)
            for index, name in enumerate(names):
                seed = 100 * number + 10 * place + index
                pixels = photo(seed, 36 + seed % 7).permute(1, 2, 0).numpy()
                Image.fromarray(pixels[: 34 + seed % 3]).save(folder / kind / label / name)


def opened(root: Path, text: str = RECIPE, *overrides: str) -> Splits:
    """Return the data set of a recipe whose paths are relative to `root`."""
    return open_dataset(resolve(read_text(text, overrides), discover()), root)


def jpeg(seed: int = 0, side: int = 8) -> bytes:
    """Return a small photo as the bytes of a JPEG file."""
    stream = io.BytesIO()
    Image.fromarray(photo(seed, side).permute(1, 2, 0).numpy()).save(stream, "JPEG")
    return stream.getvalue()


def write_tar(path: Path, files: Mapping[str, bytes] | list[tuple[str, bytes]]) -> Path:
    """Write files into a tar file in this order; a list may repeat names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files.items() if isinstance(files, Mapping) else files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def labelled(count: int, ending: str = "cls", labels: tuple[object, ...] = (0, 1)) -> dict[str, bytes]:
    """Return files of `count` samples, whose labels take turns."""
    files = {}
    for number in range(count):
        label = labels[number % len(labels)]
        files[f"{number:04d}.jpg"] = jpeg(number)
        files[f"{number:04d}.{ending}"] = (json.dumps(label) if ending == "json" else str(label)).encode()
    return files
