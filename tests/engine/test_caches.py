"""`train.cache` in a run: which splits are kept and where, when they are decoded, and what the run says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch
from photos import photo
from PIL import Image

from cvkit import DataInfo, Framing, MachineError, build_parts, discover, read_image
from cvkit.data import caching
from cvkit.data.resizing import frame
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
    assert re.sub(r"(?<=/decoded/)[0-9a-f]{16}", "<digest>", "\n".join(told)) == wording


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


PLUGIN = """
from cvkit import Component, hookimpl
from cvkit_datasets.image_folder import image_folder

@hookimpl
def cvkit_datasets():
    yield Component("mine", "coded_photos:mine", "Photos of a plugin")

def mine(root, *, path: str):
    \"\"\"Return photos.\"\"\"
    return image_folder(root, path=path, size=32)
"""


def test_cache_is_not_used_after_the_code_of_the_data_set_has_changed(photos, tmp_path, monkeypatch):
    """It may decode other pixels now."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    plugin, data = tmp_path / "coded_photos.py", tmp_path / "data"
    plugin.write_text(PLUGIN)
    catalog = discover(paths=[plugin])

    def place() -> Path:
        dataset = f"dataset={{name: mine, path: {photos}}}"
        recipe = resolve(read_text(RECIPE % (photos, "disk"), [dataset]), catalog)
        return build_parts(recipe, open_dataset(recipe, data)).train_source.cached.plan.place

    first = place()
    assert place() == first
    plugin.write_text(PLUGIN.replace("size=32", "size=32, framing='pad'"))
    assert place() != first
    del sys.modules["coded_photos"]


PIXELS = {
    "crop": [
        [[44, 48, 52], [116, 120, 124], [188, 192, 196]],
        [[212, 208, 204], [140, 136, 132], [68, 64, 60]],
        [[121, 145, 143], [150, 122, 109], [101, 109, 136]],
    ],
    "pad": [
        [[128, 128, 128], [65, 72, 78], [161, 168, 174]],
        [[128, 128, 128], [190, 184, 177], [94, 88, 81]],
        [[128, 128, 128], [121, 137, 117], [126, 114, 138]],
    ],
    "squash": [
        [[41, 48, 54], [113, 120, 126], [185, 192, 198]],
        [[214, 208, 201], [142, 136, 129], [70, 64, 57]],
        [[106, 141, 122], [144, 125, 116], [113, 112, 150]],
    ],
}


@pytest.mark.parametrize("mode", ["crop", "pad", "squash"])
def test_framed_pixels_are_those_of_the_cached_version(tmp_path, mode):
    """If they change on purpose, raise `_VERSION` in cvkit/engine/caches.py, or old caches are used."""
    ramp = torch.arange(12 * 20, dtype=torch.int32).reshape(12, 20)
    image = torch.stack([ramp, 255 - ramp, ramp * 7 % 256]).to(torch.uint8).permute(1, 2, 0)
    Image.fromarray(image.numpy()).save(tmp_path / "ramp.png")
    info = DataInfo(3, 3, 3, ("a", "b"), (0.5,) * 3, (0.2,) * 3, Framing(mode, "bilinear", 0.875, "full"))
    made = frame(read_image(tmp_path / "ramp.png", 3), info)
    assert (made.int() - torch.tensor(PIXELS[mode])).abs().max() <= 1, made.tolist()


def test_setting_without_effect_is_reported(photos, tmp_path, wording):
    """Here the images are in memory because of `train.resident`."""
    events = execute(session(photos, tmp_path, "disk", "train.resident=true"))
    lines = [event.line for event in events if isinstance(event, Noted)]
    assert [line for line in lines if "train.cache" in line] == wording
    assert not (tmp_path / "data" / "decoded").exists()
