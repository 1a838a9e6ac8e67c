"""The catalog: plugins let in whole or not at all, what they declare in order, observers called each alone."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cvkit import Component, PluginError, hookimpl
from cvkit.host.catalog import catalog_of


def declaring(*components: object, hook: str = "cvkit_models") -> object:
    """A plugin that declares components by one hook."""
    return SimpleNamespace(**{hook: hookimpl(lambda: components)})


@pytest.mark.parametrize("name", ["a/b", "two words", "", "é"])
def test_plugin_name_must_be_one_that_recipes_can_write(name, wording):
    """It stands before the slash of every id."""
    with pytest.raises(PluginError, match=f"'{name}'"):
        catalog_of({name: declaring()})


def test_plugin_name_that_recipes_cannot_write_is_told_with_what_a_name_is(wording):
    """Its letters."""
    with pytest.raises(PluginError) as caught:
        catalog_of({"two words": declaring()})
    assert str(caught.value) == wording


def test_half_registered_plugin_leaves_no_hook_behind():
    """A plugin refused for one hook is gone from all, and its name is free for another try."""
    seen = []
    refused = SimpleNamespace(
        cvkit_models=hookimpl(lambda: [Component("net", "a:b")]),
        cvkit_run_started=hookimpl(lambda recipe: seen.append(recipe)),
        cvkit_zzz=hookimpl(lambda: []),
    )
    catalog = catalog_of({})
    origin = catalog_of({"acme": declaring()}).statuses[0].origin
    with pytest.raises(PluginError, match="'cvkit_zzz'"):
        catalog.admit(origin, refused)
    assert catalog.notify("run_started", recipe="recipe", folder="folder") == []
    assert seen == []
    assert list(catalog.entries()) == []
    catalog.admit(origin, declaring(Component("net", "a:b")))
    assert [entry.id for entry in catalog.entries()] == ["acme/net"]


def test_plugin_without_anything_to_declare_is_fine():
    """A hook may return nothing, and a plugin may only watch."""
    watching = SimpleNamespace(cvkit_run_started=hookimpl(lambda: None), cvkit_models=hookimpl(lambda: None))
    catalog = catalog_of({"watching": watching})
    assert catalog.statuses[0].works
    assert list(catalog.entries()) == []


def test_catalog_of_raises_what_discovery_would_record(wording):
    """In a test or an embedding, a plugin's failure is the caller's to see."""
    with pytest.raises(PluginError) as caught:
        catalog_of({"acme": declaring("net")})
    assert str(caught.value) == wording


def test_catalogs_share_nothing():
    """A catalog is a value: what one holds, another does not."""
    one, two = catalog_of({"acme": declaring(Component("net", "a:b"))}), catalog_of({})
    assert [entry.id for entry in one.entries()] == ["acme/net"]
    assert list(two.entries()) == []


def test_entries_come_in_the_order_of_kinds_then_names():
    """Listing is the same everywhere, whatever order plugins and hooks came in."""
    both = SimpleNamespace(
        cvkit_losses=hookimpl(lambda: [Component("b", "a:b"), Component("a", "a:b")]),
        cvkit_datasets=hookimpl(lambda: [Component("z", "a:b")]),
    )
    catalog = catalog_of({"z": both, "a": declaring(Component("m", "a:b"))})
    assert [entry.id for entry in catalog.entries()] == ["z/z", "a/m", "z/a", "z/b"]


def observer(called: list[tuple[str, object]], name: str, error: BaseException | None = None) -> object:
    """A plugin that notes the start of a run, and then raises `error`."""

    def cvkit_run_started(recipe):
        called.append((name, recipe))
        if error:
            raise error

    return SimpleNamespace(cvkit_run_started=hookimpl(cvkit_run_started))


def test_observers_are_called_each_alone(wording):
    """One that raises is reported by plugin and cause; those before and after it are still called."""
    called: list[tuple[str, object]] = []
    catalog = catalog_of(
        {
            "c": observer(called, "c"),
            "b": observer(called, "b", ValueError("bad day")),
            "a": observer(called, "a", SystemExit(3)),
        }
    )
    told = catalog.notify("run_started", recipe="recipe", folder="folder")
    assert ["'a'" in told[0], "'b'" in told[1]] == [True, True]
    assert told == wording
    assert called == [("a", "recipe"), ("b", "recipe"), ("c", "recipe")]


def test_observer_does_not_swallow_an_interruption():
    """Ctrl-C is the user's, also while a plugin is busy."""
    catalog = catalog_of({"a": observer([], "a", KeyboardInterrupt())})
    with pytest.raises(KeyboardInterrupt):
        catalog.notify("run_started", recipe="recipe", folder="folder")


def test_observer_takes_only_what_it_names():
    """Any subset of a hook's arguments, in any order, also as a method and with none at all."""
    seen = {}

    class Watching:
        @hookimpl
        def cvkit_run_finished(self, folder, records):
            seen["finished"] = (folder, records)

        @hookimpl
        def cvkit_epoch_finished(self):
            seen["epoch"] = ()

    catalog = catalog_of({"watching": Watching()})
    assert catalog.notify("run_finished", records=[1], predictions=2, folder=3) == []
    assert catalog.notify("epoch_finished", record=1, folder=2) == []
    assert seen == {"finished": (3, [1]), "epoch": ()}
