"""Augmentations that only move pixels are applied to bytes at once: the draws and pixels of separate calls."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from cvkit import ComponentFailure, DataInfo, build_parts, discover
from cvkit.batch_division import Divided, GlobalBatch, during
from cvkit.data import preprocessing
from cvkit.data.loading import Reading
from cvkit.data.preprocessing import Preprocessor
from cvkit.recipe import read_text, resolve
from cvkit_kornia.crop import random_crop
from cvkit_kornia.cutout import cutout
from cvkit_kornia.flip import horizontal_flip

INFO = DataInfo(3, 12, 10, ("cat", "dog"), mean=(0.1, 0.2, 0.3), std=(0.2, 0.3, 0.4))
LABELS = torch.arange(17) % 2
RECIPE = """\
dataset: {name: shapes, train_size: 20, test_size: 8}
augmentations: [{name: random_crop, padding: 2}, horizontal_flip]
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.05}
train: {epochs: 1, batch_size: 8}
"""
CASES = {
    "crop, flip, cutout": [random_crop(INFO), horizontal_flip(INFO), cutout(INFO, size=4)],
    "flip, crop": [horizontal_flip(INFO, p=0.3), random_crop(INFO, padding=2)],
    "two crops of other sizes": [random_crop(INFO, size=13, padding=3), random_crop(INFO, size=7, padding=0)],
    "replicated padding": [random_crop(INFO, padding=15, padding_mode="replicate"), horizontal_flip(INFO, p=1.0)],
    "circular padding": [random_crop(INFO, padding=10, padding_mode="circular"), horizontal_flip(INFO, p=0.0)],
    "constant padding, which makes pixels": [random_crop(INFO, padding_mode="constant"), horizontal_flip(INFO)],
    "cutout first": [cutout(INFO, size=3), random_crop(INFO), horizontal_flip(INFO)],
    "no padding": [random_crop(INFO, size=8, padding=0, padding_mode="constant")],
}


@pytest.fixture(scope="module")
def entries():
    """The registry's entries of an augmentation, whose names errors have."""
    catalog = discover()
    return [entry for entry in catalog.entries() if entry.id == "kornia/random_crop"]


@pytest.fixture
def images() -> torch.Tensor:
    """A batch of bytes."""
    return torch.randint(0, 256, (17, 3, 12, 10), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def preprocessor(entries, augmentations, channels_last: bool = False) -> Preprocessor:
    return Preprocessor(INFO, [(entries[0], each) for each in augmentations], torch.device("cpu"), channels_last)


def separate(augmentation):
    """Return the augmentation without what lets cvkit move its pixels, so that it is called with floats."""
    called = partial(augmentation)
    called.draws_globally = augmentation.draws_globally
    return called


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_pixels_and_draws_are_those_of_separate_calls(entries, images, case, channels_last):
    """Model inputs are the same to the bit and in the same memory order, and the generator ends in the same state."""
    results = []
    for augmentations in (CASES[case], [separate(each) for each in CASES[case]]):
        torch.manual_seed(5)
        inputs, _ = preprocessor(entries, augmentations, channels_last).for_training(images, LABELS)
        results.append((inputs, torch.get_rng_state()))
    (fused, after), (expected, expected_after) = results
    assert torch.equal(fused, expected)
    assert fused.stride() == expected.stride()
    assert torch.equal(after, expected_after)


def test_share_of_one_of_several_processes_is_that_of_the_whole_batch(entries, images):
    """Each process draws for all images, and moves its own."""
    augmentations = CASES["crop, flip, cutout"]
    torch.manual_seed(5)
    whole, _ = preprocessor(entries, augmentations).for_training(images, LABELS)
    for rows in (slice(0, None, 2), slice(1, None, 2), slice(17, None, 18)):  # the last process has no image
        torch.manual_seed(5)
        with during(Divided(GlobalBatch(len(images), rows), lambda tensor: tensor)):
            own, _ = preprocessor(entries, augmentations).for_training(images[rows], LABELS[rows])
        assert torch.equal(own, whole[rows])


def test_first_augmentations_are_not_called_with_floats(entries, images, monkeypatch):
    """The gate: a crop and a flip together convert their images once, after they were moved."""
    converted = []
    real = Preprocessor.to_float
    monkeypatch.setattr(Preprocessor, "to_float", lambda self, given: converted.append(given) or real(self, given))
    torch.manual_seed(5)
    preprocessor(entries, CASES["crop, flip, cutout"]).augment(images, LABELS)
    assert not torch.equal(converted[0], images)
    _, applied = preprocessing.moved(preprocessor(entries, CASES["crop, flip, cutout"]).augmentations, images)
    assert applied == 2


def test_input_images_are_not_changed(entries, images):
    """They may be the data set in memory."""
    before = images.clone()
    preprocessor(entries, CASES["crop, flip, cutout"]).augment(images, LABELS)
    assert torch.equal(images, before)


class Wrong:
    """An augmentation whose moves do not fit."""

    def __init__(self, moves) -> None:
        self.pixel_moves = lambda shape, device: moves

    def __call__(self, images):
        return images


@pytest.mark.parametrize(
    "moves",
    [
        torch.zeros(17, 4, dtype=torch.int64),
        (torch.zeros(17, 4, dtype=torch.int64), torch.zeros(4, dtype=torch.int64)),
        (torch.zeros(17, 4), torch.zeros(17, 4)),
        (torch.full((17, 4), 12), torch.zeros(17, 4, dtype=torch.int64)),
    ],
    ids=["one tensor", "one row for all images", "floats", "outside of the image"],
)
def test_wrong_moves_name_the_augmentation(entries, images, moves):
    """A plugin's mistake is reported as any other of an augmentation."""
    with pytest.raises(ComponentFailure, match="kornia/random_crop"):
        preprocessor(entries, [Wrong(moves)]).augment(images, LABELS)


def test_augmentations_of_a_recipe_move_pixels():
    """The entry and the built part are what a run uses."""
    recipe = resolve(read_text(RECIPE), discover())
    parts = build_parts(recipe, recipe.dataset.build(None))
    batch = next(parts.train_source.batches(Reading(torch.arange(8), 8)))
    assert preprocessing.moved(parts.preprocessor.augmentations, batch.images)[1] == 2
