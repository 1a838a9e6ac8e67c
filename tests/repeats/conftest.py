"""The recipe in an empty folder, and a repeat of it that nobody interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest
from forks import in_a_fork
from repeating import RECIPE, train


@pytest.fixture
def tiny(tmp_path) -> Path:
    """The recipe in an empty folder."""
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    return tmp_path / "tiny.yaml"


@pytest.fixture(scope="session")
def repeated(tmp_path_factory, warm) -> Path:
    """The folder of a finished repeat of three seeds."""
    parent = tmp_path_factory.mktemp("repeated")
    (parent / "tiny.yaml").write_text(RECIPE)
    assert in_a_fork(lambda: train(parent / "repeat", parent / "tiny.yaml")) == 0
    return parent / "repeat"
