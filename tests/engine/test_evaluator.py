"""Which images predictions are of: the evaluator says what it was given."""

from __future__ import annotations

import pytest

from cvkit import build_parts, discover, resolve
from cvkit.data.splits import TensorSplit
from cvkit.engine.building import open_dataset
from cvkit.engine.evaluator import Evaluator
from cvkit.recipe import read_text

RECIPE = """\
dataset: {name: shapes, train_size: 16, validation_size: 12, test_size: 14}
model: {name: custom_resnet, width: 2}
optimizer: sgd
train: {batch_size: 8}
"""


@pytest.mark.usefixtures("one_thread")
def test_predictions_say_which_images_they_are_of(tmp_path):
    """By name or as an object; images of no split of the run are not called test images."""
    recipe = resolve(read_text(RECIPE), discover())
    parts = build_parts(recipe, open_dataset(recipe, tmp_path))
    evaluator, splits = Evaluator(parts), parts.splits
    own = TensorSplit(splits.test.images[:5], splits.test.labels[:5])
    halves = {
        half: evaluator.predict(given).half
        for half, given in {
            "default": None,
            "validation": "validation",
            "the validation images": splits.validation,
            "the test images": splits.test,
            "the training images": splits.train,
            "others": own,
        }.items()
    }
    assert halves == {
        "default": "test",
        "validation": "validation",
        "the validation images": "validation",
        "the test images": "test",
        "the training images": "train",
        "others": None,
    }
    assert evaluator.predict(own).name(3) == "image 3"
    assert evaluator.predict(splits.train).name(3) == "train image 3"
