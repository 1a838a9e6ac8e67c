"""Augmentations of single images: drawn by seed and index, whatever process draws them."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from cvkit import KINDS, Component, DataInfo, Framing, Origin, RecipeError, RunError, TensorSplit
from cvkit.data.loading import DataLoaderSource, Reading, open_source
from cvkit.data.sample_augmentation import SampleAugmentations
from cvkit.engine.assembly import build_parts
from cvkit.engine.trainer import Trainer
from cvkit.host.catalog import Catalog
from cvkit.host.discovery import discover
from cvkit.host.registry import Entry
from cvkit.recipe import read_text, resolve

CPU = torch.device("cpu")
INFO = DataInfo(3, 8, 8, ("a", "b"), (0.5,) * 3, (0.2,) * 3)
IMAGES = torch.randint(256, (6, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
PLUGIN = '''
import random

import numpy as np
import torch

from cvkit import Component, hookimpl


@hookimpl
def cvkit_augmentations():
    yield Component("add_noise", "noisy_samples:add_noise", "Noise", per_sample=True)
    yield Component("halve", "noisy_samples:halve", "Half", per_sample=True)
    yield Component("dim", "noisy_samples:dim", "Darker batches")


def add_noise(info, *, amount: int = 9):
    """Add noise from all three global generators to one image."""
    def augment(image):
        assert image.ndim == 3
        shift = np.random.randint(amount) + random.randrange(amount)
        return (image // 2 + torch.randint(amount, image.shape) + shift).to(torch.uint8)
    return augment


def halve(info):
    """Leave out every other row, which no run can use."""
    return lambda image: image[:, ::2]


def dim(info):
    """Darken a batch."""
    return lambda images: images * (0.5 + 0.5 * torch.rand(len(images), 1, 1, 1))
'''
RECIPE = """
dataset: {name: shapes, train_size: 64, test_size: 20}
augmentations: [add_noise, dim]
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.05, momentum: 0.9}
train: {epochs: 2, batch_size: 16}
"""


@pytest.fixture
def noisy(tmp_path, monkeypatch) -> Iterator[Catalog]:
    """The installed plugins, and one that augments single images."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "noisy_samples.py").write_text(PLUGIN)
    yield discover(paths=[tmp_path / "noisy_samples.py"])
    del sys.modules["noisy_samples"]


def noise(image):
    """Draw from every global generator."""
    return (image // 2 + torch.randint(99, image.shape) + np.random.randint(9) + random.randrange(9)).to(torch.uint8)


def entry(name: str) -> Entry:
    component = Component(name, f"test_samples:{name}", per_sample=True)
    return Entry(KINDS["augmentations"], component, Origin("acme", "acme-noise", "1.0"))


NOISE = SampleAugmentations([(entry("noise"), noise)], INFO)


def test_draws_depend_on_seed_and_index_alone():
    """The same image at the same place of the same epoch is the same, whatever came before; others differ."""
    first = NOISE(IMAGES[0], seed=1, index=5)
    torch.rand(3), random.random(), np.random.rand()
    assert torch.equal(NOISE(IMAGES[0], seed=1, index=5), first)
    assert not torch.equal(NOISE(IMAGES[0], seed=1, index=6), first)
    assert not torch.equal(NOISE(IMAGES[0], seed=2, index=5), first)


def test_draws_leave_the_global_generators_as_they_were():
    """What a step draws next does not depend on whether its images were augmented in this process."""
    torch.manual_seed(3), random.seed(3), np.random.seed(3)
    expected = torch.rand(1).item(), random.random(), np.random.rand()
    torch.manual_seed(3), random.seed(3), np.random.seed(3)
    NOISE.batch(IMAGES, seed=1)
    next(DataLoaderSource([(IMAGES[0], 1)], torch.device("cpu"), 0, NOISE).batches(Reading(torch.arange(1), 1)))
    assert (torch.rand(1).item(), random.random(), np.random.rand()) == expected


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_are_the_same_whatever_the_number_of_workers(workers):
    """In this process or in others, image i of an epoch draws what it draws."""
    split = [(image, 1) for image in IMAGES]
    source = DataLoaderSource(split, torch.device("cpu"), workers, NOISE)
    batches = list(source.batches(Reading(torch.tensor([4, 0, 3, 5]), 2, seed=7)))
    expected = [NOISE(IMAGES[index], 7, index) for index in (4, 0, 3, 5)]
    assert torch.equal(torch.cat([batch.images for batch in batches]), torch.stack(expected))


class Fading:
    """Darkens every image more than the one before."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, image: Tensor) -> Tensor:
        self.calls += 1
        return image // self.calls


@pytest.mark.parametrize("workers", [0, 1])
def test_epoch_does_not_depend_on_what_an_augmentation_remembers_of_earlier_ones(workers):
    """So a run that is resumed after an epoch is exact."""
    split = [(image, 1) for image in IMAGES]
    source = DataLoaderSource(split, CPU, workers, SampleAugmentations([(entry("fading"), Fading())], INFO))
    with source.kept_open():
        first, second = (next(source.batches(Reading(torch.arange(6), 6, seed=seed))).images for seed in (1, 2))
    expected = torch.stack([image // number for number, image in enumerate(IMAGES, 1)])
    assert torch.equal(first, expected)
    assert torch.equal(second, expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_augmentation_in_place_does_not_reach_the_data_set(workers):
    """A data set in memory hands out views of itself."""
    split = TensorSplit(IMAGES.clone(), torch.zeros(len(IMAGES), dtype=torch.int64))
    source = DataLoaderSource(
        split, torch.device("cpu"), workers, SampleAugmentations([(entry("in"), Tensor.zero_)], INFO)
    )
    assert next(source.batches(Reading(torch.arange(6), 6))).images.sum() == 0
    assert torch.equal(split.images, IMAGES)


@pytest.mark.parametrize("workers", [0, 2])
def test_images_of_any_size_are_kept_in_memory_where_asked(workers):
    """They give what they give when they are streamed, and each is read once; nothing writes to them."""
    info = DataInfo(3, 8, 8, ("a", "b"), (0.5,) * 3, (0.2,) * 3, Framing("squash", "bilinear", 1.0))
    read: list[int] = []

    class Photos:
        def __len__(self):
            return 5

        def __getitem__(self, index):
            read.append(index)
            return IMAGES[index].repeat(1, 1, index + 1)[:, : index + 2], index % 2

    augmentations = SampleAugmentations([(entry("noise"), noise), (entry("in"), lambda image: image.add_(1))], info)
    order = torch.tensor([4, 0, 3, 1, 2])
    streamed = list(DataLoaderSource(Photos(), CPU, 0, augmentations).batches(Reading(order, 2, seed=3)))
    read.clear()
    source = open_source(Photos(), CPU, True, workers, augmentations=augmentations)
    for _ in range(2):
        kept = list(source.batches(Reading(order, 2, seed=3)))
        assert all(torch.equal(one.images, other.images) for one, other in zip(kept, streamed, strict=True))
        assert all(torch.equal(one.labels, other.labels) for one, other in zip(kept, streamed, strict=True))
    assert read == ([] if workers else [0, 1, 2, 3, 4])


def test_epochs_draw_other_numbers():
    """The seed of the draws is the epoch's."""
    source = DataLoaderSource([(image, 1) for image in IMAGES], torch.device("cpu"), 0, NOISE)
    one, other = (next(source.batches(Reading(torch.arange(6), 6, seed=seed))).images for seed in (1, 2))
    assert not torch.equal(one, other)


def test_none_means_none():
    """A recipe without them pays nothing."""
    assert not SampleAugmentations([], INFO)
    assert torch.equal(SampleAugmentations([], INFO).batch(IMAGES, 0), IMAGES)


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        pytest.param(lambda image: image[:, ::2], ("uint8 (3, 4, 8)", "uint8 (3, 8, 8)"), id="shape"),
        pytest.param(lambda image: image / 255, ("float32 (3, 8, 8)",), id="type"),
        pytest.param(lambda image: None, ("NoneType",), id="nothing"),
        pytest.param(lambda image: 1 / 0, ("uint8 (3, 8, 8)", "ZeroDivisionError: division by zero"), id="error"),
    ],
)
def test_broken_augmentation_is_named_also_from_another_process(broken, named, wording):
    """Its own traceback would be wrapped in the loader's."""
    told = []
    for workers in (0, 1):
        augmentations = SampleAugmentations([(entry("bad"), broken)], INFO)
        source = DataLoaderSource([(IMAGES[0], 1)], torch.device("cpu"), workers, augmentations)
        with pytest.raises(RunError) as caught:
            list(source.batches(Reading(torch.arange(1), 1)))
        told.append(str(caught.value))
    assert told[0] == told[1]
    assert [part for part in ("'acme/bad'", *named) if part not in told[0]] == []
    assert re.sub(r"line \d+", "line <n>", told[0]) == wording


def trained(catalog, *overrides) -> tuple[Trainer, dict[str, torch.Tensor]]:
    recipe = resolve(read_text(RECIPE, overrides), catalog)
    run = Trainer(build_parts(recipe, recipe.dataset.build(None)))
    list(run.fit())
    return run, run.parts.model.state_dict()


def test_run_trains_on_augmented_samples_the_same_on_any_number_of_workers(noisy):
    """Samples first, batches after, and the weights do not depend on who drew."""
    _, alone = trained(noisy, "train.workers=0")
    _, helped = trained(noisy, "train.workers=2")
    assert all(torch.equal(alone[name], helped[name]) for name in alone)
    _, plain = trained(noisy, "augmentations=[dim]")
    assert not torch.equal(alone["linear.weight"], plain["linear.weight"])


def test_run_stopped_midway_continues_with_the_same_samples(noisy):
    """The draws of step 5 do not depend on who took steps 1 to 4."""
    _, whole = trained(noisy, "train.workers=0")
    recipe = resolve(read_text(RECIPE, ["train.workers=0"]), noisy)
    first = Trainer(build_parts(recipe, recipe.dataset.build(None)))
    for step, _ in zip(range(1, 7), first.fit(), strict=False):
        if step == 6:
            state = first.state()
    second = Trainer(build_parts(recipe, recipe.dataset.build(None)))
    second.restore(state)
    list(second.fit())
    assert all(torch.equal(whole[name], tensor) for name, tensor in second.parts.model.state_dict().items())


def test_run_with_an_unusable_augmentation_is_refused_before_it_starts(noisy):
    """Two images are tried first."""
    with pytest.raises(RunError, match=r"'noisy_samples/halve' .*uint8"):
        trained(noisy, "augmentations=[halve]")


def test_recipe_lists_samples_before_batches(noisy, wording):
    """They are called before there are batches, so the order written is the order of things."""
    with pytest.raises(RecipeError) as caught:
        resolve(read_text(RECIPE, ["augmentations=[dim, add_noise]"]), noisy)
    (problem,) = caught.value.problems
    assert "'noisy_samples/add_noise'" in problem.message
    assert "'noisy_samples/dim'" in problem.hint
    assert f"{problem.message}\n{problem.hint}" == wording


def test_pictures_of_augmented_images_show_the_samples_augmented(noisy):
    """What the report shows is what training sees: other views are other draws, the same view the same."""
    recipe = resolve(read_text(RECIPE, ["augmentations=[add_noise]"]), noisy)
    run = Trainer(build_parts(recipe, recipe.dataset.build(None)))
    images = run.parts.splits.train.images[:3]
    one, again, other = (run.parts.augmented(images, draw) for draw in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert one.dtype == torch.float32
