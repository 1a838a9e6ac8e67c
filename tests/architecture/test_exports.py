"""The front door: the names that `cvkit` exports, and nothing else."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import cvkit
from cvkit import errors
from cvkit.host import component

TREE = ast.parse(Path(cvkit.__file__).read_text())
PLUGINS = Path(cvkit.__file__).parents[1] / "plugins"


def imported(statements: list[ast.stmt]) -> dict[str, str]:
    """The names imported relatively, and the module each comes from."""
    return {
        alias.name: str(node.module)
        for node in statements
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }


def test_exports_are_the_lazy_names():
    """Every exported name is imported on first use, and nothing is imported before."""
    assert imported(TREE.body) == {}
    assert set(cvkit.__all__) == cvkit._LAZY.keys()


def test_exports_are_sorted_and_told_once():
    """Constants, classes, functions, each in the order of the alphabet."""
    groups = sorted(cvkit.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert cvkit.__all__ == groups
    assert len(set(cvkit.__all__)) == len(cvkit.__all__)


def test_type_checkers_see_what_is_lazy():
    """The imports that type checkers follow lead where the lazy ones do."""
    (checking,) = [node for node in TREE.body if isinstance(node, ast.If)]
    for name, module in imported(checking.body).items():
        assert getattr(importlib.import_module(f"cvkit.{module}"), name) is getattr(cvkit, name)
    assert imported(checking.body).keys() == cvkit._LAZY.keys()


@pytest.mark.parametrize("name", cvkit.__all__)
def test_export_resolves(name):
    """Each name is there, documented, and its own."""
    value = getattr(cvkit, name)
    assert value.__doc__
    assert value is getattr(importlib.import_module(f"cvkit.{cvkit._LAZY[name]}"), name)


def test_dir_shows_the_exports():
    """Completion offers what there is."""
    assert dir(cvkit) == sorted(cvkit.__all__)


def test_unknown_name_is_an_attribute_error():
    """A name that is not exported fails as in any module."""
    with pytest.raises(AttributeError, match="'Learner'"):
        _ = cvkit.Learner


RENAMED = {"Plan": "StepPlan", "Record": "EpochRecord", "Run": "RunParts", "evaluation_mode": "eval_mode"}


@pytest.mark.parametrize(("old", "new"), RENAMED.items(), ids=RENAMED)
def test_old_name_works_and_warns(old, new):
    """For one release; the warning says the new name, each time."""
    for _ in range(2):
        with pytest.warns(DeprecationWarning, match=rf"cvkit\.{new}"):
            value = getattr(cvkit, old)
        assert value is getattr(cvkit, new)
    assert old not in cvkit.__all__


def test_every_error_and_declaration_is_exported():
    """Whoever catches or declares something finds its name at the front door."""
    public = {
        name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)
    }
    public |= {
        name for name, value in vars(component).items() if getattr(value, "__module__", "") == component.__name__
    }
    assert public | {"KINDS", "hookimpl"} <= set(cvkit.__all__)


def test_plugins_use_only_exported_names():
    """What the built-ins import from cvkit is public, so a stranger's plugin can do all they can."""
    used = {
        alias.name
        for path in PLUGINS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "cvkit"
        for alias in node.names
    }
    assert {"Component", "hookimpl"} <= used <= set(cvkit.__all__)
