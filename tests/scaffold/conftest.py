"""New plugins of every kind, and an environment in which they are installed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from commands import Answer, call

from cvkit.scaffold.kinds import KIND_TEMPLATES
from cvkit.scaffold.names import read_name
from cvkit.scaffold.package import write
from cvkit.scaffold.rendering import render


@pytest.fixture(scope="session")
def packages(tmp_path_factory) -> dict[str, Path]:
    """A new package of every kind, by noun: ``acme_model`` and so on."""
    home = tmp_path_factory.mktemp("packages")
    written = {}
    for noun, sample in KIND_TEMPLATES.items():
        name = read_name(f"acme-{noun}")
        written[noun] = home / name.distribution
        write(render(name, sample), written[noun])
    return written


@pytest.fixture(scope="session")
def environment(new_environment, packages):
    """An environment in which all of the packages are installed together."""
    return new_environment(*packages.values())


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Path:
    """A new package with a component of every kind, `acme_all`."""
    name = read_name("acme-all")
    folder = tmp_path_factory.mktemp("whole") / name.distribution
    write(render(name, *KIND_TEMPLATES.values()), folder)
    return folder


@pytest.fixture
def cvkit(monkeypatch, capsys, tmp_path) -> Callable[..., Answer]:
    """Call ``cvkit`` with arguments in an empty folder, `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    return partial(call, capsys)


@pytest.fixture
def new_plugin(cvkit) -> Callable[..., Answer]:
    """Call ``cvkit new-plugin`` with arguments in an empty folder, `tmp_path`."""
    return lambda *arguments: cvkit("new-plugin", *arguments)
