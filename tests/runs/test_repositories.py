"""Which repositories the code of a run is in, and whether it is committed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import small

from cvkit import discover, resolve
from cvkit.recipe import read_text
from cvkit.runs import repositories as module
from cvkit.runs.repositories import repositories, uncommitted

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it writes."""
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Return a repository with a package, which the components of every recipe are said to come from."""
    package = tmp_path / "project" / "package"
    package.mkdir(parents=True)
    (package / "code.py").write_text("a = 1\n")
    (package / "notes.txt").write_text("")
    git(tmp_path / "project", "init", "-q")
    git(tmp_path / "project", "add", ".")
    git(tmp_path / "project", "commit", "-q", "-m", "First")
    monkeypatch.setattr(module, "package_of", lambda target: package)
    return package


def of_project(folder: Path) -> dict[str, object]:
    """Return what is found of the project in `folder`."""
    recipe = resolve(read_text(small.RECIPE, ()), discover())
    (found,) = [each for each in repositories(recipe) if Path(each["folder"]) == folder.resolve()]
    return found


def test_committed_code_has_its_commit_and_no_changes(repository):
    """Other files than Python's do not matter."""
    (repository / "notes.txt").write_text("changed")
    found = of_project(repository.parent)
    assert found["commit"] == git(repository, "rev-parse", "HEAD")
    assert found["changed"] == []
    assert uncommitted([found]) == []


def test_changed_and_new_code_is_named(repository):
    """Others cannot get it."""
    (repository / "code.py").write_text("a = 2\n")
    (repository / "new.py").write_text("")
    found = of_project(repository.parent)
    assert sorted(found["changed"]) == ["package/code.py", "package/new.py"]
    (line,) = uncommitted([found])
    assert "project" in line
    assert "package/code.py" in line


def test_package_that_a_repository_ignores_is_in_none(repository):
    """Such as an environment in the folder of a project: its versions identify what is installed there."""
    installed = repository.parent / ".venv" / "library"
    installed.mkdir(parents=True)
    (installed / "code.py").write_text("")
    (repository.parent / ".gitignore").write_text(".venv\n")
    assert module._asked("git", installed, "ls-files", "--", "*.py") == ""


def test_without_git_nothing_is_known(monkeypatch):
    """The run goes on."""
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    assert repositories(resolve(read_text(small.RECIPE, ()), discover())) == []
