"""A small network that knows four shapes, its weights stored beside this file, and explainers of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from cvkit.data.preprocessing import Preprocessor
from cvkit.data.splits import TensorSplit
from cvkit.engine.trained_model import TrainedModel
from cvkit.explain.explainers import Explainers
from cvkit.host.discovery import discover
from cvkit.recipe import read_text, resolve
from cvkit_datasets.shapes import shapes

STORED = Path(__file__).with_name("knowing.safetensors")
CLASSES = (0, 3, 5, 6)  # circle, triangle, bar, cross
RECIPE = """
dataset: shapes
model: {{name: custom_resnet, width: 4}}
optimizer: sgd
explainers: [{methods}]
train: {{epochs: 1}}
"""


@pytest.fixture(scope="session")
def explainers_of():
    """Put the explainers of those names to work on a trained model."""

    def made(trained, *methods):
        return Explainers(trained, recipe(methods).explainers, [])

    return made


def recipe(methods=()):
    return resolve(read_text(RECIPE.format(methods=", ".join(methods))), discover())


def of_four_classes(split):
    kept = torch.isin(split.labels, torch.tensor(CLASSES))
    labels = torch.searchsorted(torch.tensor(CLASSES), split.labels[kept])
    return TensorSplit(split.images[kept], labels, split.masks[kept])


def four_classes():
    splits = shapes(None, train_size=6000, test_size=600)
    info = replace(splits.info, classes=tuple(splits.info.classes[label] for label in CLASSES))
    return of_four_classes(splits.train), of_four_classes(splits.test), info


@pytest.fixture(scope="session")
def four_shapes():
    """Training and test images of four shapes, and what is known of them."""
    return four_classes()


@pytest.fixture(scope="session")
def knowing(four_shapes):
    """A network that is right on more than 95 % of the test images; make_knowing.py has trained it."""
    _, _, info = four_shapes
    with torch.random.fork_rng():
        model = recipe().model.build(info)
    model.load_state_dict(load_file(STORED))
    pixels = Preprocessor(info, [], torch.device("cpu"), channels_last=False)
    return TrainedModel(model.eval(), info, pixels, torch.device("cpu"), seed=0)
