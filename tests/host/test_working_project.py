"""Plugins of the project at hand: which pyproject.toml counts, and which never does."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from cvkit import PluginError
from cvkit.host.working_project import plugins_of_working_project


@pytest.fixture
def project(tmp_path) -> Path:
    """A project whose pyproject.toml asks for one plugin, with a folder in it."""
    home = tmp_path / "home"
    (home / "deep" / "down").mkdir(parents=True)
    (home / "my_model.py").touch()
    (home / "pyproject.toml").write_text('[tool.cvkit]\nplugin-paths = ["my_model.py"]\n')
    return home


def test_project_s_own_folder_counts(project):
    """Paths are seen from its pyproject.toml."""
    found = plugins_of_working_project(project)
    assert (found.file, found.paths, found.refused) == (
        project / "pyproject.toml",
        (project / "my_model.py",),
        "",
    )


def test_folder_below_counts_within_a_repository_only(project):
    """What lies above a folder may be anybody's, as in a place for temporary files."""
    below = project / "deep" / "down"
    assert plugins_of_working_project(below) is None
    (project / ".git").mkdir()
    assert plugins_of_working_project(below).paths == (project / "my_model.py",)
    (project / "deep" / ".git").mkdir()
    assert plugins_of_working_project(below) is None


def test_nearest_project_is_the_only_one(project):
    """One that asks for nothing hides those above it."""
    (project / ".git").mkdir()
    (project / "deep" / "pyproject.toml").write_text("[project]\n")
    assert plugins_of_working_project(project / "deep" / "down") is None


def test_run_folder_brings_no_plugins(project):
    """It may come from a stranger: neither where a command starts in it, nor where one is about it."""
    inner = project / "deep"
    for name, text in {"run.json": "{}", "recipe.yaml": "", "pyproject.toml": "", "evil.py": ""}.items():
        (inner / name).write_text(text)
    (inner / "pyproject.toml").write_text('[tool.cvkit]\nplugin-paths = ["evil.py"]\n')
    assert plugins_of_working_project(inner) is None
    (inner / "run.json").unlink()
    assert plugins_of_working_project(inner, run=inner) is None
    assert plugins_of_working_project(inner, run=project) is None
    assert plugins_of_working_project(inner / ".." / "deep", run=inner) is None
    assert plugins_of_working_project(project, run=inner).paths == (project / "my_model.py",)


def test_command_that_starts_in_a_run_folder_reads_no_project_around_it(project):
    """A repository may have been unpacked around the run."""
    (project / ".git").mkdir()
    (project / "deep" / "run.json").write_text("{}")
    (project / "deep" / "recipe.yaml").touch()
    assert plugins_of_working_project(project / "deep" / "down") is None


def test_file_of_another_user_is_refused(project, monkeypatch, wording):
    """In a place where everyone may write, it may have been put there."""
    mine = (project / "pyproject.toml").stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    if mine == 0:  # whose files are as good as one's own
        os.chown(project / "pyproject.toml", 2, -1)
    found = plugins_of_working_project(project)
    assert found.paths == ()
    assert found.refused == wording


def test_file_that_does_not_parse_is_refused_with_the_reason(project, wording):
    """Every command would stop otherwise, those that say what is wrong as well."""
    text = "[tool.cvkit\n"
    (project / "pyproject.toml").write_text(text)
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    found = plugins_of_working_project(project)
    assert found.paths == ()
    assert str(caught.value) in found.refused
    assert found.refused.replace(str(caught.value), "<Python's words>") == wording


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ('plugin-paths = "my_model.py"', "plugin-paths"),
        ("plugin-paths = [1]", "plugin-paths"),
        ('plugin-path = ["my_model.py"]', "'plugin-paths'"),
        ('plugin-paths = ["nowhere.py"]', "'nowhere.py'"),
    ],
)
def test_mistake_in_the_table_is_told_with_the_file(project, table, named, wording):
    """What is wrong, in which file."""
    (project / "pyproject.toml").write_text(f"[tool.cvkit]\n{table}\n")
    with pytest.raises(PluginError) as caught:
        plugins_of_working_project(project)
    assert named in str(caught.value)
    assert str(project / "pyproject.toml") in str(caught.value)
    assert str(caught.value) == wording


@pytest.mark.parametrize("text", ["", "[tool.other]\n", "[tool.cvkit]\nplugin-paths = []\n", "tool = 1 # cvkit\n"])
def test_project_that_asks_for_nothing_is_not_spoken_of(project, text):
    """As most are."""
    (project / "pyproject.toml").write_text(text)
    assert plugins_of_working_project(project) is None
