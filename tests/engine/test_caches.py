"""`train.cache` in a run: which splits are kept and where, when they are decoded, and what the run says."""

from __future__ import annotations

from pathlib import Path

import pytest
from photos import photo
from PIL import Image

from cvkit import MachineError, build_parts, discover
from cvkit.data import caching
from cvkit.engine.building import open_dataset
from cvkit.recipe import read_text, resolve
from cvkit.runs.execute import Noted, execute
from cvkit.runs.folder import RunFolder
from cvkit.runs.session import Session

pytestmark = pytest.mark.usefixtures("unrendered", "one_thread")
RECIPE = """
dataset: {name: image_folder, path: %s, size: 32}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.01}
train: {epochs: 1, batch_size: 4, workers: 0, device: cpu, cache: %s}
report: {misclassified: 0, augmented: 0, audit: 0}
explainers: []
"""


@pytest.fixture
def photos(tmp_path) -> Path:
    """Two classes of 4 training, 2 validation and 2 test photos."""
    seed = 0
    for half, count in (("train", 4), ("val", 2), ("test", 2)):
        for name in ("cat", "dog"):
            folder = tmp_path / "photos" / half / name
            folder.mkdir(parents=True)
            for number in range(count):
                seed += 1
                Image.fromarray(photo(seed).permute(1, 2, 0).numpy()).save(folder / f"{number}.png")
    return tmp_path / "photos"


def session(photos: Path, tmp_path: Path, cache: str, *changes: str, name: str = "run") -> Session:
    recipe = resolve(read_text(RECIPE % (photos, cache), changes), catalog := discover())
    data = tmp_path / "data"
    (folder := tmp_path / name).mkdir(exist_ok=True)
    return Session(build_parts(recipe, open_dataset(recipe, data)), RunFolder(folder), data, catalog)


@pytest.mark.parametrize("cache", ["memory", "disk"])
def test_images_are_decoded_before_the_first_step_and_each_split_is_said(photos, tmp_path, cache, wording):
    """In memory without the test images, which are read once; a later run finds what is on the disk."""
    told = []
    for name in ("one", "two"):
        events = execute(session(photos, tmp_path, cache, name=name))
        lines = [event.line if isinstance(event, Noted) else type(event).__name__ for event in events]
        first = lines.index("TrainingStarted")
        assert not [line for line in lines[first:] if "train.cache" in line]
        told += [line for line in lines[:first] if line.startswith("train.cache")]
    assert "\n".join(told) == wording


def test_cache_without_room_ends_the_run_before_its_first_step(photos, tmp_path, monkeypatch):
    """Here the memory is used up by the training images."""
    free = iter([10**9, 0])
    monkeypatch.setattr(caching, "_LOOK_AFTER", 2)
    monkeypatch.setattr(caching, "free_memory", lambda: next(free))
    run = session(photos, tmp_path, "memory")
    with pytest.raises(MachineError):
        list(execute(run))
    assert run.step == 0


def test_photos_reduced_for_another_crop_have_another_cache(photos, tmp_path):
    """The same crop, built again, has the same one."""

    def place(scale: str) -> Path:
        crop = f"augmentations=[{{name: torchvision/random_resized_crop, scale: {scale}}}]"
        parts = session(photos, tmp_path, "disk", crop, "dataset.decode=draft").parts
        return parts.train_source.cached.plan.place

    assert place("[0.5, 1.0]") == place("[0.5, 1.0]")
    assert place("[0.5, 1.0]") != place("[0.4, 1.0]")


def test_setting_without_effect_is_reported(photos, tmp_path, wording):
    """Here the images are in memory because of `train.resident`."""
    events = execute(session(photos, tmp_path, "disk", "train.resident=true"))
    lines = [event.line for event in events if isinstance(event, Noted)]
    assert [line for line in lines if "train.cache" in line] == wording
    assert not (tmp_path / "data" / "decoded").exists()
