"""Small recipes and runs the engine's tests share."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator

import pytest
import torch
from small import RECIPE, run_of

from cvkit import Catalog
from cvkit.engine.assembly import build_parts
from cvkit.engine.building import open_dataset
from cvkit.engine.trainer import Trainer
from cvkit.host.discovery import discover
from cvkit.recipe import read_text, resolve


@pytest.fixture(autouse=True)
def on_one_thread(one_thread):
    """Every test of the engine."""


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return discover()


@pytest.fixture
def make_run(catalog) -> Callable[..., Trainer]:
    """Build a run of the small recipe, with overrides."""
    return lambda *overrides, **given: Trainer(run_of(catalog, *overrides, **given))


def final_weights(run: Trainer) -> dict[str, torch.Tensor]:
    """Train to the end and return copies of the weights."""
    for _ in run.fit():
        pass
    return {name: tensor.clone() for name, tensor in run.parts.model.state_dict().items()}


@pytest.fixture
def strange_run(tmp_path, monkeypatch) -> Iterator[Callable[..., Trainer]]:
    """Build a run of the small recipe, with overrides, in which the plugin written in `code` takes part."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    def make(code: str, *overrides: str) -> Trainer:
        (tmp_path / "strange_parts.py").write_text(code)
        sys.modules.pop("strange_parts", None)
        importlib.invalidate_caches()
        recipe = resolve(read_text(RECIPE, overrides), discover(paths=[tmp_path / "strange_parts.py"]))
        return Trainer(build_parts(recipe, open_dataset(recipe, tmp_path)))

    yield make
    sys.modules.pop("strange_parts", None)


@pytest.fixture
def weights_of():
    return final_weights
