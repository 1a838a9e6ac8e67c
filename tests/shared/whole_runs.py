"""A small recipe file, and a way to run it whole."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import small
from forks import Command

RECIPE = small.RECIPE.replace("batch_size: 8", "batch_size: 8, checkpoint_every: 3")


@pytest.fixture(scope="session")
def recipe_text() -> str:
    """What `recipe` holds."""
    return RECIPE


@pytest.fixture
def recipe(tmp_path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def cvkit(tmp_path, warm) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call the command line in a process of its own, in an empty folder, on one thread."""
    return lambda *arguments: Command(*arguments, cwd=tmp_path).finish()
