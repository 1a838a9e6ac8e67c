"""A small recipe file, and a way to run it whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

RECIPE = """\
name: small
dataset: {name: shapes, train_size: 70, test_size: 30}
augmentations: [{name: random_crop, padding: 2}, horizontal_flip, cutout]
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, momentum: 0.9}
scheduler: {name: one_cycle, max_lr: 0.1, peak_fraction: 0.4}
explainers: [grad_cam]
train: {epochs: 3, batch_size: 8, checkpoint_every: 3}
report: {misclassified: 3, augmented: 2}
"""


@pytest.fixture
def recipe(tmp_path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def cvkit(tmp_path):
    """Call the command line in a process of its own, in an empty folder, on one thread."""

    def call(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cvkit", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            **options,
        )

    return call
