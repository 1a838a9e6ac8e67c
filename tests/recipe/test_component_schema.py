"""The schema of a stranger's components: their options, families, and what cannot be read."""

from __future__ import annotations

import importlib
import sys
import types

import pytest
from jsonschema import Draft7Validator
from schema_errors import errors, model_errors

from cvkit import Component, hookimpl
from cvkit.host.catalog import Catalog, catalog_of
from cvkit.kinds import KINDS
from cvkit.recipe.json_schema import recipe_schema

FACTORIES = """
import dataclasses
import enum

class Mood(enum.Enum):
    CALM = "calm"
    WILD = "wild"

@dataclasses.dataclass
class Node:
    next: "Node | None" = None

def net(info, *, width: int, ratio: float = None, mood: Mood | None = None, node: Node = Node(), odd=len): ...
def any_net(info, *, depth: int = 3, **options): ...
def zoo(name, info, *, size: int = 3): ...
def cages(): return ["lion", "yak"]
def lost(): raise RuntimeError("the list is lost")
made = type("Made", (), {"__call__": lambda self, info, *, mood: 0, "__module__": __name__})()
made.__call__.__func__.__annotations__["mood"] = Mood
"""


@pytest.fixture
def farm(tmp_path, monkeypatch) -> Catalog:
    """A catalog with the stranger's plugin `farm` beside a second one that also has a `net`."""
    (tmp_path / "farm_factories.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "farm_factories", raising=False)
    importlib.invalidate_caches()
    target = "farm_factories:"
    return catalog_of(
        {
            "farm": plugin(
                models=[
                    Component("net", target + "net", "A net", deprecated="use farm/any_net"),
                    Component("any_net", target + "any_net", requires=("no-such-thing>=2",)),
                    Component("made", target + "made"),
                    Component("gone", target + "gone"),
                    Component("*", target + "zoo", "Animals", members=target + "cages"),
                ],
                losses=[Component("*", target + "zoo", members=target + "lost")],
            ),
            "other": plugin(models=[Component("net", target + "net")]),
        }
    )


def plugin(**components: list[Component]) -> object:
    """A plugin that declares the components of each kind."""
    module = types.ModuleType("plugin")
    for kind, declared in components.items():
        setattr(module, KINDS[kind].hook, hookimpl(lambda declared=declared: declared))
    return module


def test_stranger_options_are_in_the_schema(farm, wording):
    """A third-party component is completed and checked as ours are, marks included."""
    schema, _ = recipe_schema(farm)
    Draft7Validator.check_schema(schema)
    assert model_errors(schema, "{name: farm/net, width: 3, mood: wild, node: {next: {next: null}}, odd: [1]}") == []
    assert model_errors(schema, "{name: farm/net, width: wide}")
    assert model_errors(schema, "{name: farm/net, widht: 3}")
    assert model_errors(schema, "{name: any_net, depth: 1, more: 2}") == []
    assert model_errors(schema, "{name: any_net, depth: one}")
    assert errors("dataset: x\nmodel: farm/net\noptimizer: x", schema)  # its width is required
    definitions = schema["definitions"]
    deprecated, needing = (definitions[f"models:farm/{name}"]["description"] for name in ("net", "any_net"))
    assert "use farm/any_net" in deprecated
    assert "no-such-thing>=2" in needing
    assert [deprecated, needing] == wording


def test_default_outside_its_own_type_is_accepted(farm):
    """As `ratio: float = None` is, in the way of many libraries."""
    schema, _ = recipe_schema(farm)
    assert model_errors(schema, "{name: farm/net, ratio: null}") == []
    assert model_errors(schema, "{name: farm/net, ratio: much}")


def test_options_of_imported_targets_are_in_the_schema(farm):
    """Where the source does not tell, the types are the real ones, an enumeration here."""
    schema, _ = recipe_schema(farm)
    assert model_errors(schema, "{name: made, mood: calm}") == []
    assert model_errors(schema, "{name: made, mood: sad}")


def test_ambiguous_short_name_is_not_in_the_schema(farm):
    """Only names that a recipe can use are offered."""
    schema, _ = recipe_schema(farm)
    assert model_errors(schema, "net")
    assert model_errors(schema, "{name: other/net}") == []


def test_family_is_offered_by_its_members(farm):
    """Members are enumerated; of a family that cannot list them every name passes."""
    schema, _ = recipe_schema(farm)
    assert model_errors(schema, "farm/lion") == []
    assert model_errors(schema, "{name: farm/yak, size: 2}") == []
    assert model_errors(schema, "farm/cow")
    assert errors("extends: x.yaml\nloss: {name: farm/any, size: 2}", schema) == []
    assert errors("extends: x.yaml\nloss: other/any", schema)


def test_what_cannot_be_told_is_said(farm, wording):
    """A component without a target is left out, and a family without a list is named."""
    schema, gaps = recipe_schema(farm)
    assert model_errors(schema, "gone")
    left_out, unlisted = gaps
    assert "farm/gone" in left_out
    assert "AttributeError: module 'farm_factories' has no attribute 'gone'" in left_out
    assert "the list is lost" in unlisted
    assert gaps == wording


def test_components_left_out_for_one_reason_are_named_in_one_sentence(wording):
    """A plugin whose module does not import is not told of once for each of its components."""
    components = [Component(f"net_{number}", f"nowhere_at_all:net_{number}") for number in range(5)]
    _, gaps = recipe_schema(catalog_of({"acme": plugin(models=components)}))
    (told,) = gaps
    assert "acme/net_0, acme/net_1, acme/net_2" in told
    assert "acme/net_3" not in told
    assert "ModuleNotFoundError: No module named 'nowhere_at_all'" in told
    assert told == wording


def test_name_of_a_plugin_is_taken_literally(farm):
    """The dot in a plugin's name stands for a dot; no other escape is written, as editors refuse them."""
    family = Component("*", "farm_factories:zoo", members="farm_factories:lost")
    schema, _ = recipe_schema(catalog_of({"a.b-c": plugin(losses=[family])}))
    assert schema["definitions"]["losses:a.b-c/*.names"]["pattern"] == r"^a\.b-c/"
