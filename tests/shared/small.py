"""A recipe that trains in a second, for the tests of everything that happens while it does."""

from __future__ import annotations

from pathlib import Path

from cvkit import Catalog, RunParts, build_parts, resolve
from cvkit.recipe import read_text

RECIPE = """\
name: small
dataset: {name: shapes, train_size: 70, test_size: 30}
augmentations: [{name: random_crop, padding: 2}, horizontal_flip, cutout]
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.05, momentum: 0.9}
scheduler: {name: one_cycle, max_lr: 0.1, peak_fraction: 0.4}
explainers: [grad_cam]
train: {epochs: 3, batch_size: 8}
report: {misclassified: 3, augmented: 2}
"""


def run_of(catalog: Catalog, *overrides: str, text: str = RECIPE) -> RunParts:
    """Return a run of the recipe with overrides."""
    recipe = resolve(read_text(text, overrides), catalog)
    return build_parts(recipe, recipe.dataset.build(Path("unused")))
