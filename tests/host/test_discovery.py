"""Plugins: each is found, declared and watched alone, so that one that fails leaves the others whole."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import subprocess
import sys

import pluggy
import pytest

from cvkit import KINDS, UnknownComponent
from cvkit.host import hookspecs
from cvkit.host.catalog import Catalog, PluginStatus
from cvkit.host.discovery import discover, unknown_disabled

BUILT_IN = [
    *("datasets", "gradcam", "kornia", "metrics", "onecycle", "resnet", "tensorboard", "timm", "torch", "torchvision")
]
GOOD = """
@hookimpl
def cvkit_models():
    yield Component("acme_net", "nowhere:net", "A net")
"""


def status(catalog: Catalog, plugin: str) -> PluginStatus:
    """The one status that discovery recorded for a plugin."""
    (found,) = [status for status in catalog.statuses if status.origin.plugin == plugin]
    return found


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


BROKEN = {
    "import": ("import nowhere_at_all", "'nowhere_at_all'"),
    "syntax": ("def net(:", "SyntaxError"),
    "exit": ("import sys\nsys.exit(3)", "SystemExit: 3"),
    "lines": ("raise RuntimeError('one\\n  two')", "RuntimeError: one two"),
    "raising": (GOOD + "\n@hookimpl\ndef cvkit_losses():\n    raise ValueError('bad day')", "ValueError: bad day"),
    "exit_in_hook": ("@hookimpl\ndef cvkit_models():\n    raise SystemExit('bye')", "SystemExit: bye"),
    "not_component": (GOOD + "\n@hookimpl\ndef cvkit_losses():\n    yield 'my_loss'", "'my_loss'"),
    "not_iterable": ("@hookimpl\ndef cvkit_models():\n    return Component('net', 'a:b')", "TypeError"),
    "misspelt": (GOOD + "\n@hookimpl\ndef cvkit_model():\n    return []", "'cvkit_models'"),
    "unmarked": (GOOD + "\ndef cvkit_losses():\n    return []", "'cvkit_losses'"),
    "argument": (GOOD + "\n@hookimpl\ndef cvkit_losses(info):\n    return []", "'info'"),
    "observing": (GOOD + "\n@hookimpl\ndef cvkit_epoch_finished(record, step):\n    pass", "'step'"),
    "wrapper": ("@hookimpl(wrapper=True)\ndef cvkit_run_started(recipe):\n    yield", "cvkit_run_started"),
    "async": ("@hookimpl\nasync def cvkit_run_started(recipe):\n    pass", "cvkit_run_started"),
    "partial": ("import functools\ncvkit_models = hookimpl(functools.partial(list, ()))", "cvkit_models"),
    "defaulted": ("@hookimpl\ndef cvkit_epoch_finished(record=None):\n    pass", "'record'"),
    "keyword": ("@hookimpl\ndef cvkit_epoch_finished(*, record):\n    pass", "'record'"),
    "per_sample": (
        GOOD + "\n@hookimpl\ndef cvkit_losses():\n    yield Component('my_loss', 'a:b', per_sample=True)",
        "'my_loss'",
    ),
    "requires": (GOOD + "\ncvkit_requires = 'torch'", "cvkit_requires"),
    "requirement": (GOOD + "\ncvkit_requires = ('timm at least 1',)", "'timm at least 1'"),
    "twice": (
        GOOD + "\n@hookimpl\ndef cvkit_losses():\n    yield from [Component('my_loss', 'a:b')] * 2",
        "'twice/my_loss'",
    ),
    "target": (GOOD + "\n@hookimpl\ndef cvkit_losses():\n    yield Component('my_loss', 'a.b')", "'a.b'"),
    "name": (GOOD + "\n@hookimpl\ndef cvkit_losses():\n    yield Component('My-Loss', 'a:b')", "'My-Loss'"),
    "family": (GOOD + "\n@hookimpl\ndef cvkit_losses():\n    yield Component('*', 'a:b')", "'*'"),
    "members": (
        GOOD + "\n@hookimpl\ndef cvkit_losses():\n    yield Component('*', 'a:b', members='names')",
        "'names'",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_plugin_is_reported_and_left_out_whole(install, name, wording):
    """One line says what is wrong; nothing of the plugin stays, and every other plugin works."""
    source, named = BROKEN[name]
    install(name, source)
    install("zebra", GOOD)
    catalog = discover()
    broken = status(catalog, name)
    assert named in broken.failure
    assert "\n" not in broken.failure
    assert broken.failure == wording
    assert not broken.works
    assert catalog.failures == [broken]
    assert [found.origin.plugin for found in catalog.statuses if found.works] == [*BUILT_IN, "zebra"]
    assert not [entry.id for entry in catalog.entries() if entry.origin.plugin == name]
    assert catalog["models"].find("acme_net").id == "zebra/acme_net"


def test_missing_attribute_of_a_module_is_told(install):
    """An entry point that names what its module does not have says which module."""
    module = install("acme", GOOD, attribute=":plugin")
    assert status(discover(), "acme").failure == f"AttributeError: module '{module}' has no attribute 'plugin'"


def test_class_in_place_of_its_instance_is_told(install, wording):
    """Its hooks would be called without a self."""
    install(
        "acme", "class Plugin:\n    @hookimpl\n    def cvkit_models(self):\n        return []", attribute=":Plugin"
    )
    assert status(discover(), "acme").failure == wording


LATER = """
@hookimpl(optionalhook=True)
def cvkit_samplers(plan):
    raise RuntimeError("called")
"""


def test_optional_hook_of_a_later_version_lets_a_plugin_in(install):
    """A package may support two versions of cvkit; what this one does not call is recorded."""
    install("acme", GOOD + LATER)
    install("future", LATER)
    catalog = discover(disabled=["tensorboard"])
    assert status(catalog, "acme").works
    assert catalog["models"].find("acme/acme_net").id == "acme/acme_net"
    assert [status(catalog, name).later for name in ("acme", "future", "torch")] == [("cvkit_samplers",)] * 2 + [()]
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


@pytest.mark.parametrize("value", ["acme x y", "acme:", ":attribute"])
def test_entry_point_that_names_no_module_is_told(install, folder, value, wording):
    """What is wrong is in the author's pyproject.toml."""
    install("acme", GOOD, distribution="acme-nets")
    (folder / "acme_nets-1.0.dist-info" / "entry_points.txt").write_text(f"[cvkit]\nacme = {value}\n")
    importlib.invalidate_caches()
    failure = status(discover(), "acme").failure
    assert f"'{value}'" in failure
    assert failure == wording


@pytest.mark.parametrize("content", [b"[console_scripts]\nno value here\n", b"[other]\nx = \xff\xfe\n", b"\xff"])
def test_unrelated_distribution_with_damaged_entry_points_spoils_nothing(install, folder, content):
    """Every command looks at every distribution, and most have nothing to do with cvkit."""
    install("acme", GOOD)
    info = folder / "other-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_bytes(content)
    importlib.invalidate_caches()
    assert [found.origin.plugin for found in discover().statuses] == sorted([*BUILT_IN, "acme"])


def test_metadata_that_is_no_text_leaves_the_plugin_unnamed(install, folder):
    """What it declares still works."""
    install("acme", GOOD, distribution="acme-nets")
    (folder / "acme_nets-1.0.dist-info" / "METADATA").write_bytes(b"Name: acm\xe9\n")
    importlib.invalidate_caches()
    found = status(discover(), "acme")
    assert (found.works, found.origin.distribution) == (True, "unknown")


def test_many_broken_plugins_leave_the_built_ins_working(install):
    """Every failure is recorded, in the order of the names."""
    for name, (source, _) in BROKEN.items():
        install(name, source)
    catalog = discover()
    assert [found.origin.plugin for found in catalog.failures] == sorted(BROKEN)
    assert [found.origin.plugin for found in catalog.statuses if found.works] == BUILT_IN


def test_broken_distribution_does_not_stop_discovery(install, folder):
    """A distribution whose metadata is gone, as after half an uninstallation, still has its plugin's name."""
    install("acme", GOOD, distribution="half-gone")
    (folder / "half_gone-1.0.dist-info" / "METADATA").unlink()
    importlib.invalidate_caches()
    found = status(discover(), "acme")
    assert found.works
    assert (found.origin.distribution, found.origin.version) == ("unknown", "unknown")


def test_second_distribution_with_a_plugin_name_is_reported(install, wording):
    """Two distributions cannot both be `acme`: the first in the alphabet is, the other is told."""
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


REMEDIES = {
    "needy": ("import nowhere_at_all", {}, "'nowhere_at_all'"),
    "raising": ("raise RuntimeError('bad day')", {}, "CVKIT_DISABLE_PLUGINS=raising"),
    "future": (GOOD, {"metadata": "Requires-Dist: cvkit-core>=99\n"}, "pip install --upgrade dist-future cvkit-core"),
}


@pytest.mark.parametrize("name", REMEDIES)
def test_broken_plugin_comes_with_a_remedy(install, name, wording):
    """The line ends with what to do."""
    source, details, remedy = REMEDIES[name]
    install(name, source, distribution=f"dist-{name}", **details)
    found = status(discover(), name)
    assert remedy in found.remedy
    assert found.failure in found.line
    assert found.remedy in found.line
    assert found.line.replace(importlib.metadata.version("cvkit-core"), "<version>") == wording
    assert "Traceback" in found.trace


def test_plugin_for_another_cvkit_is_not_imported(install, wording):
    """What a distribution asks of cvkit is compared first: its code may not even import here."""
    module = install("acme", "raise RuntimeError('imported')", metadata="Requires-Dist: CVkit_core<0.0.1\n")
    found = status(discover(), "acme")
    assert module not in sys.modules
    version = importlib.metadata.version("cvkit-core")
    assert version in found.failure
    assert found.failure.replace(version, "<version>") == wording


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


def test_half_installed_plugin_is_told_to_be_installed_again(install, folder, wording):
    """Its metadata is there and its module is not, as after half an uninstallation."""
    module = install("acme", GOOD, distribution="acme-nets")
    (folder / f"{module}.py").unlink()
    importlib.invalidate_caches()
    found = status(discover(), "acme")
    assert found.failure == f"ModuleNotFoundError: No module named '{module}'"
    assert "pip install --force-reinstall acme-nets" in found.remedy
    assert found.remedy == wording


@pytest.mark.parametrize("closed", ["shut_acme", "shut_acme/__init__.py"])
def test_installed_plugin_that_may_not_be_read_says_so(open_folder, as_another, monkeypatch, closed, wording):
    """Installed by root for root alone; Python takes a folder that it may not read for an empty package."""
    (open_folder / "shut_acme").mkdir()
    (open_folder / "shut_acme" / "__init__.py").write_text("from cvkit import Component, hookimpl\n" + GOOD)
    (open_folder / "acme-1.0.dist-info").mkdir()
    (open_folder / "acme-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (open_folder / "acme-1.0.dist-info" / "entry_points.txt").write_text("[cvkit]\nacme = shut_acme\n")
    (open_folder / closed).chmod(0)
    monkeypatch.syspath_prepend(open_folder)
    importlib.invalidate_caches()
    as_another()
    found = status(discover(), "acme")
    assert f"{open_folder}/shut_acme" in found.failure
    assert found.remedy == wording


def test_hidden_plugin_is_not_taken_for_the_one_that_hides_it(install, tmp_path_factory, monkeypatch, wording):
    """A file of the same name earlier on the path, such as one in the working folder, is named and not imported."""
    module = install("acme", GOOD)
    other = tmp_path_factory.mktemp("work") / f"{module}.py"
    other.write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(other.parent)
    found = status(discover(), "acme")
    assert f"'{module}'" in found.failure
    assert f"'{other}'" in found.failure
    assert [found.failure.replace(str(other.parent), "<elsewhere>"), found.remedy] == wording
    assert module not in sys.modules


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
