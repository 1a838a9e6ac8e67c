"""The package of a stranger, built as a wheel and installed into a throw-away environment."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

collect_ignore = ["acme-vision"]  # its tests are its own, and run where it is installed


@pytest.fixture(scope="session")
def checkout(tmp_path_factory) -> Path:
    """The stranger's sources, outside cvkit's."""
    return shutil.copytree(Path(__file__).parent / "acme-vision", tmp_path_factory.mktemp("home") / "acme-vision")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory, checkout) -> Path:
    """What the stranger publishes."""
    shelf = tmp_path_factory.mktemp("shelf")
    offline = ["--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", *offline, "-w", shelf, checkout], check=True)
    (built,) = shelf.iterdir()
    return built


@pytest.fixture(scope="session")
def environment(new_environment, wheel):
    """An environment in which the wheel is installed beside cvkit."""
    return new_environment(wheel)
