"""Runs on the images of a folder and of shards, which are compared to the bit, and runs that are killed."""

from __future__ import annotations

import csv
import os
import signal
from pathlib import Path
from typing import Any

from cvkit.engine.assembly import build_parts
from cvkit.engine.building import open_dataset
from cvkit.engine.trainer import Step
from cvkit.host.discovery import discover
from cvkit.recipe import read, resolve
from cvkit.runs.folder import RunFolder
from cvkit.runs.session import Session


def session_in(path: Path, recipe: Path) -> Session:
    """Return a session of `recipe` in the folder `path`, with the data beside the recipe."""
    path.mkdir(exist_ok=True)
    folder, catalog = RunFolder(path), discover()
    checked = resolve(read(folder.recipe_path if folder.recipe_path.is_file() else recipe), catalog)
    return Session(build_parts(checked, open_dataset(checked, recipe.parent)), folder, recipe.parent, catalog)


def train(path: Path, recipe: Path, die_after: int | None = None) -> Path:
    """Train and report, or kill this process after a step."""
    session = session_in(path, recipe)
    session.start()
    for event in session.train():
        if isinstance(event, Step) and event.step == die_after:
            os.kill(os.getpid(), signal.SIGKILL)
    session.report()
    return path


def predictions(path: Path) -> list[dict[str, str]]:
    """Return the rows of predictions.csv."""
    with (path / "predictions.csv").open(newline="") as stream:
        return [*csv.DictReader(stream)]


def weights_of(path: Path) -> dict[str, Any]:
    """Return the tensors of the newest checkpoint."""
    state, damaged = RunFolder(path).newest_state()
    assert not damaged
    return state["model"]
