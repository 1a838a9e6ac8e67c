"""A small run that is trained for tests of explanations, and the words of others in what they print."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, UnidentifiedImageError

from cvkit.engine.assembly import build_parts
from cvkit.engine.building import open_dataset
from cvkit.engine.trainer import Trainer
from cvkit.host.discovery import discover
from cvkit.recipe import read_text, resolve
from cvkit.runs.folder import RunFolder
from cvkit.runs.session import Session

SMALL = """\
name: small
dataset: {name: shapes, train_size: 64, test_size: 40}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.1}
explainers: [grad_cam]
train: {epochs: 2, batch_size: 16, channels_last: true}
"""


def train(parent: Path, *overrides: str, stop_after: int | None = None) -> Trainer:
    """Train the small recipe in a new folder under `parent`, without a report, and return the run."""
    catalog = discover()
    recipe = resolve(read_text(SMALL, overrides), catalog)
    session = Session(
        build_parts(recipe, open_dataset(recipe, parent)), RunFolder.create(parent, recipe.name), parent, catalog
    )
    session.start()
    for _ in session.train():
        session.stop = session.step == stop_after
    if not session.stop:
        session.set_status("finished")
    return session.trainer


def without_reason(text: str) -> str:
    """Write Pillow's own words about the file that is no image as ``<what Pillow says>``."""
    with pytest.raises(UnidentifiedImageError) as caught:
        Image.open("images/text.png")
    return text.replace(str(caught.value), "<what Pillow says>")
