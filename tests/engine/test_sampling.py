"""The recipe's sampler orders the training images of a run and of its trials."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from types import ModuleType

import pytest
import torch

from cvkit import Component, ComponentFailure, EpochRecord, Origin, Trainer, build_parts, hookimpl
from cvkit.data.loading import DataLoaderSource, Reading
from cvkit.engine.trainer import Step
from cvkit.host.discovery import discover
from cvkit.recipe import read_text, resolve

RECIPE = """
name: sampled
dataset: {name: shapes, train_size: 50, test_size: 10}
model: {name: custom_resnet, width: 2}
optimizer: sgd
train: {epochs: 2, batch_size: 8, workers: 0}
"""
FACTORIES = """
import random
import torch

def in_order(labels): return lambda seed: torch.arange(len(labels))
def draws(labels): return lambda seed: torch.tensor(random.choices(range(len(labels)), k=len(labels)))
def one_class(labels):
    images = (labels.values == labels.values.min()).nonzero()[:, 0]
    return lambda seed: images.repeat(len(labels))[: len(labels)]
def too_short(labels): return lambda seed: torch.arange(len(labels) - 1)
def outside(labels): return lambda seed: torch.arange(len(labels)) + 1
def fails(labels): return lambda seed: {}["none"]
def fails_later(labels):
    seen = set()
    def order(seed):
        seen.add(seed)
        return torch.arange(len(labels)) if len(seen) <= 2 else {}["none"]  # one of them tries the sampler
    return order
def never_twice(labels):
    seen = set()
    def order(seed):
        if seed in seen: raise ValueError("called again")
        seen.add(seed)
        return torch.arange(len(labels))
    return order
def no_sampler(labels): return 5
def noise(info):
    return lambda image: torch.randint_like(image, 256)
"""
NAMES = (
    "in_order",
    "draws",
    "one_class",
    "too_short",
    "outside",
    "fails",
    "no_sampler",
    "fails_later",
    "never_twice",
)


@pytest.fixture
def parts(monkeypatch):
    """The parts of a run with some of these samplers."""
    factories, plugin = ModuleType("acme_samplers"), ModuleType("acme")
    exec(FACTORIES, vars(factories))
    monkeypatch.setitem(sys.modules, "acme_samplers", factories)
    plugin.cvkit_samplers = hookimpl(lambda: [Component(name, f"acme_samplers:{name}", name) for name in NAMES])
    plugin.cvkit_augmentations = hookimpl(
        lambda: [Component("noise", "acme_samplers:noise", "Noise", per_sample=True)]
    )

    def built(*overrides: str):
        catalog = discover()
        catalog.admit(Origin("acme", "acme", "1"), plugin)
        recipe = resolve(read_text(RECIPE, overrides), catalog)
        return build_parts(recipe, recipe.dataset.build(Path("unused")))

    return built


def losses(trainer: Trainer, most: int | None = None) -> list[float]:
    return [event.loss for event in islice(trainer.fit(), most) if isinstance(event, Step)]


@pytest.mark.parametrize("resident", ["true", "false"])
def test_sampler_that_fails_later_does_not_lose_the_epoch_before(parts, resident):
    """Although the images of the next epoch are announced while an epoch ends."""
    seen = []
    events = Trainer(parts("sampler=fails_later", f"train.resident={resident}")).fit()
    with pytest.raises(ComponentFailure, match="cannot order the training images"):
        seen.extend(events)
    assert isinstance(seen[-1], EpochRecord)


def test_sampler_is_called_once_an_epoch(parts):
    assert len(losses(Trainer(parts("sampler=never_twice", "train.epochs=3")))) == 18


def test_recipe_without_a_sampler_shuffles(parts):
    """As a recipe that names the default does, and unlike others."""
    plain, shuffled, balanced = (
        losses(Trainer(parts(*given))) for given in ((), ("sampler=shuffle",), ("sampler=balanced",))
    )
    assert plain == shuffled
    assert plain != balanced


@pytest.mark.parametrize("sampler", ["balanced", "draws"])
@pytest.mark.parametrize("stop", [3, 10])
def test_run_resumed_in_an_epoch_uses_the_same_images(parts, sampler, stop):
    """With a sampler that draws from the global generators, and with images that are augmented one by one, too."""
    given = (f"sampler={sampler}", "augmentations=[acme/noise]")
    whole, first, second = (Trainer(parts(*given)) for _ in range(3))
    expected = losses(whole)
    losses(first, stop)
    torch.manual_seed(stop)
    second.restore(first.state())
    losses(second)
    assert len(expected) == 12
    for one, other in zip(whole.parts.model.parameters(), second.parts.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_sampled_epoch_is_the_same_on_any_number_of_workers(parts):
    """The order is drawn once, and not by the processes that load the images."""
    given = ("sampler=balanced", "train.resident=false", "train.epochs=1")
    alone, several = (losses(Trainer(parts(*given, f"train.workers={workers}"))) for workers in (0, 2))
    assert len(alone) == 6
    assert alone == several


def test_trial_samples_the_images_that_it_trains_on(parts):
    """Images that are held out are not used, and the sampler knows the labels of the others."""
    run = parts("sampler=one_class", "dataset.train_size=60")
    with run.trial("probe", hold_out=20) as trial:
        order = trial._sampling.order(5)
        used = trial._source.indices[order]
    assert len(order) == 40
    labels = run.splits.train.labels[used]
    assert labels.unique().tolist() == [int(run.splits.train.labels[trial._source.indices].min())]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("too_short", "returned int64 (49,); expected int64 (50,)"),
        ("outside", "returned numbers from 1 to 50"),
        ("fails", "cannot order the training images with seed"),
        ("no_sampler", "type int"),
    ],
)
def test_wrong_sampler_is_named_before_training(parts, name, words):
    with pytest.raises(ComponentFailure) as failure:
        parts(f"sampler={name}")
    assert failure.value.component == f"acme/{name}"
    assert words in str(failure.value)


def test_images_used_twice_are_augmented_in_two_ways(parts):
    """Also after a resume between the two, and whatever the number of workers."""
    run = parts("augmentations=[acme/noise]")
    order = torch.tensor([4, 7, 4, 9, 4])
    assert isinstance(run.train_source, DataLoaderSource)
    images = torch.cat([batch.images for batch in run.train_source.batches(Reading(order, 2, seed=1))])
    assert not torch.equal(images[0], images[2])
    assert not torch.equal(images[2], images[4])
    later = torch.cat([batch.images for batch in run.train_source.batches(Reading(order, 2, seed=1, first=2))])
    assert torch.equal(later, images[2:])
    alone = torch.cat([batch.images for batch in run.train_source.batches(Reading(torch.tensor([9, 4]), 2, seed=1))])
    assert torch.equal(alone, images[[3, 0]])
