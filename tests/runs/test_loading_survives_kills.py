"""A killed run with everything that decides what is loaded, and when training ends, goes on to the same bits."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from forks import in_a_fork
from PIL import Image

from cvkit import build_parts, discover
from cvkit.engine.building import open_dataset
from cvkit.engine.trainer import Step
from cvkit.recipe import read_text, resolve
from cvkit.runs.folder import RunFolder
from cvkit.runs.session import Session

pytestmark = pytest.mark.usefixtures("unrendered", "warm")
RECIPE = """
dataset: {name: image_folder, path: %s, size: 16, decode: draft, validation: 0.3, test: 4}
sampler: balanced
augmentations: [random_resized_crop, color_jitter]
model: {name: timm/test_resnet, drop_rate: 0.2}
optimizer: {name: adamw, lr: 0.01}
finetune: {freeze: {epochs: 1, batch_norm: always}, head_lr: 4}
callbacks: [{name: plateau, patience: 0, factor: 0.5, threshold: 0.9}]
selection: {keep_best: true, patience: 2, min_change: 0.5}
train: {epochs: 5, batch_size: 4, workers: 2, cache: %s, checkpoint_every: 2, device: cpu}
report: {misclassified: 0, augmented: 0}
explainers: []
"""


@pytest.fixture
def photos(tmp_path) -> Path:
    """Uneven classes of JPEG files, large enough to be decoded at a reduced size."""
    folder = tmp_path / "photos"
    draws = np.random.default_rng(0)
    for name, count in (("many", 20), ("few", 7)):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            coarse = draws.integers(0, 256, (9, 12, 3), dtype=np.uint8)
            photo = Image.fromarray(coarse).resize((160 + number, 120), Image.Resampling.BICUBIC)
            photo.save(folder / name / f"{number}.jpg")
    return folder


def carry_out(path: Path, text: str, data: Path, die_after: int | None = None) -> None:
    """Begin or resume a run; kill this process after a step."""
    path.mkdir(exist_ok=True)
    folder, catalog = RunFolder(path), discover()
    kept = folder.recipe_path.read_text() if folder.recipe_path.is_file() else text
    recipe = resolve(read_text(kept), catalog)
    session = Session(build_parts(recipe, open_dataset(recipe, data)), folder, data, catalog)
    session.start()
    for event in session.train():
        if isinstance(event, Step) and event.step == die_after:
            os.kill(os.getpid(), signal.SIGKILL)
    session.report()


def outcome(path: Path) -> tuple:
    state, damaged = RunFolder(path).newest_state()
    records = [record.to_json() | {"seconds": 0, "images_per_second": 0} for record in RunFolder(path).records()]
    return damaged, state, records, (path / "predictions.csv").read_bytes()


def assert_same(one, other) -> None:
    if isinstance(other, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(other, dict):
        assert one.keys() == other.keys()
        for key in other.keys() - {"kept"}:  # copies of the files, with times
            assert_same(one[key], other[key])
    elif isinstance(other, list | tuple):
        assert len(one) == len(other)
        for each, expected in zip(one, other, strict=True):
            assert_same(each, expected)
    elif not (isinstance(other, float) and other != other):
        assert one == other


def test_killed_run_with_sampler_freezing_callbacks_cache_and_workers_ends_with_the_same_bits(tmp_path, photos):
    """Killed while the body is frozen, and while it waits for a better epoch; compared with a run without a cache."""
    text = RECIPE % (photos, "disk")
    assert in_a_fork(lambda: carry_out(tmp_path / "whole", RECIPE % (photos, "null"), tmp_path / "data")) == 0
    expected = outcome(tmp_path / "whole")
    epochs = [record["epoch"] for record in expected[2]]
    steps = expected[1]["step"] // len(epochs)
    assert 3 <= len(epochs) < 5, "the run did not stop early"
    assert expected[1]["schedule"]["change"]["factor"] < 1, "plateau did not reduce the rate"
    for die_after in (steps - 1, 2 * steps + 1):
        code = in_a_fork(lambda die_after=die_after: carry_out(tmp_path / "run", text, tmp_path / "data", die_after))
        assert code == -signal.SIGKILL
    assert in_a_fork(lambda: carry_out(tmp_path / "run", text, tmp_path / "data")) == 0
    assert_same(outcome(tmp_path / "run"), expected)
    assert len([*tmp_path.glob("data/decoded/*")]) == 3
