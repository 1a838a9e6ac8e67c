"""What a wheel of cvkit holds, as the tool that builds it says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import cvkit

ROOT = Path(cvkit.__file__).parents[1]
REPOSITORY = "https://github.com/cvkit/cvkit"


def test_wheel_holds_every_file_of_cvkit():
    """Among them py.typed, without which type checkers take nothing of cvkit's types, and the templates."""
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed; it is in 'test'")
    there = {file.distribution_path for file in wheel.WheelBuilder(str(ROOT)).recurse_included_files()}
    files = [path for path in (ROOT / "cvkit").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {path.relative_to(ROOT).as_posix() for path in files} <= there
    assert "cvkit/py.typed" in there
    assert "cvkit_torch/__init__.py" in there


def test_version_without_git_is_the_last_of_the_changelog():
    """An archive of the sources, which has no tags, is built as the version that its changelog ends with."""
    last = re.search(
        r"^## (\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M
    )
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["tool"]["hatch"]["version"]["fallback-version"] == last.group(1)


def test_readme_of_the_wheel_has_only_links_that_work_elsewhere():
    """A package index has no files beside the README: relative links become absolute ones to the repository."""
    pytest.importorskip("hatch_fancy_pypi_readme", reason="it is in the extra 'test'")
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed; it is in 'test'")
    here, there = (ROOT / "README.md").read_text(encoding="utf-8"), wheel.WheelBuilder(str(ROOT)).metadata.core.readme
    assert _links(there) == [_absolute(link) for link in _links(here)]


def _links(text: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", text)


def _absolute(link: str) -> str:
    if link.startswith("https://"):
        return link
    home = (
        "https://raw.githubusercontent.com/cvkit/cvkit/main" if link.endswith(".png") else f"{REPOSITORY}/blob/main"
    )
    return f"{home}/{link}"
