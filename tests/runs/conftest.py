"""A small recipe file, and a way to run it whole."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import small
from forks import Command

from cvkit import RunFolder, discover
from cvkit.session import Session

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


@pytest.fixture(scope="session")
def warm(tmp_path_factory) -> None:
    """Carry out a run here, which loads what every run does, so that forks of this process need not."""
    folder = tmp_path_factory.mktemp("warm")
    catalog = discover()
    run = small.run_of(catalog, "train.epochs=1")
    session = Session(run, RunFolder.create(folder, "warm"), folder, catalog)
    session.start()
    assert [*session.train()]
    session.report()
    session.end("finished")


@pytest.fixture
def cvkit(tmp_path, unrendered, warm) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call the command line in a process of its own, in an empty folder, on one thread."""
    return lambda *arguments: Command(*arguments, cwd=tmp_path).finish()
