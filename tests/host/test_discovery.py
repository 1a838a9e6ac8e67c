"""Plugins: each is found, declared and watched alone, so that one that fails leaves the others whole."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import subprocess
import sys

import pluggy
import pytest
from statuses import BUILT_IN, GOOD, status

from cvkit import KINDS, UnknownComponent
from cvkit.host import hookspecs
from cvkit.host.discovery import discover, unknown_disabled


def test_every_kind_has_its_hook():
    """The kinds and the hook specifications name each other."""
    manager = pluggy.PluginManager("cvkit")
    manager.add_hookspecs(hookspecs)
    assert {kind.hook for kind in KINDS.values()} <= set(vars(manager.hook))


def test_installed_plugin_is_found_with_its_origin(install, wording):
    """An entry point is all it takes; where the plugin came from is recorded."""
    install("acme", GOOD, distribution="acme-nets")
    catalog = discover()
    entry = catalog["models"].find("acme_net")
    assert entry.id == "acme/acme_net"
    assert (entry.origin.distribution, entry.origin.version) == ("acme-nets", "1.0")
    found = status(catalog, "acme")
    assert found.works
    assert (found.failure, found.heavy, found.disabled, found.missing) == ("", (), "", ())
    assert found.line == wording
    assert found.seconds > 0


def test_plugin_may_be_an_object_in_its_module(install):
    """The entry point ``module:attribute`` names any object with hooks, as a class does."""
    install(
        "acme",
        """
        class Plugin:
            @hookimpl
            def cvkit_models(self):
                return [Component("acme_net", "nowhere:net")]
        plugin = Plugin()
        """,
        attribute=":plugin",
    )
    assert discover()["models"].find("acme/acme_net").component.target == "nowhere:net"


LATER = """
@hookimpl(optionalhook=True)
def cvkit_of_a_later_version(plan):
    raise RuntimeError("called")
"""


def test_optional_hook_of_a_later_version_lets_a_plugin_in(install):
    """A package may support two versions of cvkit; what this one does not call is recorded."""
    install("acme", GOOD + LATER)
    install("future", LATER)
    catalog = discover(disabled=["tensorboard"])
    assert status(catalog, "acme").works
    assert catalog["models"].find("acme/acme_net").id == "acme/acme_net"
    assert [status(catalog, name).unsupported_hooks for name in ("acme", "future", "torch")] == [
        ("cvkit_of_a_later_version",)
    ] * 2 + [()]
    assert catalog.notify("run_started", recipe=None, folder=None) == []


def test_optional_hook_that_is_known_is_held_to_the_same(install, wording):
    """The mark forgives a hook that is not there, and no mistake in one that is."""
    install("acme", "@hookimpl(optionalhook=True)\ndef cvkit_models(info):\n    return []")
    assert status(discover(), "acme").failure == wording


def test_names_that_a_module_loads_on_first_use_are_left_alone(install):
    """A lazy package (PEP 562) may well name torch's parts in its ``__dir__``."""
    install(
        "lazy", GOOD + "\ndef __getattr__(name):\n    raise RuntimeError(name)\ndef __dir__():\n    return ['Net']"
    )
    assert status(discover(), "lazy").works


def test_second_distribution_with_a_plugin_name_is_reported(install, wording):
    """Only one distribution can be `acme`: the first in the alphabet is loaded, the other is reported."""
    install("acme", GOOD.replace("acme_net", "second"), distribution="beta")
    install("acme", GOOD.replace("acme_net", "first"), distribution="alpha")
    catalog = discover()
    alpha, beta = [found for found in catalog.statuses if found.origin.plugin == "acme"]
    assert (alpha.origin.distribution, alpha.failure) == ("alpha", "")
    assert beta.origin.distribution == "beta"
    assert "alpha" in beta.failure
    assert beta.line == wording
    assert catalog["models"].find("first").origin == alpha.origin
    with pytest.raises(UnknownComponent):
        catalog["models"].find("second")


def test_disabled_plugin_is_not_imported(install, wording):
    """Disabling acts before the import, so that it also helps against a plugin that hurts."""
    module = install("acme", "raise RuntimeError('imported')")
    catalog = discover(disabled={"acme": "plugins.disable", "timm": "--no-plugin"})
    assert module not in sys.modules
    assert status(catalog, "acme").disabled == "plugins.disable"
    assert status(catalog, "acme").line == wording
    assert not status(catalog, "acme").works
    assert catalog.failures == []
    with pytest.raises(UnknownComponent):
        catalog["models"].find("timm/resnet18")


def test_environment_variable_disables_plugins(install, monkeypatch, wording):
    """``CVKIT_DISABLE_PLUGINS`` names plugins between commas, and acts before the import too."""
    module = install("acme", "raise RuntimeError('imported')")
    monkeypatch.setenv("CVKIT_DISABLE_PLUGINS", " acme, ,timm")
    catalog = discover(disabled=["kornia"])
    assert module not in sys.modules
    disabled = {found.origin.plugin: found.disabled for found in catalog.statuses if found.disabled}
    assert disabled.pop("kornia") == wording
    assert disabled == {"acme": "CVKIT_DISABLE_PLUGINS", "timm": "CVKIT_DISABLE_PLUGINS"}


def test_only_a_misspelt_disabled_plugin_is_told_of(install, wording):
    """A slip leaves a plugin on that should be off; a plugin that is not installed is off anyway."""
    install("acme", GOOD)
    (told,) = unknown_disabled(discover(), ["acme", "amce", "something_else"])
    assert "'amce'" in told
    assert "'acme'" in told
    assert told == wording


def test_discovery_may_be_of_some_distributions_only(install):
    """A test bench sees the built-in plugins, whatever else is installed."""
    module = install("acme", "raise RuntimeError('imported')")
    assert [found.origin.plugin for found in discover(distributions=["cvkit-core"]).statuses] == BUILT_IN
    assert module not in sys.modules


@pytest.mark.parametrize(
    "line",
    [
        "cvkit-core-extras>=99",
        "cvkit-core",
        "cvkit-core>=0.1",
        "cvkit-core>=99; extra == 'x'",
        "cvkit-core>=99; python_version < '3'",
    ],
)
def test_requirement_on_cvkit_that_is_met_lets_a_plugin_in(install, line):
    """No version, a right one, one of an extra, one for another interpreter."""
    install("acme", GOOD, metadata=f"Requires-Dist: {line}\n")
    assert status(discover(), "acme").works


def test_slow_declaration_is_marked(install):
    """Every command waits for every declaration, so one that takes long is named for it."""
    install(
        "slow", "import time\nstart = time.process_time()\nwhile time.process_time() < start + 0.15: pass\n" + GOOD
    )
    install("quick", GOOD.replace("acme_net", "other"))
    assert [found.origin.plugin for found in discover().statuses if found.slow] == ["slow"]


def test_plugin_that_waits_for_a_package_is_no_failure(install, wording):
    """``cvkit_requires`` says what a plugin needs beyond its dependencies; without it, nothing is registered."""
    install("acme", "cvkit_requires = ('torch', 'no-such-package>=2')" + GOOD)
    catalog = discover()
    found = status(catalog, "acme")
    (sentence,) = found.missing
    assert "pip install 'no-such-package>=2'" in sentence
    assert sentence in found.reason
    assert found.reason == wording
    assert (found.works, catalog.failures) == (False, [])
    assert not [entry for entry in catalog.entries() if entry.origin.plugin == "acme"]


def test_plugin_whose_packages_are_there_works(install):
    """A requirement that is met is not spoken of."""
    install("acme", "cvkit_requires = ('torch>=2', 'numpy')" + GOOD)
    assert status(discover(), "acme").works


def test_heavy_declaration_is_marked(install, folder):
    """A declaration that loads numpy slows everyone down; it works, and is named for it."""
    install("acme", "import numpy" + GOOD)
    install("light", "")
    code = """if True:
        from cvkit.host.discovery import discover, unknown_disabled
        print([(status.origin.plugin, status.works) for status in discover().statuses if status.heavy == ("numpy",)])
        """
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[('acme', True)]"


def test_same_module_under_two_names_is_reported(install, folder):
    """One plugin object cannot be two plugins."""
    module = install("acme", GOOD, distribution="acme")
    (folder / "acme-1.0.dist-info" / "entry_points.txt").write_text(f"[cvkit]\nacme = {module}\nbcme = {module}\n")
    importlib.invalidate_caches()
    catalog = discover()
    assert status(catalog, "acme").works
    assert status(catalog, "bcme").failure.startswith("ValueError: Plugin ")
    assert catalog["models"].find("acme_net").id == "acme/acme_net"


def test_built_in_plugins_all_work():
    """What ships with cvkit comes through the same door, and light."""
    catalog = discover()
    built_in = [found for found in catalog.statuses if found.origin.distribution == "cvkit-core"]
    assert [found.origin.plugin for found in built_in] == BUILT_IN
    assert all(found.works and not found.heavy for found in built_in)
