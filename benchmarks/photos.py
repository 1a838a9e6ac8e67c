"""Save pictures of CIFAR-10 as photos of the kinds that people have, for own_photos.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from cvkit import Split, derive
from cvkit_datasets.cifar import cifar10

COUNTS = {"airplane": 300, "automobile": 250, "bird": 200, "cat": 150, "deer": 40}
"""Photos of each class: the first five classes of CIFAR-10, in its order."""

APART = 60
"""Photos of each class that are kept apart."""

_TURNS = {6: Image.Transpose.ROTATE_90, 3: Image.Transpose.ROTATE_180, 8: Image.Transpose.ROTATE_270}
"""How the stored pixels are turned for each EXIF orientation, so that a viewer shows them upright."""


def make(folder: Path, data: Path, counts: dict[str, int], apart: int) -> None:
    """Write ``photos/CLASS/`` from CIFAR-10's training images and ``apart/CLASS/`` from its test images.

    One of the photos is damaged, and one is copied into another class.

    Args:
        folder: Where both folders are created; they must not exist.
        data: The data folder with CIFAR-10.
        counts: Photos of each class, by class in the order of CIFAR-10.
        apart: Photos of each class that are kept apart.
    """
    splits = cifar10(data)
    assert splits.test is not None
    names = [*counts]
    write(folder / "photos", splits.train, names, counts, "own photos")
    write(folder / "apart", splits.test, names, dict.fromkeys(names, apart), "own photos kept apart")
    first, second = folder / "photos" / names[0], folder / "photos" / names[1]
    damaged = sorted(first.glob("*.jpg"))[0]
    damaged.write_bytes(damaged.read_bytes()[:600])
    copied = sorted(second.glob("*.jpg"))[1]
    (first / f"copy-{copied.name}").write_bytes(copied.read_bytes())


def write(folder: Path, split: Split, names: list[str], counts: dict[str, int], purpose: str) -> None:
    """Write the first images of each class as photos; the kind of each depends only on `purpose` and its index."""
    wanted = dict(counts)
    for name in names:
        (folder / name).mkdir(parents=True)
    for index in range(len(split)):
        if not any(wanted.values()):
            return
        image, label = split[index]
        if label < len(names) and wanted[names[label]]:
            wanted[names[label]] -= 1
            draws = np.random.default_rng(derive(purpose, index))
            save(Image.fromarray(image.permute(1, 2, 0).numpy()), folder / names[label] / f"{index:05}", draws)


def save(picture: Image.Image, path: Path, draws: np.random.Generator) -> None:
    """Enlarge a picture to 96 to 400 pixels and save it as a photo of a random kind."""
    side = int(draws.integers(96, 401))
    wide = float(draws.choice([1.0, 1.0, 4 / 3, 3 / 4]))
    size = (min(400, round(side * max(1.0, wide))), min(400, round(side * max(1.0, 1 / wide))))
    photo = picture.resize(size, Image.Resampling.BICUBIC)
    kind = draws.choice(["plain", "grey", "cmyk", "turned", "transparent"], p=[0.76, 0.06, 0.06, 0.06, 0.06])
    if kind == "transparent":
        photo.putalpha(Image.fromarray(np.pad(np.full((size[1] - 4, size[0] - 4), 255, np.uint8), 2)))
        photo.save(path.with_suffix(".png"))
        return
    options = {}
    if kind == "turned":
        exif = Image.Exif()
        exif[0x0112], turn = list(_TURNS.items())[int(draws.integers(len(_TURNS)))]
        photo, options = photo.transpose(turn), {"exif": exif}
    photo = {"grey": photo.convert("L"), "cmyk": photo.convert("CMYK")}.get(str(kind), photo)
    photo.save(path.with_suffix(".jpg"), quality=90, **options)


def files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield each photo in folders of classes, with its class."""
    for path in sorted(folder.glob("*/*")):
        yield path, path.parent.name
