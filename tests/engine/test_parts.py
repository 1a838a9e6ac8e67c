"""What a stranger's factories make is held to what their kinds return, before anything is trained."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from cvkit.engine.run import Run

from cvkit import KINDS, Component, CvkitError, hookimpl
from cvkit.engine.building import open_dataset
from cvkit.host.component import Origin
from cvkit.host.discovery import discover
from cvkit.recipe import read_text, resolve

SMALL = """
dataset: {name: shapes, train_size: 32, test_size: 20}
model: {name: custom_resnet, width: 2}
optimizer: sgd
train: {batch_size: 16}
"""
FACTORIES = """
from torch import nn

def nothing(*supplied): ...
def number(*supplied): return 5
def slip(*supplied): return supplied.nothing
def lazy(info): return nn.Sequential(nn.Flatten(), nn.LazyLinear(info.num_classes))
def vector(info): return nn.CrossEntropyLoss(reduction="none")
def pair(info):
    return lambda images: (images, images)
"""


@pytest.fixture
def start(tmp_path, monkeypatch) -> Callable[[str, str], None]:
    """Build a run in which one part, at a place of the recipe, is made by a factory above."""
    (tmp_path / "strange_factories.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()

    def start(place: str, factory: str) -> None:
        kinds = {"dataset": "datasets", "loss": "losses", "augmentations": "augmentations", "tuners": "tuners"}
        kind = KINDS[kinds.get(place, f"{place}s")]
        hook = hookimpl(lambda: [Component(factory, f"strange_factories:{factory}")])
        catalog = discover()
        catalog.admit(Origin("strange", "strange-parts", "1.0"), SimpleNamespace(**{kind.hook: hook}))
        written = f"[{{name: {factory}, set: optimizer.lr}}]" if place == "tuners" else f"[{factory}]"
        overrides = ["optimizer.lr=auto"] if place == "tuners" else []
        value = written if place in ("tuners", "augmentations") else factory
        recipe = resolve(read_text(SMALL, [*overrides, f"{place}={value}"]), catalog)
        run = Run(recipe, open_dataset(recipe, tmp_path))
        list(run.tune())

    yield start
    sys.modules.pop("strange_factories", None)


@pytest.mark.parametrize(
    ("place", "noun"),
    [
        ("dataset", "data set"),
        ("augmentations", "augmentation"),
        ("model", "model"),
        ("loss", "loss"),
        ("optimizer", "optimizer"),
        ("scheduler", "scheduler"),
        ("tuners", "tuner"),
    ],
)
@pytest.mark.parametrize(("factory", "made"), [("nothing", "NoneType"), ("number", "int")])
def test_part_of_another_kind_is_refused_by_name(start, place, noun, factory, made):
    """Who made it, what it is, and what it would have to be."""
    with pytest.raises(CvkitError) as caught:
        start(place, factory)
    assert f"{noun} 'strange/{factory}' of strange-parts 1.0 made a {made}, where " in str(caught.value)


@pytest.mark.parametrize("place", ["dataset", "model", "scheduler", "tuners"])
def test_factory_that_fails_is_told_with_its_place(start, place):
    """Its file and line are where the author looks first."""
    with pytest.raises(CvkitError) as caught:
        start(place, "slip")
    assert "'strange/slip' of strange-parts 1.0 cannot be made: AttributeError: 'tuple' object has no" in str(
        caught.value
    )
    assert "strange_factories.py, line 6)" in str(caught.value)


@pytest.mark.parametrize(
    ("place", "factory", "words"),
    [
        (
            "loss",
            "vector",
            r"strange/vector' of .* returns float32 \(2,\), where the batch's mean",
        ),
        ("augmentations", "pair", r"strange/pair' of .* makes tuple of images .*, not as many"),
        ("model", "lazy", r"strange/lazy' of .* has lazy layers \(1.weight\); give their sizes"),
    ],
)
def test_part_that_works_otherwise_than_its_kind_is_refused(start, place, factory, words):
    """Two images are enough to tell."""
    with pytest.raises(CvkitError, match=words):
        start(place, factory)
