"""A plugin that fails is reported and left out whole; each comes with a remedy."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys

import pytest
from statuses import BUILT_IN, GOOD, status

from cvkit.host.discovery import discover

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
    "signed": (
        GOOD + "\n@hookimpl\ndef cvkit_losses():\n    yield Component('my_loss', 'a:b', signed=True)",
        "'my_loss'",
    ),
    "loss_terms": (
        GOOD + "\n@hookimpl\ndef cvkit_losses():\n    yield Component('my_loss', 'a:b', loss_terms={'aux': 1})",
        "'my_loss'",
    ),
    "terms": (
        GOOD + "\n@hookimpl\ndef cvkit_models():\n    yield Component('net', 'a:b', loss_terms=('aux', 'side'))",
        "'net'",
    ),
    "main_term": (
        GOOD + "\n@hookimpl\ndef cvkit_models():\n    yield Component('net', 'a:b', loss_terms={'main': 1})",
        "'main'",
    ),
    "weight": (
        GOOD + "\n@hookimpl\ndef cvkit_models():\n    yield Component('net', 'a:b', loss_terms={'aux': -1})",
        "'aux'",
    ),
    "takes_images": (
        GOOD + "\n@hookimpl\ndef cvkit_models():\n    yield Component('net', 'a:b', takes_images=True)",
        "'net'",
    ),
    "soft_labels": (
        GOOD + "\n@hookimpl\ndef cvkit_losses():\n    yield Component('my_loss', 'a:b', soft_labels=True)",
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
