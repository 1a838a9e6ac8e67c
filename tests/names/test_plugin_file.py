"""A plugin that is a file: written, named on the command line, used; nothing installed."""

from __future__ import annotations

import sys

import pytest

from cvkit import PluginError
from cvkit.plugins import discover

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
        file.parent.mkdir(exist_ok=True)
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


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("timm.py", NET, "a module 'timm' is installed already; rename the file"),
        ("my-model.py", NET, "its name must be that of a module, such as my_model.py"),
        ("my_model.txt", NET, "its name must be that of a module, such as my_model.py"),
        (
            "my_bad_import.py",
            "\nimport nowhere_at_all",
            "ModuleNotFoundError: No module named 'nowhere_at_all', line 2",
        ),
        ("my_bad_syntax.py", "\n\ndef net(:", "cannot be imported: invalid syntax, line 3"),
        ("my_exit.py", "import sys\nsys.exit(3)", "SystemExit: 3, line 2"),
        ("my_slip.py", NET.replace("cvkit_models", "cvkit_model"), "there is no hook 'cvkit_model'. Did you mean"),
    ],
)
def test_file_that_is_no_plugin_is_an_error(write, name, source, message):
    """It was asked for, so it is not passed over as a broken installed one is; nothing else is imported for it."""
    path = write(name, source)
    with pytest.raises(PluginError) as caught:
        discover(paths=[path])
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_path_that_is_not_there_says_what_would_be(tmp_path):
    """A missing file, and a folder that is no package."""
    with pytest.raises(
        PluginError, match=r"there is no plugin at '.*nowhere.py': name a .py file or a package's folder"
    ):
        discover(paths=[tmp_path / "nowhere.py"])
    with pytest.raises(PluginError, match=r"a package's folder holds an __init__\.py"):
        discover(paths=[tmp_path])


def test_file_comes_before_an_installed_plugin_of_its_name(write):
    """Developing a plugin that is installed too: the file is used, and the installed one is told of."""
    path = write("resnet.py", NET.format(module="resnet"))
    catalog = discover(paths=[path])
    assert catalog["models"].find("resnet/tiny").origin.file == str(path)
    (installed,) = catalog.failures
    assert installed.failure == f"another distribution, {path}, provides a plugin named 'resnet' too"
