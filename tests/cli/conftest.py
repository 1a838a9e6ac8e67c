"""The command line, called as a user does, but without the cost of a new process each time."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pytest
from commands import Answer, call
from syrupy.assertion import SnapshotAssertion


@pytest.fixture
def wording(wording) -> SnapshotAssertion:
    """As everywhere, and cvkit's own version is written as ``<version>``."""
    own = f"cvkit-core {version('cvkit-core')}"

    def portable(data: object, path: object) -> object:
        data = wording.matcher(data=data, path=path)
        return data.replace(own, "cvkit-core <version>") if isinstance(data, str) else data

    return wording.with_defaults(matcher=portable)


@pytest.fixture
def cvkit(capsys) -> Callable[..., Answer]:
    """Call ``cvkit`` with arguments, its output going to a pipe."""
    return partial(call, capsys)


@pytest.fixture
def write(tmp_path, monkeypatch) -> Callable[[str], Path]:
    """Write a recipe into an empty working folder, and return its path."""
    monkeypatch.chdir(tmp_path)

    def write(text: str, name: str = "recipe.yaml") -> Path:
        (tmp_path / name).write_text(text)
        return Path(name)

    return write


@pytest.fixture
def broken_plugin(tmp_path, monkeypatch) -> None:
    """Install a distribution acme-nets whose plugin acme cannot be imported, as there is no nowhere_at_all."""
    info = tmp_path / "site" / "acme_nets-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-nets\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cvkit]\nacme = nowhere_at_all\n")
    monkeypatch.syspath_prepend(info.parent)
    importlib.invalidate_caches()
