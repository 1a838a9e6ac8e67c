"""What the fresh cases of benchmarks/regret.py need: a network to fine-tune, and photos in files.

Both are made from data that are there anyway, because a benchmark must not depend on a download of weights.
"""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch.nn.functional import interpolate

import cvkit
from cvkit.recipe import read_text, resolve

SOURCE = """
dataset: {name: shapes, train_size: 6000, test_size: 500}
augmentations: [{name: random_crop, padding: 2}, horizontal_flip]
model: {name: custom_resnet, width: 16}
optimizer: {name: sgd, nesterov: true, weight_decay: 5.0e-4}
scheduler: {name: one_cycle, max_lr: 0.3}
train: {epochs: 4, batch_size: 128, channels_last: true, device: cpu}
report: {misclassified: 0, augmented: 0}
"""
PHOTOS = "{dataset: cifar10, model: custom_resnet, optimizer: sgd}"
SIDES = range(48, 81)
"""Lengths in pixels of a photo's sides."""


def source_run(data: Path) -> Path:
    """Return a run of a network trained on drawn shapes, which is trained and kept in `data` on the first call."""
    place = data / "regret_source"
    if not (place / "source" / "report.html").exists():
        trained = cvkit.train(SOURCE, set={"name": "source"}, output=place, data=data, progress=False)
        trained.folder.rename(place / "source")
    return place / "source"


def photos(data: Path) -> Path:
    """Return a folder of 3,000 images of CIFAR-10 as JPEG files of several sizes, which is kept in `data`.

    2,000 are for training and 1,000 for the test; none is among the images of the other cases.
    """
    folder = data / "regret_photos"
    if (folder / "complete").exists():
        return folder
    recipe = resolve(read_text(PHOTOS), cvkit.discover())
    splits = recipe.dataset.build(data)
    used = {image.numpy().tobytes() for image, _ in map(_limited(recipe, data).train.__getitem__, range(5000))}
    sizes = torch.randint(SIDES.start, SIDES.stop, (3000, 2), generator=torch.Generator().manual_seed(0)).tolist()
    kept = 0
    for index in range(len(splits.train)):
        image, label = splits.train[index]
        if image.numpy().tobytes() in used:
            continue
        half = "train" if kept < 2000 else "test"
        place = folder / half / splits.info.classes[label]
        place.mkdir(parents=True, exist_ok=True)
        larger = interpolate(image[None].float(), size=sizes[kept], mode="bicubic")[0].clamp(0, 255).byte()
        Image.fromarray(larger.permute(1, 2, 0).numpy()).save(place / f"{kept:04}.jpg", quality=90)
        kept += 1
        if kept == len(sizes):
            break
    (folder / "complete").touch()
    return folder


def _limited(recipe: cvkit.Recipe, data: Path) -> cvkit.Splits:
    return recipe.with_value("dataset.train_limit", 5000).dataset.build(data)  # type: ignore[no-any-return]
