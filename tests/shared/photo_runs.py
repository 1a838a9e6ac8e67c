"""Small photos in folders, and a run that was trained on them."""

from __future__ import annotations

from pathlib import Path

import pytest
import unrendered
from opened_runs import opened_of
from photos import photo
from PIL import Image

import cvkit
from cvkit.prediction.opened import OpenedClassifier

RECIPE = """\
name: photos
dataset: {{name: image_folder, path: {place}, size: 32, validation: 0.25, test: 0.25}}
model: {{name: custom_resnet, width: 2}}
optimizer: {{name: sgd, lr: 0.05}}
loss: {{name: cross_entropy, class_weights: balanced}}
metrics: [balanced_accuracy, macro_f1]
evaluation: {{flip_tta: true}}
train: {{epochs: 1, batch_size: 5, device: cpu, workers: 0, precision: {precision}}}
report: {{misclassified: 4}}
explainers: []
"""


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory) -> Path:
    """Photos of three classes, which are larger than the model's input, and neither square nor equally large."""
    folder = tmp_path_factory.mktemp("photos")
    for number, name in enumerate(("cat", "dog", "owl")):
        (folder / name).mkdir()
        for index in range(12):
            pixels = photo(100 * number + index, 40 + index).permute(1, 2, 0).numpy()[: 36 + index]
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder


def trained(folder: Path, output: Path, precision: str) -> cvkit.TrainedRun:
    """Return a run on the photos, whose figures are not rendered."""
    with unrendered.figures():
        return cvkit.train(RECIPE.format(place=folder, precision=precision), output=output, progress=False)


@pytest.fixture(scope="session")
def run(photo_folder, tmp_path_factory) -> cvkit.TrainedRun:
    """A run on the photos."""
    return trained(photo_folder, tmp_path_factory.mktemp("runs"), "fp32")


@pytest.fixture(scope="session")
def run_in_bf16(photo_folder, tmp_path_factory) -> cvkit.TrainedRun:
    """A run on the photos in bf16, which the CPU can compute in."""
    return trained(photo_folder, tmp_path_factory.mktemp("runs"), "bf16")


@pytest.fixture(scope="session")
def opened(run) -> OpenedClassifier:
    """Its classifier."""
    return opened_of(run)


@pytest.fixture(scope="session")
def some(photo_folder) -> list[Path]:
    """Seven of the photos."""
    return sorted(photo_folder.rglob("*.png"))[::5][:7]
