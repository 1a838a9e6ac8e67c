"""A run that is measured in a few seconds; small nets train on one thread."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from small import run_of

from cvkit import Catalog, RunParts, discover
from cvkit.speed import epochs, steps
from cvkit.speed.measured import EpochTime, Measured
from cvkit.speed.steps import Timed
from cvkit.speed.variant import Variant

NOW = Variant("fp32", channels_last=False)
PLAIN = ("explainers=[]", "scheduler=constant", "train.device=cpu")


@pytest.fixture(autouse=True)
def on_one_thread(one_thread):
    """Small nets are faster on one thread."""


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The catalog of built-in plugins."""
    return discover()


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch) -> None:
    """Measure two rounds and a few batches, however much time there is: tests ask what is measured, not how well."""
    monkeypatch.setattr(steps, "_MOST_ROUNDS", 2)
    monkeypatch.setattr(epochs, "_MOST", 3)


@pytest.fixture
def run(catalog) -> Callable[..., RunParts]:
    """Build the small run with overrides."""
    return lambda *overrides: run_of(catalog, *PLAIN, *overrides)


@pytest.fixture
def uncompiled(monkeypatch) -> None:
    """Let torch trace models without compiling them further, which takes a minute."""
    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda model: compile_(model, backend="eager"))
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def found() -> Callable[..., Measured]:
    """Make a result of measuring from images/s that the variants have, in two rounds each."""

    def found(rates: dict[Variant, float], **values) -> Measured:
        base = (100 / rates[NOW],) * 2
        timed = {variant: Timed(100, (100 / rate,) * 2, base) for variant, rate in rates.items()}
        epoch = EpochTime(model=8.0, augmentation=1.0, loader=0.0, evaluation=1.0)
        given = {
            "device": "cpu (one core)",
            "batch_size": 100,
            "epochs": 4.0,
            "now": NOW,
            "steps": timed,
            "loading": {},
            "sizes": {},
            "workers": 2,
            "as_it_is": epoch,
            "fastest": epoch,
        }
        return Measured(**given | values)

    return found
