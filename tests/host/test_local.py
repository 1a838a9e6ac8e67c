"""A plugin that is a file: written, named on the command line, used; nothing installed."""

from __future__ import annotations

import errno
import os
import re
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pydantic
import pytest

import cvkit_resnet
from cvkit import PluginError
from cvkit.host.discovery import discover

NET = """
from cvkit import Component, hookimpl

@hookimpl
def cvkit_models():
    yield Component("tiny", "{module}:tiny", "A net")

def tiny(info, *, width: int = 4):
    \"\"\"Build a tiny net.\"\"\"
    return (info, width)
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write files under a folder that is not on the path; what was imported from there is forgotten afterwards."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    def write(name, source):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
        return file

    yield write
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def test_file_is_a_plugin_under_its_own_name(write):
    """Its components are found, their options read, their factories built, and it is said where they came from."""
    path = write("my_file_model.py", NET.format(module="my_file_model"))
    catalog = discover(paths=[path])
    entry = catalog["models"].find("tiny")
    assert entry.id == "my_file_model/tiny"
    assert (entry.origin.distribution, entry.origin.version, entry.origin.file) == ("file", "local", str(path))
    assert list(entry.signature().options) == ["width"]
    assert entry.build("info", width=3) == ("info", 3)
    assert catalog.statuses[0].works


def test_folder_of_a_package_is_a_plugin(write):
    """A package that is not installed yet, with its submodules."""
    write("my_file_package/net.py", "def tiny(info):\n    return info\n")
    init = write("my_file_package/__init__.py", NET.format(module="my_file_package.net"))
    entry = discover(paths=[init.parent])["models"].find("my_file_package/tiny")
    assert entry.build("info") == "info"


def test_file_may_be_named_relatively(write, monkeypatch):
    """As a user types it."""
    path = write("my_relative_model.py", NET.format(module="my_relative_model"))
    monkeypatch.chdir(path.parent)
    entry = discover(paths=[path.relative_to(path.parent)])["models"].find("tiny")
    assert entry.origin.file == str(path)


def test_file_that_is_loaded_twice_is_loaded_once(write):
    """One process may run several commands, as a notebook does."""
    path = write("my_repeated_model.py", NET.format(module="my_repeated_model"))
    discover(paths=[path])
    assert discover(paths=[path])["models"].find("tiny").id == "my_repeated_model/tiny"


NO_PLUGINS = {
    "kornia.py": (NET, ["'kornia'"]),
    "pydantic.py": (NET, [f"'{pydantic.__file__}'"]),
    "my-model.py": (NET, ["my_model.py"]),
    "my_model.txt": (NET, ["my_model.py"]),
    "my_bad_import.py": ("\nimport nowhere_at_all", ["'nowhere_at_all'", r"\b2\b"]),
    "my_bad_syntax.py": ("\n\ndef net(:", [r"\b3\b"]),
    "my_exit.py": ("import sys\nsys.exit(3)", ["SystemExit: 3", r"\b2\b"]),
    "my_slip.py": (NET.replace("cvkit_models", "cvkit_model"), ["'cvkit_models'"]),
}


@pytest.mark.parametrize("name", NO_PLUGINS)
def test_file_that_is_no_plugin_is_an_error(write, name, wording):
    """It was asked for, so it is not passed over as a broken installed one is; nothing else is imported for it."""
    source, named = NO_PLUGINS[name]
    path = write(name, source)
    with pytest.raises(PluginError) as caught:
        discover(paths=[path])
    said = str(caught.value)
    assert str(path) in said
    assert all(re.search(pattern, said.replace(str(path), "")) for pattern in named)
    for machines, shown in ((pydantic.__file__, "<pydantic>"), (version("cvkit-core"), "<version>")):
        said = said.replace(machines, shown)
    assert said == wording


def test_path_that_is_not_there_says_what_would_be(tmp_path, wording):
    """A missing file, and a folder that is no package."""
    with pytest.raises(PluginError) as caught:
        discover(paths=[tmp_path / "nowhere.py"])
    assert str(caught.value) == wording(name="file")
    with pytest.raises(PluginError) as caught:
        discover(paths=[tmp_path])
    assert str(caught.value) == wording(name="folder")


def test_same_path_twice_is_one_plugin(write):
    """As where a shell's history repeats an option; a link to a file is the file."""
    path = write("my_twice_named.py", NET.format(module="my_twice_named"))
    (path.parent / "link").symlink_to(path.parent)
    catalog = discover(paths=[path, path, path.parent / "link" / path.name])
    assert [status.origin.plugin for status in catalog.statuses if status.origin.file] == ["my_twice_named"]


def test_package_in_a_project_is_called_as_the_project_calls_it(write):
    """By path and installed, its components have the same ids, so recipes and run folders stay good."""
    write("home/pyproject.toml", '[project.entry-points.cvkit]\nacme_file = "acme_file_package"\n')
    init = write("home/acme_file_package/__init__.py", NET.format(module="acme_file_package.net"))
    assert discover(paths=[init.parent])["models"].find("tiny").id == "acme_file/tiny"


def test_package_of_an_installed_plugin_stands_in_for_it():
    """The working copy of a plugin that is installed editable, as authors have it, is one plugin and not two."""
    path = Path(cvkit_resnet.__file__).parent
    catalog = discover(paths=[path])
    (status,) = [status for status in catalog.statuses if status.origin.plugin == "resnet"]
    assert (status.works, status.origin.file) == (True, str(path))
    assert catalog["models"].find("custom_resnet").origin.file == str(path)


def test_file_may_be_disabled_and_may_wait(write, wording):
    """The rules of plugins are the same, wherever they come from."""
    waiting = write("my_waiting.py", "cvkit_requires = ('nowhere',)" + NET.format(module="my_waiting"))
    (status,) = [status for status in discover(paths=[waiting]).statuses if status.origin.file]
    assert len(status.missing) == 1
    assert status.reason == wording
    unwanted = write("my_unwanted.py", "raise RuntimeError('imported')")
    (status,) = [s for s in discover({"my_unwanted": "--no-plugin"}, [unwanted]).statuses if s.origin.file]
    assert status.disabled == "--no-plugin"


def test_mistake_in_a_module_that_the_file_imports_is_told_as_that_modules(write, wording):
    """A line number alone would send the author to the wrong file."""
    helper = write("my_broken_helper.py", "\n\n\ndef net(:")
    path = write("my_needing_helper.py", "import my_broken_helper")
    with pytest.raises(PluginError, match=f"'{helper}'") as caught:
        discover(paths=[path])
    assert re.search(r"\b4\b", str(caught.value).replace(str(helper), ""))
    assert str(caught.value) == wording
    assert str(path.parent) not in sys.path


@pytest.mark.parametrize("layout", ["", "src/", "plugins/"])
def test_folder_of_a_project_is_its_plugins(write, layout):
    """They are found by its entry points, wherever its sources lie, and called as it calls them."""
    package = f"acme_project_{layout.strip('/') or 'flat'}"
    points = f'acme = "{package}"\nacme_two = "{package}.two:plugin"\n'
    project = write("home/pyproject.toml", f"[project.entry-points.cvkit]\n{points}")
    init = write(f"home/{layout}{package}/__init__.py", NET.format(module=f"{package}.net"))
    hook = f"    @hookimpl\n    def cvkit_models(self):\n        yield Component('small', '{package}.net:small')\n"
    two = f"from cvkit import Component, hookimpl\nclass Two:\n{hook}"
    write(f"home/{layout}{package}/two.py", f"{two}\nplugin = Two()\n")
    for path in (project.parent, project):
        catalog = discover(paths=[path])
        assert [catalog["models"].find(name).id for name in ("tiny", "small")] == ["acme/tiny", "acme_two/small"]
        assert catalog["models"].find("tiny").origin.file == str(init.parent)


def test_object_that_a_project_names_is_the_plugin_of_its_package(write):
    """By the package's folder as by the project's: the module itself may have no hooks."""
    write("home/pyproject.toml", '[project.entry-points.cvkit]\nacme_object = "acme_object_package:plugin"\n')
    hook = "    @hookimpl\n    def cvkit_models(self):\n        yield Component('tiny', 'a:b')\n"
    source = f"from cvkit import Component, hookimpl\nclass P:\n{hook}\nplugin = P()\n"
    init = write("home/acme_object_package/__init__.py", source)
    assert discover(paths=[init.parent])["models"].find("tiny").id == "acme_object/tiny"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "[project.entry-points.cvkit]"),
        ('[project.entry-points.cvkit]\nacme = "acme_nowhere.net"', "'acme_nowhere'"),
        ('[project.entry-points.cvkit]\nacme = "a b"', "'a b'"),
    ],
    ids=["no entry point", "no package", "no module"],
)
def test_project_without_a_plugin_to_load_says_what_is_wrong(write, text, named, wording):
    """What its pyproject.toml lacks."""
    project = write("home/pyproject.toml", text)
    with pytest.raises(PluginError) as caught:
        discover(paths=[project.parent])
    assert named in str(caught.value)
    assert str(caught.value) == wording


def test_project_that_does_not_parse_says_so(write, wording):
    """In Python's words."""
    with pytest.raises(tomllib.TOMLDecodeError) as python:
        tomllib.loads("[project")
    project = write("home/pyproject.toml", "[project")
    with pytest.raises(PluginError) as caught:
        discover(paths=[project.parent])
    assert str(python.value) in str(caught.value)
    assert str(caught.value).replace(str(python.value), "<Python's words>") == wording


def test_project_stands_in_for_its_installed_copy(write, tmp_path, monkeypatch):
    """What was named on the command line is what runs, and not the copy that was installed from it before."""
    package = "acme_copied_project"
    source = NET.format(module=f"{package}.net")
    write(f"site/{package}/__init__.py", source.replace("A net", "installed"))
    write("site/acme_copied-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: acme-copied\nVersion: 1.0\n")
    write("site/acme_copied-1.0.dist-info/entry_points.txt", f"[cvkit]\nacme = {package}\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    write(
        "home/pyproject.toml", f'[project]\nname = "acme-copied"\n[project.entry-points.cvkit]\nacme = "{package}"\n'
    )
    init = write(f"home/src/{package}/__init__.py", source.replace("A net", "sources"))
    catalog = discover(paths=[tmp_path / "home"])
    entry = catalog["models"].find("tiny")
    assert (entry.id, entry.component.summary, entry.origin.file) == ("acme/tiny", "sources", str(init.parent))
    assert len([status for status in catalog.statuses if status.origin.plugin == "acme"]) == 1


@pytest.mark.parametrize("name", ["closed_model.py", "closed", "closed/__init__.py", "pyproject.toml", ""])
def test_plugin_that_may_not_be_read_says_so(open_folder, as_another, name):
    """The file and the cause, and its owner where that can be told: by path as through a project."""
    (open_folder / "closed").mkdir()
    (open_folder / "closed" / "__init__.py").touch()
    (open_folder / "closed_model.py").touch()
    (open_folder / "pyproject.toml").write_text('[project.entry-points.cvkit]\nacme = "closed"\n')
    for path in (open_folder / "closed_model.py", open_folder / "closed"):
        path.chmod(0)
    as_another()
    with pytest.raises(PluginError, match=f"'{open_folder}/closed") as caught:
        discover(paths=[open_folder / name])
    assert os.strerror(errno.EACCES) in str(caught.value)
