"""Provenance: what is kept of the code a run used, and what is said once it has changed."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

import cvkit_timm
from cvkit.host.discovery import discover
from cvkit.host.source_code import source_digest
from cvkit.recipe import read_text, resolve
from cvkit.runs.provenance import (
    describe_components,
    describe_current,
    drift,
    missing_plugins,
)

RECIPE = "dataset: shapes\nmodel: timm/resnet18\noptimizer: sgd\naugmentations: [cutout, kornia/ColorJitter]\n"
NET = {
    "place": "model",
    "id": "acme/net",
    "distribution": "acme-nets",
    "version": "1.0",
    "source": "a" * 64,
    "requires": {"timm": "1.0.1"},
}


def test_every_component_is_described():
    """Place, full id, distribution, version, digest of the source, and the versions of what else it needs."""
    recipe, catalog = resolve(read_text(RECIPE), discover()), discover()
    components = {c["place"]: c for c in describe_components(recipe)}
    assert set(components) >= {"dataset", "augmentations.0", "augmentations.1", "model", "scheduler"}
    model = components["model"]
    assert (model["place"], model["id"]) == ("model", "timm/resnet18")
    assert (model["distribution"], model["version"]) == ("cvkit-core", version("cvkit-core"))
    assert model["source"] == source_digest(Path(cvkit_timm.__file__).parent)
    assert model["requires"] == {"timm": version("timm")}
    assert components["augmentations.1"]["requires"] == {"kornia": version("kornia")}
    assert components["augmentations.0"]["source"] == components["augmentations.1"]["source"]
    assert all(len(component["source"]) == 64 for component in components.values())
    assert describe_current([*components.values()], catalog) == [*components.values()]


def test_components_that_are_gone_are_not_described_again():
    """They are reported as gone, not as changed."""
    assert describe_current([NET, NET | {"place": "nowhere.0"}], discover()) == []


def test_nothing_changed_says_nothing():
    """The same code, and a component that the run did not have before."""
    assert drift([NET], [NET, NET | {"id": "acme/other", "source": "b"}]) == []


AGAIN = "pip install --force-reinstall"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"version": "1.1"}, ("acme-nets 1.0", "acme-nets 1.1", f"{AGAIN} acme-nets==1.0")),
        ({"distribution": "acme-fork"}, ("acme-nets 1.0", "acme-fork 1.0", f"{AGAIN} acme-nets==1.0")),
        ({"source": "b" * 64}, ("acme-nets 1.0", "a" * 12, "b" * 12, f"{AGAIN} acme-nets==1.0")),
        ({"source": ""}, ("acme-nets 1.0", "a" * 12, f"{AGAIN} acme-nets==1.0")),
        ({"requires": {"timm": "1.0.9"}}, ("timm", "1.0.1", "1.0.9", f"{AGAIN} timm==1.0.1")),
        ({"requires": {}}, ("timm", "1.0.1", f"{AGAIN} timm==1.0.1")),
    ],
    ids=["version", "distribution", "source", "no source", "requirement", "no requirement"],
)
def test_each_change_is_told_with_the_way_back(change, named, wording):
    """Which package, what it was, what it is, what to type; once, however many components share it."""
    both = [NET, NET | {"place": "loss", "id": "acme/loss"}]
    (sentence,) = drift(both, [component | change for component in both])
    assert [part for part in named if part not in sentence] == []
    assert sentence == wording


@pytest.mark.parametrize(
    ("origin", "way_back"),
    [
        ({"url": "git+https://host/nets.git@c0ffee"}, f"{AGAIN} 'acme-nets @ git+https://host/nets.git@c0ffee'"),
        ({"url": "/you/nets"}, "/you/nets"),
        ({"file": "/you/my_model.py", "distribution": "file", "version": "local"}, "/you/my_model.py"),
        ({"distribution": "in-process", "version": "0"}, ""),
        ({"distribution": "unknown", "version": "unknown"}, ""),
    ],
    ids=["repository", "folder", "file", "in process", "unknown"],
)
def test_way_back_is_that_of_how_it_was_installed(origin, way_back, wording):
    """An index does not have what came from a repository, a folder or a file."""
    before = NET | origin
    (sentence,) = drift([before], [before | {"source": "b" * 64}])
    assert way_back in sentence
    assert (AGAIN in sentence) == way_back.startswith(AGAIN)
    assert sentence == wording


OTHER = {"source": "b" * 64}
SOURCES = {"sources": "/you/acme"}


@pytest.mark.parametrize(
    ("before", "now"),
    [({}, SOURCES | OTHER), (SOURCES, OTHER), (SOURCES, SOURCES | OTHER)],
    ids=["its sources run now", "the installed copy runs now", "its sources have changed"],
)
def test_which_copy_runs_is_told_where_the_code_has_changed(before, now, wording):
    """A plugin's own sources and what is installed may differ; the same code in another place is no change."""
    (sentence,) = drift([NET | before], [NET | now])
    assert "/you/acme" in sentence
    assert sentence == wording
    assert drift([NET | before], [NET | now | {"source": NET["source"]}]) == []


def test_record_of_an_older_cvkit_is_compared_as_far_as_it_goes():
    """Runs made before digests were kept have none to differ from."""
    old = {key: NET[key] for key in ("place", "id", "distribution", "version")}
    assert drift([old], [NET]) == []


def test_plugins_that_are_gone_are_named_with_the_way_back(wording):
    """Not installed, loaded from a file, disabled; those that work are not spoken of."""
    catalog = discover(disabled={"timm": "--no-plugin"})
    used = [
        {"id": "acme/net", "distribution": "acme-nets", "version": "1.0"},
        {"id": "acme/loss", "distribution": "acme-nets", "version": "1.0"},
        {"id": "mine/net", "distribution": "file", "version": "local", "file": "/you/mine.py"},
        {"id": "timm/resnet18", "distribution": "cvkit-core", "version": "0.1"},
        {"id": "kornia/cutout", "distribution": "cvkit-core", "version": "0.1"},
    ]
    acme, mine, timm = missing_plugins(used, catalog, "add --plugin-path {}")
    assert f"{AGAIN} acme-nets==1.0" in acme
    assert "--plugin-path /you/mine.py" in mine
    assert all(part in timm for part in ("'timm'", version("cvkit-core"), "--no-plugin"))
    assert [acme, mine, timm.replace(version("cvkit-core"), "<version>")] == wording
