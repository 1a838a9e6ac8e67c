"""Which copy of an installed plugin runs: its own sources may, another file of its name may not."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

from cvkit.host.catalog import PluginStatus
from cvkit.host.discovery import discover
from cvkit.host.entry_points import plugin_entry_points
from cvkit.host.installed_copy import other_copy

DECLARATION = """
from cvkit import Component, hookimpl

WHERE = {where!r}

@hookimpl
def cvkit_models():
    yield Component("acme_net", "{package}.net:net", WHERE)
"""
PROJECT = '[project]\nname = "{name}"\n[project.entry-points.cvkit]\nacme = "{package}"\n'


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of installed packages, on the path; what was imported from under it is forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def write_package(folder: Path, package: str, where: str, *modules: str) -> Path:
    """Write the plugin's package under `folder`; what its component says tells the copies apart."""
    home = folder / package
    home.mkdir(parents=True)
    (home / "__init__.py").write_text(DECLARATION.format(where=where, package=package))
    for module in modules:
        (home / f"{module}.py").write_text("def net(info): return None\n")
    return home


def install(site: Path, package: str, distribution: str = "acme-nets", came_from: dict | None = None) -> None:
    """Write the metadata of a distribution that has the package, as pip does."""
    info = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[cvkit]\nacme = {package}\n")
    files = [path.relative_to(site) for path in (site / package).rglob("*.py")]
    (info / "RECORD").write_text("".join(f"{file},sha256=x,1\n" for file in files))
    if came_from:
        (info / "direct_url.json").write_text(json.dumps(came_from))
    importlib.invalidate_caches()


def acme() -> PluginStatus:
    """How the plugin fares."""
    importlib.invalidate_caches()
    (status,) = [status for status in discover().statuses if status.origin.plugin == "acme"]
    return status


def require_safe_to_replace(place: Path) -> None:
    """Its sources run, and its origin says so."""
    status = acme()
    assert status.failure == ""
    assert status.origin.sources == str(place)
    entry = discover()["models"].find("acme/acme_net")
    assert (entry.component.summary, entry.origin.distribution) == ("sources", "acme-nets")


def require_stranger(place: Path, package: str) -> None:
    """It is named, and not imported."""
    status = acme()
    assert f"'{package}'" in status.failure
    assert f"'{place}'" in status.failure
    assert package not in sys.modules


@pytest.mark.parametrize("layout", [".", "src", "plugins"])
def test_sources_in_the_project_of_the_distribution_run(site, tmp_path, monkeypatch, layout):
    """Installed as a copy and tested in its own folder, as people's CI does, flat or not."""
    package = f"cvkit_acme_project_{'flat' if layout == '.' else layout}"
    write_package(site, package, "installed", "net")
    install(site, package)
    place = write_package(tmp_path / "home" / layout, package, "sources", "net", "new_module")
    (tmp_path / "home" / "pyproject.toml").write_text(PROJECT.format(name="Acme.Nets", package=package))
    monkeypatch.syspath_prepend(place.parent)
    require_safe_to_replace(place)


def test_installed_copy_is_not_told_of(site):
    """Nothing runs in its place."""
    write_package(site, "cvkit_acme_alone", "installed", "net")
    install(site, "cvkit_acme_alone")
    assert acme().origin.sources == ""


def test_sources_in_the_folder_it_was_installed_from_run(site, tmp_path, monkeypatch):
    """pip says where that is, whatever builds the project."""
    package = "cvkit_acme_from_here"
    write_package(site, package, "installed", "net")
    home = tmp_path / "home"
    install(site, package, came_from={"url": home.as_uri(), "dir_info": {}})
    place = write_package(home / "some" / "where", package, "sources", "other")
    monkeypatch.syspath_prepend(place.parent)
    require_safe_to_replace(place)


def test_sources_with_the_same_files_run(site, tmp_path, monkeypatch):
    """A copy of the package, with no project around it."""
    package = "cvkit_acme_same_files"
    write_package(site, package, "installed", "net", "helper")
    install(site, package)
    place = write_package(tmp_path / "copy", package, "sources", "net", "helper", "third")
    monkeypatch.syspath_prepend(place.parent)
    require_safe_to_replace(place)


def test_project_without_a_name_is_known_by_its_entry_points(site, tmp_path, monkeypatch):
    """Where the name is dynamic, or said in setup.py."""
    package = "cvkit_acme_nameless"
    write_package(site, package, "installed", "net")
    install(site, package)
    place = write_package(tmp_path / "home", package, "sources", "other")
    declared = f'[tool.poetry.plugins.cvkit]\nacme = "{package}"\n'
    (tmp_path / "home" / "pyproject.toml").write_text(declared)
    monkeypatch.syspath_prepend(place.parent)
    require_safe_to_replace(place)


def test_package_of_another_project_is_refused(site, tmp_path, monkeypatch):
    """Even one with the same files and the same entry point."""
    package = "cvkit_acme_fork"
    write_package(site, package, "installed", "net")
    install(site, package)
    place = write_package(tmp_path / "home", package, "stranger", "net")
    (tmp_path / "home" / "pyproject.toml").write_text(PROJECT.format(name="other-nets", package=package))
    monkeypatch.syspath_prepend(place.parent)
    require_stranger(place, package)


def test_package_that_another_distribution_installed_is_refused(site, tmp_path, monkeypatch):
    """Though it lies below the folder that the plugin was installed from, as an environment may."""
    package = "cvkit_acme_namesake"
    write_package(site, package, "installed", "net")
    home = tmp_path / "home"
    install(site, package, came_from={"url": home.as_uri(), "dir_info": {}})
    place = write_package(home / "env", package, "stranger", "net")
    install(home / "env", package, "other-nets")
    (home / "env" / "other_nets-1.0.dist-info" / "entry_points.txt").unlink()
    monkeypatch.syspath_prepend(place.parent)
    require_stranger(place, package)


def test_package_with_other_files_and_no_project_is_refused(site, tmp_path, monkeypatch):
    """As a folder of the same name in the working folder."""
    package = "cvkit_acme_unlike"
    write_package(site, package, "installed", "net")
    install(site, package)
    place = write_package(tmp_path / "work", package, "stranger", "something")
    monkeypatch.syspath_prepend(place.parent)
    require_stranger(place, package)


def test_built_in_plugins_run_from_their_sources_beside_an_installed_cvkit(tmp_path, monkeypatch):
    """All nine are the project's own, so that nothing of them is refused."""
    folder = Path(__file__).parents[2] / "plugins"
    (tmp_path / "cvkit_core-0.1.0.dist-info").mkdir()
    info = tmp_path / "cvkit_core-0.1.0.dist-info"
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cvkit-core\nVersion: 0.1.0\n")
    packages = sorted(path.name for path in folder.glob("cvkit_*"))
    (info / "entry_points.txt").write_text(
        "[cvkit]\n" + "".join(f"{p.removeprefix('cvkit_')} = {p}\n" for p in packages)
    )
    for package in packages:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()
    found = [other_copy(one) for one in plugin_entry_points() if one.origin.distribution == "cvkit-core"]
    assert [(copy.place, copy.own) for copy in found if copy] == [(folder / package, True) for package in packages]
