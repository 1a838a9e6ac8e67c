"""A catalog of tiny plugins, whose factories stand in a module of their own as a real plugin's do."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable

import pytest

from cvkit import KINDS, Component, hookimpl
from cvkit.errors import Problem, RecipeError
from cvkit.host.catalog import Catalog, catalog_of
from cvkit.recipe import Recipe, read_text, resolve

FACTORIES = """
from __future__ import annotations
from typing import Annotated, Literal
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

COMPUTED = 3

def shuffle(labels): ...
def shapes(root, *, count: PositiveInt = 100): ...
def crop(info, *, padding: NonNegativeInt = 4, mode: Literal["reflect", "constant"] = "reflect",
         window: tuple[int, int] = (2, 2)): return ("crop", info, padding, mode, window)
def flip(info, *, p: Annotated[float, Field(ge=0, le=1)] = 0.5): ...
def net(info, *, width: PositiveInt = 64, dropout: float = 0, head: str | None = None,
        jitter: float | tuple[float, float] | list[float] = 0.0): ...
def member(name, info, *, depth: int = COMPUTED, extra: dict[str, object] = {}): ...
def names(): return ["Alpha", "beta.v1"]
def anything(info, **options): ...
def cross_entropy(info, *, smoothing: float = 0.0): ...
def sgd(params, *, lr: PositiveFloat = 0.1, betas: tuple[float, float] = (0.9, 0.999), tags: list[str] = []): ...
def constant(optimizer, plan): ...
def one_cycle(optimizer, plan, *, max_lr: PositiveFloat, div: PositiveFloat = 25.0): ...
def range_test(run, *, steps: Annotated[int, Field(ge=20)] = 100): ...
def cam(model, *, layer: str | None = None): ...
def crooked(info, width=64): ...
def named(info, *, name: str = ""): ...
def any_number(*supplied, width: int = 1): ...
"""


def plugin(**components: list[str | Component]) -> object:
    """Return a plugin that declares, for each kind, components of the toy module by name."""
    module = types.ModuleType("plugin")
    for kind, declared in components.items():
        records = [c if isinstance(c, Component) else Component(c, f"toy_factories:{c}") for c in declared]
        setattr(module, KINDS[kind].hook, hookimpl(_returning(records)))
    return module


def _returning(records: list[Component]) -> Callable[[], list[Component]]:
    return lambda: records


@pytest.fixture(scope="session")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Plugins `torch`, `toy` and `other`; both of the last offer a model named `net`."""
    folder = tmp_path_factory.mktemp("factories")
    (folder / "toy_factories.py").write_text(FACTORIES)
    sys.path.insert(0, str(folder))
    family = Component("*", "toy_factories:member", members="toy_factories:names")
    return catalog_of(
        {
            "torch": plugin(
                losses=["cross_entropy"], optimizers=["sgd"], schedulers=["constant"], samplers=["shuffle"]
            ),
            "toy": plugin(
                datasets=["shapes"],
                augmentations=["crop", "flip"],
                models=["net", "anything", family],
                schedulers=["one_cycle"],
                tuners=["range_test"],
                explainers=["cam"],
            ),
            "other": plugin(models=[Component("net", "toy_factories:net")]),
        }
    )


@pytest.fixture
def check(catalog):
    """Resolve a recipe's text against the toy catalog."""

    def check(text: str, *overrides: str) -> Recipe:
        return resolve(read_text(text, overrides, file="recipes/x.yaml"), catalog)

    return check


@pytest.fixture
def refused(check):
    """Return the problems that a recipe's check ends in."""

    def refused(text: str, *overrides: str) -> tuple[Problem, ...]:
        with pytest.raises(RecipeError) as caught:
            check(text, *overrides)
        return caught.value.problems

    return refused
