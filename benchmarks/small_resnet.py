"""Runs of the small ResNet of CIFAR-10 with a change in one place: other benchmarks measure and compare them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cvkit

RECIPE = Path(__file__).parents[1] / "recipes" / "cifar10_resnet_small.yaml"
_WITHOUT: list[Any] = [{"name": "random_crop", "padding": 4}, "horizontal_flip"]
_USUAL: list[Any] = [*_WITHOUT, {"name": "cutout", "size": 8}]
CHANGES: dict[str, dict[str, Any]] = {
    "with-cutout": {},
    "without-cutout": {"augmentations": _WITHOUT},
    "mixing": {"augmentations": [*_USUAL, {"name": "torch/mixup_or_cutmix", "off_epochs": 1}]},
    "trivial-augment": {"augmentations": ["torchvision/trivial_augment", *_USUAL]},
    "sam": {"optimizer": {"name": "torch/sam", "nesterov": True, "weight_decay": 5.0e-4}},
}
"""The changes of each variant of the recipe; the recipe itself is `with-cutout`."""


def small_run(keep: Path, variant: str, seed: int) -> Path:
    """Return the folder of a finished run of a variant; train it first, or continue one that was interrupted."""
    place = keep / f"{variant}-{seed}"
    begun = {info.parent: json.loads(info.read_text()).get("status") for info in sorted(place.glob("*/run.json"))}
    for folder, status in begun.items():
        if status == "finished":
            return folder
    for folder in reversed(begun):
        if any(folder.glob("checkpoints/step-*")):
            subprocess.run([sys.executable, "-m", "cvkit", "resume", folder], check=True)
            return folder
    cvkit.keep_freed_memory()
    changes = {"seed": seed, "name": variant} | CHANGES[variant]
    return cvkit.train(RECIPE, set=changes, output=place).folder
