"""The command line, called as a user does, but without the cost of a new process each time."""

from __future__ import annotations

import csv
import importlib
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from commands import Answer, call
from explained_run import train
from PIL import Image
from syrupy.assertion import SnapshotAssertion

from cvkit.engine.trainer import Trainer


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


class Site:
    """A folder on the import path in which distributions are installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, distribution: str, entry_points: str = "", **modules: str) -> Path:
        """Install a distribution with these entry points and modules; return its dist-info folder."""
        info = self.folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entry_points)
        (info / "RECORD").write_text("".join(f"{name}.py,,\n" for name in modules))
        for name, source in modules.items():
            (self.folder / f"{name}.py").write_text(source)
        importlib.invalidate_caches()
        return info


@pytest.fixture
def site(tmp_path, monkeypatch) -> Iterator[Site]:
    """Where a test installs distributions; what was imported from there is forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield Site(folder)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> tuple[Path, Trainer]:
    """A run folder of the small recipe, and the run."""
    parent = tmp_path_factory.mktemp("trained")
    run = train(parent)
    return next(parent.glob("small-*")), run


@pytest.fixture
def run_folder(trained, tmp_path, monkeypatch) -> Path:
    """The trained run, called `run`, in the empty folder that is worked in."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained[0], "run")
    return Path("run")


@pytest.fixture
def images(run_folder) -> Path:
    """Two images, one of a known class, and a file that is none."""
    folder = Path("images")
    (folder / "star").mkdir(parents=True)
    for number, name in enumerate(("a.png", "star/b.jpg")):
        pixels = np.random.default_rng(number).integers(0, 256, (50, 90, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    (folder / "text.png").write_text("not an image")
    return folder


@pytest.fixture
def rows() -> Callable[..., list[dict[str, str]]]:
    """Read the rows of what was written last."""

    def read(place: str = "explanations/run") -> list[dict[str, str]]:
        with (Path(place) / "explanations.csv").open(newline="") as file:
            return [*csv.DictReader(file)]

    return read
