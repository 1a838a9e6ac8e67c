"""New packages as ruff and mypy see them, which needs no environment."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest
from typed import strict_mypy

from cvkit.scaffold.kinds import KIND_TEMPLATES
from cvkit.scaffold.names import LONGEST, read_name
from cvkit.scaffold.package import write
from cvkit.scaffold.rendering import render


def need(tool: str) -> None:
    """Skip the test where a development tool is not installed."""
    if importlib.util.find_spec(tool) is None:
        pytest.skip(f"{tool} is not installed; it is in the extra 'dev'")


@pytest.mark.parametrize("plugin", ["a", "acme_net", "n" * LONGEST])
def test_packages_are_formatted_and_lint_clean(tmp_path, plugin):
    """By ruff's own defaults, whatever the length of the name."""
    need("ruff")
    name = read_name(plugin)
    for sample in KIND_TEMPLATES.values():
        write(render(name, sample), tmp_path / sample.noun)
    write(render(name, *KIND_TEMPLATES.values()), tmp_path / "whole")
    for command in (["format", "--check"], ["check"], ["check", "--select", "E501", "--line-length", "88"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_packages_are_typed(packages, whole, request):
    """A strict type checker finds nothing in them and in their tests, with cvkit's own types: one run for all."""
    need("mypy")
    projects = [whole, *packages.values()]
    folders = [project / folder for project in projects for folder in ("src", "tests")]
    done = strict_mypy(request.config, whole, *folders)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all([*project.glob("src/*/py.typed")] for project in projects)
