"""Plugins that a project's pyproject.toml asks for: used by every command, said, and never read from a run folder."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import pytest

NET = """
from cvkit import Component, hookimpl

@hookimpl
def cvkit_models():
    yield Component("minute_net", "{module}:minute_net", "A net")

def minute_net(info, *, width: int = 4): ...
"""
RECIPE = "dataset: shapes\nmodel: minute_net\noptimizer: sgd\n"


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A working folder with a plugin's file and a pyproject.toml that asks for it."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_asked_model.py").write_text(NET.format(module="my_asked_model"))
    (tmp_path / "pyproject.toml").write_text('[tool.cvkit]\nplugin-paths = ["my_asked_model.py"]\n')
    yield tmp_path
    sys.modules.pop("my_asked_model", None)


def test_plugins_of_the_project_at_hand_are_used_and_said(cvkit, project, wording):
    """On stderr, so that what is written for programs stays that; a run would record the file."""
    answer = cvkit("list", "models", "my_asked_model", "--json")
    (row,) = json.loads(answer.out)
    assert (row["id"], row["file"]) == ("my_asked_model/minute_net", str(project / "my_asked_model.py"))
    assert f"'{project / 'pyproject.toml'}'" in answer.err
    assert "'my_asked_model.py'" in answer.err
    assert answer.err == wording
    assert f" {project}/my_asked_model.py " in cvkit("plugins").out
    (project / "recipe.yaml").write_text(RECIPE)
    assert cvkit("check", "recipe.yaml").code == 0


def test_plugin_may_be_named_twice_and_left_out(cvkit, project):
    """On the command line too; and like any other by its name, before it is imported."""
    assert cvkit("info", "minute_net", "--plugin-path", "my_asked_model.py").code == 0
    (project / "my_asked_model.py").write_text("raise RuntimeError('imported')")
    sys.modules.pop("my_asked_model")
    broken = cvkit("list", "models", "minute_net")
    assert (broken.code, "RuntimeError: imported" in broken.err) == (2, True)
    out = cvkit("plugins", "--no-plugin", "my_asked_model").out
    (line,) = [line for line in out.splitlines() if line.startswith("my_asked_model ")]
    assert "--no-plugin" in line


def test_project_that_may_not_be_followed_is_told(cvkit, project, wording):
    """The command goes on without it."""
    with pytest.raises(tomllib.TOMLDecodeError) as cause:
        tomllib.loads("[tool.cvkit\n")
    (project / "pyproject.toml").write_text("[tool.cvkit\n")
    answer = cvkit("plugins")
    assert (answer.code, "my_asked_model" in answer.out) == (0, False)
    assert f"'{project / 'pyproject.toml'}'" in answer.err
    assert answer.err.replace(str(cause.value), "<what Python says>") == wording


@pytest.mark.parametrize("command", [("explain",), ("resume",), ("extend", "--epochs", "9")])
def test_run_folder_loads_no_plugins_of_its_own(cvkit, project, command):
    """Whatever a stranger has put beside the run: not even where the command is started in it."""
    (project / "my_asked_model.py").write_text("raise RuntimeError('imported')")
    (project / "recipe.yaml").write_text(RECIPE)
    name, *options = command
    answer = cvkit(name, ".", *options)
    assert answer.code != 0
    assert "my_asked_model" not in sys.modules
    assert "imported" not in answer.err
    assert "plugin-paths" not in answer.err
