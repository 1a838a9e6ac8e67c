"""A small network that knows four shapes, trained in seconds, and explainers of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import OneCycleLR

from cvkit.diagnostics.explainers import Explainers
from cvkit.engine.data import TensorSplit
from cvkit.engine.pixels import Pixels
from cvkit.engine.trained import Trained
from cvkit.plugins import discover
from cvkit.recipe import read_text, resolve
from cvkit_datasets.shapes import shapes

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


@pytest.fixture(scope="session")
def four_shapes():
    """Training and test images of four shapes, and what is known of them."""
    splits = shapes(None, train_size=6000, test_size=600)
    info = replace(splits.info, classes=tuple(splits.info.classes[label] for label in CLASSES))
    return of_four_classes(splits.train), of_four_classes(splits.test), info


@pytest.fixture(scope="session")
def knowing(four_shapes):
    """A network that is right on more than 95 % of the test images."""
    train, test, info = four_shapes
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = recipe().model.build(info)
        pixels = Pixels(info, [], torch.device("cpu"), channels_last=False)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
        epochs, batch = 8, 50
        schedule = OneCycleLR(optimizer, 0.4, total_steps=epochs * len(train) // batch)
        for _ in range(epochs):
            for index in torch.randperm(len(train)).split(batch):
                loss = cross_entropy(model(pixels.for_evaluation(train.images[index])), train.labels[index])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    trained = Trained(model.eval(), info, pixels, torch.device("cpu"), seed=0)
    assert (trained.logits(test.images).argmax(dim=1) == test.labels).double().mean() > 0.95
    return trained
