"""Modules and distributions written for one test, under names that no other test has used."""

from __future__ import annotations

import importlib
import itertools
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

_NUMBERS = itertools.count()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Iterator[Path]:
    """A folder on `sys.path`; what was imported from it is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def as_another() -> Iterator[Callable[[], None]]:
    """Give root's rights up until the test ends, so that modes of files count; others have none to give up."""
    user = os.geteuid()
    yield lambda: os.seteuid(65534) if user == 0 else None
    os.seteuid(user)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may look into, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def package(folder) -> Callable[..., str]:
    """Write a package of the modules given by name, and return the package's name."""

    def write(**sources: str) -> str:
        name = f"package_{next(_NUMBERS)}"
        for module, source in {"__init__": "", **sources}.items():
            path = folder / name / f"{module}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(dedent(source))
        importlib.invalidate_caches()
        return name

    return write


@pytest.fixture
def install(folder) -> Callable[..., str]:
    """Install a distribution with one plugin, declared by `source`, and return the declaring module's name."""

    def install(plugin: str, source: str, distribution: str = "", attribute: str = "", metadata: str = "") -> str:
        name = f"plugin_{next(_NUMBERS)}"
        distribution = distribution or f"dist-{name}"
        (folder / f"{name}.py").write_text("from cvkit import Component, hookimpl\n" + dedent(source))
        info = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n{metadata}")
        (info / "entry_points.txt").write_text(f"[cvkit]\n{plugin} = {name}{attribute}\n")
        importlib.invalidate_caches()
        return name

    return install
