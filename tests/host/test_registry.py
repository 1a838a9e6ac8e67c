"""Registries: what a name means, and what is said where it means nothing or too much."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from cvkit import (
    KINDS,
    AmbiguousComponent,
    Component,
    ComponentError,
    Origin,
    PluginError,
    UnknownComponent,
    hookimpl,
)
from cvkit.host.catalog import Catalog, catalog_of
from cvkit.host.registry import Registry

FACTORIES = """
def net(info, *, width: int = 8): return ("net", info, width)
def member(name, info, *, depth: int = 1, **options): return (name, info, depth, options)
def names(): return ["resnet18", "ResNet34", "vgg"]
def onward(amount: float, p: float = 0.5, depth: str = "hidden"): "What the library says."
class Jitter:
    def __init__(self, amount: float, p: float = 0.5): "Shake."
def raising(): raise OSError("no list")
"""


@pytest.fixture
def factories(package) -> str:
    """The name of the module that the toy plugins' targets stand in."""
    return package(factories=FACTORIES) + ".factories"


@pytest.fixture
def models(factories) -> Registry:
    """Plugins `acme` with a net and a family, and `other` with a net of the same short name."""
    return catalog(factories)["models"]


def catalog(factories: str, reverse: bool = False) -> Catalog:
    family = Component("*", f"{factories}:member", members=f"{factories}:names")
    plugins = {
        "acme": plugin(Component("small_net", f"{factories}:net"), Component("net", f"{factories}:net"), family),
        "other": plugin(Component("net", f"{factories}:net"), Component("lonely", f"{factories}:net")),
    }
    return catalog_of(dict(reversed(plugins.items())) if reverse else plugins)


def plugin(*components: Component) -> object:
    return SimpleNamespace(cvkit_models=hookimpl(lambda: components))


def test_full_id_and_unique_short_name_lead_to_the_same_entry(models):
    """A short name is as good as the full id while it is unique."""
    assert models.find("small_net") is models.find("acme/small_net")
    assert models.find("lonely").id == "other/lonely"


def test_short_name_of_two_plugins_is_refused_only_when_used(models, wording):
    """A clash drops nothing, and names both ids to whoever uses the short name."""
    assert models.find("acme/net").origin.plugin == "acme"
    assert models.find("other/net").origin.plugin == "other"
    with pytest.raises(AmbiguousComponent) as caught:
        models.find("net")
    assert all(name in str(caught.value) for name in ("'net'", "'acme/net'", "'other/net'"))
    assert str(caught.value) == wording


def test_names_are_those_that_find_leads_somewhere(models):
    """Full ids always, short names where they are unique, families through their members only."""
    assert models.names() == ["acme/net", "acme/small_net", "lonely", "other/lonely", "other/net", "small_net"]
    assert {models.find(name).component.name for name in models.names()} == {"net", "small_net", "lonely"}


def test_order_of_discovery_changes_nothing(factories):
    """Whichever plugin came first, the same names mean the same things."""
    one, two = catalog(factories), catalog(factories, reverse=True)
    assert list(one.entries()) == list(two.entries())
    assert one["models"].names() == two["models"].names()


@pytest.mark.parametrize(
    ("name", "helpful"),
    [
        ("smal_net", "'small_net'"),
        ("acm/net", "'acme/net'"),
        ("other/nett", "'other/net'"),
        ("transformer", "cvkit list models"),
        ("*", "cvkit list models"),
        ("", "cvkit list models"),
        ("acme/resnet81", "'acme/resnet18'"),
        ("acme/smal_net", "'acme/small_net'"),
        ("acme/*", "cvkit list models"),
    ],
)
def test_unknown_name_is_answered_with_the_nearest(models, name, helpful, wording):
    """The nearest name, or where to look for one."""
    with pytest.raises(UnknownComponent) as caught:
        models.find(name)
    assert f"'{name}'" in str(caught.value)
    assert helpful in str(caught.value)
    assert str(caught.value) == wording


def test_family_member_is_found_and_built_by_its_name(models):
    """A member's factory gets its name first, then what the run supplies and what the recipe sets."""
    entry = models.find("acme/ResNet34")
    assert entry.id == "acme/ResNet34"
    assert entry.signature().positional == ("info",)
    assert entry.build("info", depth=3, other=4) == ("ResNet34", "info", 3, {"other": 4})
    assert entry.members() == ["ResNet34", "resnet18", "vgg"]


def test_component_is_built_with_what_it_is_given(models):
    """Positional arguments from the run, keywords from the recipe, and nothing else."""
    assert models.find("small_net").build("info", width=2) == ("net", "info", 2)
    assert models.find("small_net").members() == []


def test_nothing_is_imported_before_it_is_used(factories):
    """Names, signatures and ambiguity are reported without importing a factory."""
    models = catalog(factories)["models"]
    models.find("small_net").signature()
    with pytest.raises(AmbiguousComponent):
        models.find("net")
    assert factories not in sys.modules
    models.find("small_net").load()
    assert factories in sys.modules


def test_options_passed_on_are_those_of_the_library(factories):
    """A family over another library's classes shows each class's own options, and its documentation."""
    family = Component(
        "*", f"{factories}:member", members=f"{factories}:names", options_of=f"{factories}:" + "{name}"
    )
    signature = catalog_of({"lib": plugin(family)})["models"].find("lib/vgg")
    with pytest.raises(PluginError, match=":vgg'"):
        signature.signature()
    single = Component("jitter", f"{factories}:member", options_of=f"{factories}:onward")
    signature = catalog_of({"lib": plugin(single)})["models"].find("jitter").signature()
    assert {name: option.default for name, option in signature.options.items() if not option.required} == {
        "p": 0.5,
        "depth": 1,
    }
    assert signature.options["amount"].required
    assert not signature.accepts_extra
    assert signature.doc == "What the library says."


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("", "AttributeError: module"),
        ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("raise RuntimeError('no driver')", "RuntimeError: no driver"),
        ("import sys; sys.exit('bye')", "SystemExit: bye"),
    ],
)
def test_component_that_cannot_be_loaded_names_its_plugin(package, source, cause, wording):
    """Whatever a factory's module does, the error says whose it is and from which distribution."""
    module = package(broken=source) + ".broken"
    registry = Registry(KINDS["models"])
    registry.add(Component("net", f"{module}:net"), Origin("acme", "acme-nets", "1.2"))
    with pytest.raises(PluginError) as caught:
        registry.find("net").load()
    assert all(
        part in str(caught.value) for part in ("'acme/net'", f"'{module}:net'", "'acme'", "acme-nets 1.2", cause)
    )
    assert str(caught.value) == wording


def test_family_that_cannot_list_its_members_names_its_plugin(factories, wording):
    """A family's list is a plugin's code as well, and fails as one."""
    family = Component("*", f"{factories}:member", members=f"{factories}:raising")
    models = catalog_of({"acme": plugin(family)})["models"]
    with pytest.raises(PluginError, match="OSError: no list") as caught:
        models.find("acme/resnet18")
    assert "'acme/*'" in str(caught.value)
    assert "'acme'" in str(caught.value)
    assert str(caught.value) == wording


def test_same_name_twice_in_one_plugin_is_refused(models):
    """One plugin cannot mean two things by one name."""
    entry = models.find("acme/net")
    with pytest.raises(PluginError, match="'acme/net'"):
        models.add(entry.component, entry.origin)


def test_mismatched_torchvision_is_named_with_its_remedy(package, wording):
    """Its operators fail to register beside another torch, with a message that says nothing to a user."""
    module = package(nets="raise RuntimeError('operator torchvision::nms does not exist')") + ".nets"
    registry = catalog_of({"acme": plugin(Component("net", f"{module}:net"))})["models"]
    with pytest.raises(PluginError, match="--force-reinstall torch torchvision") as caught:
        registry.find("net").load()
    assert str(caught.value) == wording


def test_value_error_of_a_factory_is_the_users_to_mend(package, wording):
    """It names the component; the rest is the factory's own sentence."""
    module = package(nets="def net(info):\n    raise ValueError('depth must be even')") + ".nets"
    registry = catalog_of({"acme": plugin(Component("net", f"{module}:net"))})["models"]
    with pytest.raises(ComponentError, match="depth must be even") as caught:
        registry.find("net").build(None)
    assert "'acme/net'" in str(caught.value)
    assert str(caught.value) == wording


@pytest.mark.parametrize("name", ["resnet18", "RESNET34", "vgg", "acm/vgg"])
def test_the_bare_name_of_a_member_suggests_its_full_id(models, name):
    """The first thing that many people write is the name by which a library calls a network."""
    with pytest.raises(UnknownComponent) as caught:
        models.find(name)
    right = {"resnet34": "ResNet34"}.get(name.casefold(), name.rpartition("/")[2])
    assert f"Did you mean 'acme/{right}'?" in str(caught.value)
    assert models.find(f"acme/{right}").member == right


def test_a_suggested_member_is_found_as_it_is_suggested(models):
    """With the plugin in front of it."""
    with pytest.raises(UnknownComponent) as caught:
        models.find("acme/resnet81")
    suggested = str(caught.value).partition("Did you mean '")[2].partition("'")[0]
    assert models.find(suggested).id == "acme/resnet18"


def test_the_members_of_several_families_are_all_suggested(factories):
    """Two libraries have a network of the same name."""
    family = Component("*", f"{factories}:member", members=f"{factories}:names")
    both = catalog_of({"acme": plugin(family), "other": plugin(family)})["models"]
    with pytest.raises(UnknownComponent, match="Did you mean 'acme/vgg' or 'other/vgg'\\?"):
        both.find("vgg")


def test_a_family_that_cannot_be_listed_hides_no_other_message(factories):
    """The name stays unknown, whatever the plugin's fault."""
    family = Component("*", f"{factories}:member", members=f"{factories}:raising")
    with pytest.raises(UnknownComponent, match="unknown model 'vgg'"):
        catalog_of({"acme": plugin(family)})["models"].find("vgg")
