"""Provenance: what is kept of the code a run used, and what is said once it has changed."""

from __future__ import annotations

import hashlib
import sys
from importlib.metadata import version
from types import ModuleType

import pytest

from cvkit.plugins import discover
from cvkit.provenance import absent, describe_components, drift, source_digest
from cvkit.recipe import read_text, resolve

RECIPE = "dataset: shapes\nmodel: timm/resnet18\noptimizer: sgd\naugmentations: [cutout, kornia/ColorJitter]\n"
NET = {
    "place": "model",
    "id": "acme/net",
    "distribution": "acme-nets",
    "version": "1.0",
    "source": "a" * 64,
    "requires": {"timm": "1.0.1"},
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two files on the path, not imported."""
    folder = tmp_path / "provenance_package"
    (folder / "nets").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "nets" / "small.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    source_digest.cache_clear()
    return folder


def test_every_component_is_described():
    """Place, full id, distribution, version, digest of the source, and the versions of what else it needs."""
    components = {c["place"]: c for c in describe_components(resolve(read_text(RECIPE), discover()))}
    assert list(components) == [
        "dataset",
        "augmentations.0",
        "augmentations.1",
        "model",
        "loss",
        "optimizer",
        "scheduler",
    ]
    assert components["model"] == {
        "place": "model",
        "id": "timm/resnet18",
        "distribution": "cvkit-core",
        "version": version("cvkit-core"),
        "source": source_digest("cvkit_timm.model:timm_model"),
        "requires": {"timm": version("timm")},
    }
    assert components["augmentations.1"]["requires"] == {"kornia": version("kornia")}
    assert components["augmentations.0"]["source"] == components["augmentations.1"]["source"]
    assert all(len(component["source"]) == 64 for component in components.values())


def test_digest_is_of_every_file_of_the_package(package):
    """A change in any file, or a new one, is a change; nothing is imported to find out."""
    before = source_digest("provenance_package.nets.small:net")
    digest = hashlib.sha256()
    for name, content in (("__init__.py", b""), ("nets/small.py", b"raise RuntimeError('imported')")):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    assert before == digest.hexdigest()
    (package / "other.py").write_text("")
    source_digest.cache_clear()
    assert source_digest("provenance_package.nets.small:net") != before
    assert "provenance_package" not in sys.modules


def test_digest_of_what_has_no_source_is_empty(monkeypatch):
    """A compiled module, one that is not there, and one made in memory."""
    monkeypatch.setitem(sys.modules, "made_in_memory", ModuleType("made_in_memory"))
    for module in ("math", "nowhere_at_all", "made_in_memory"):
        assert source_digest(f"{module}:net") == ""


def test_nothing_changed_says_nothing():
    """The same code, and a component that the run did not have before."""
    assert drift([NET], [NET, NET | {"id": "acme/other", "source": "b"}]) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"version": "1.1"},
            "acme-nets was 1.0 when the run began, and is 1.1 now. To get it back: pip install 'acme-nets==1.0'",
        ),
        (
            {"distribution": "acme-fork"},
            "acme-nets was 1.0 when the run began, and is acme-fork 1.0 now. "
            "To get it back: pip install 'acme-nets==1.0'",
        ),
        (
            {"source": "b" * 64},
            "the source of plugin 'acme' (acme-nets 1.0) has changed: its SHA-256 was aaaaaaaaaaaa..., and is "
            "bbbbbbbbbbbb... now. To get it back: pip install --force-reinstall 'acme-nets==1.0', or check out the "
            "code of that time",
        ),
        (
            {"requires": {"timm": "1.0.9"}},
            "timm was 1.0.1 when the run began, and is 1.0.9 now. To get it back: pip install 'timm==1.0.1'",
        ),
        (
            {"requires": {}},
            "timm was 1.0.1 when the run began, and is not installed now. To get it back: pip install 'timm==1.0.1'",
        ),
    ],
)
def test_each_change_is_told_with_the_way_back(change, sentence):
    """Which package, what it was, what it is, what to type; once, however many components share it."""
    both = [NET, NET | {"place": "loss", "id": "acme/loss"}]
    assert drift(both, [component | change for component in both]) == [sentence]


def test_changed_file_is_told_by_its_path():
    """A plugin that was never installed cannot be installed again."""
    file = NET | {"distribution": "file", "version": "local", "file": "/home/you/my_model.py", "requires": {}}
    (sentence,) = drift([file], [file | {"source": "b" * 64}])
    assert sentence.startswith("the source of plugin 'acme' (/home/you/my_model.py) has changed")
    assert sentence.endswith("To get it back: check out the code of that time")


def test_record_of_an_older_cvkit_is_compared_as_far_as_it_goes():
    """Runs made before digests were kept have none to differ from."""
    old = {key: NET[key] for key in ("place", "id", "distribution", "version")}
    assert drift([old], [NET]) == []


def test_plugins_that_are_gone_are_named_with_the_way_back():
    """Not installed, loaded from a file, disabled; those that work are not spoken of."""
    catalog = discover(disabled={"timm": "--no-plugin"})
    used = [
        {"id": "acme/net", "distribution": "acme-nets", "version": "1.0"},
        {"id": "acme/loss", "distribution": "acme-nets", "version": "1.0"},
        {"id": "mine/net", "distribution": "file", "version": "local", "file": "/home/you/mine.py"},
        {"id": "timm/resnet18", "distribution": "cvkit-core", "version": "0.1"},
        {"id": "kornia/cutout", "distribution": "cvkit-core", "version": "0.1"},
    ]
    assert absent(used, catalog) == [
        "plugin 'acme' of acme-nets 1.0 is not installed: pip install 'acme-nets==1.0'",
        "plugin 'mine' was loaded from a file: add --plugin-path /home/you/mine.py",
        f"plugin 'timm' (cvkit-core {version('cvkit-core')}) disabled by --no-plugin",
    ]
