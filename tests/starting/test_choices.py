"""What a first recipe says follows from the photos."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cvkit.data.account import DataAccount
from cvkit.data.splits import DataInfo, Splits, TensorSplit
from cvkit.host.discovery import discover
from cvkit.recipe import read_text, resolve
from cvkit.starting.choices import choose
from cvkit.starting.first_recipe import recipe_text
from cvkit.starting.photos import Photos

OPTIONS = {"name": "image_folder", "path": "photos", "size": 224, "validation": 0.15, "test": 0.15}


def photos(
    cats: int = 100, dogs: int = 100, side: tuple[int, int] = (100, 120), options=OPTIONS, validation: int = 50
) -> Photos:
    count = cats + dogs
    split = TensorSplit(torch.zeros(count, 1, 1, 1, dtype=torch.uint8), torch.zeros(count, dtype=torch.int64))
    info = DataInfo(1, 1, 1, ("cat", "dog"), (0.5,), (0.5,))
    few = {"cat": validation, "dog": validation}
    account = DataAccount({"train": {"cat": cats, "dog": dogs}, "validation": few})
    return Photos(options, Splits(split, split, info), account, (), (side,) * 10)


@pytest.mark.parametrize(("cats", "dogs", "balanced"), [(100, 100, False), (149, 100, False), (150, 100, True)])
def test_uneven_classes_are_balanced(cats, dogs, balanced):
    """From one and a half times the photos."""
    chosen = choose(photos(cats, dogs), "timm/resnet18", True)
    assert (chosen.balanced, chosen.metric) == (balanced, "balanced_accuracy" if balanced else "accuracy")


@pytest.mark.parametrize(
    ("cats", "validation", "metric"), [(100, 50, "accuracy"), (200, 50, "balanced_accuracy"), (200, 49, "loss")]
)
def test_accuracy_of_few_validation_photos_chooses_nothing(cats, validation, metric):
    """The loss does, because it varies less."""
    assert choose(photos(cats, validation=validation), "timm/resnet18", True).metric == metric


@pytest.mark.parametrize(("count", "trained"), [(10, "head"), (100, "head"), (101, "body"), (50_000, "body")])
def test_few_photos_train_the_head_alone(count, trained):
    """In as many epochs as are frozen; more photos free the body after one."""
    chosen = choose(photos(count, count), "timm/resnet18", True)
    assert chosen.trained == trained
    assert chosen.finetune["freeze"]["epochs"] == (chosen.epochs if trained == "head" else 1)
    assert ("head_lr" in chosen.finetune) == (trained == "body")


def test_random_weights_are_trained_longer():
    """For a hundred epochs at most."""
    assert choose(photos(10, 10), "resnet18", None).epochs == 100
    assert choose(photos(670, 0), "resnet18", None).epochs > 10 * choose(photos(670, 0), "resnet18", True).epochs


@pytest.mark.parametrize(("side", "framing"), [((100, 200), "squash"), ((100, 201), "pad")])
def test_long_photos_are_kept_whole(side, framing):
    """With a border if they are more than twice as long as wide; all others are stretched."""
    assert choose(photos(side=side), "resnet18", None).framing == framing


@pytest.mark.parametrize("count", [2, 3, 7, 20, 100, 5000])
@pytest.mark.parametrize("pretrained", [None, True, "weights/lite 0: new.safetensors"])
def test_every_recipe_is_valid_and_has_whole_batches(count, pretrained):
    """Also for few photos, and for a path that YAML has to quote."""
    found = photos(count, 1, options=OPTIONS | {"path": "my photos: #1"})
    recipe = resolve(read_text(recipe_text(found, choose(found, "timm/resnet18", pretrained))), discover())
    assert 2 <= recipe.train.batch_size <= found.training
    assert recipe.dataset.options["path"] == Path("my photos: #1").absolute()
    written = Path(pretrained).absolute() if isinstance(pretrained, str) else pretrained or False
    assert recipe.model.options["pretrained"] == written
