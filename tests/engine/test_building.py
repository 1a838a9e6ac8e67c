"""What a stranger's factories make is held to what their kinds return, before anything is trained."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from cvkit import KINDS, Component, CvkitError, hookimpl
from cvkit.engine.assembly import build_parts
from cvkit.engine.building import open_dataset
from cvkit.engine.tuning import tune
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
        list(tune(build_parts(recipe, open_dataset(recipe, tmp_path))))

    yield start
    sys.modules.pop("strange_factories", None)


@pytest.mark.parametrize("place", ["dataset", "augmentations", "model", "loss", "optimizer", "scheduler", "tuners"])
def test_part_of_another_kind_is_refused_by_name(start, place, wording):
    """Who made it, what it is, and what it would have to be."""
    told = []
    for factory, made in (("nothing", "NoneType"), ("number", "int")):
        with pytest.raises(CvkitError) as caught:
            start(place, factory)
        text = str(caught.value)
        assert all(part in text for part in (f"'strange/{factory}'", "strange-parts 1.0", made))
        told.append(re.sub(rf"\b{made}\b", "<type>", text.replace(factory, "<factory>")))
    assert told[0] == told[1]
    assert told[0] == wording


@pytest.mark.parametrize("place", ["dataset", "model", "scheduler", "tuners"])
def test_factory_that_fails_is_told_with_its_place(start, place):
    """Its file and line are where the author looks first."""
    with pytest.raises(CvkitError) as caught:
        start(place, "slip")
    told = str(caught.value)
    assert all(
        part in told for part in ("'strange/slip'", "strange-parts 1.0", "AttributeError: 'tuple' object has no")
    )
    assert re.search(r"strange_factories\.py\b.*\b6\b", told)


@pytest.mark.parametrize(
    ("place", "factory", "named"),
    [("loss", "vector", "float32 (2,)"), ("augmentations", "pair", "tuple"), ("model", "lazy", "1.weight")],
)
def test_part_that_works_otherwise_than_its_kind_is_refused(start, place, factory, named, wording):
    """Two images are enough to tell."""
    with pytest.raises(CvkitError) as caught:
        start(place, factory)
    assert f"'strange/{factory}'" in str(caught.value)
    assert named in str(caught.value)
    assert str(caught.value) == wording
