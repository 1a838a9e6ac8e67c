"""A small run, exported once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from explained_run import train

import cvkit
from cvkit import ModelToExport
from cvkit.export.metadata import metadata_of
from cvkit.export.serving import on_cpu


@pytest.fixture(autouse=True)
def on_one_thread(one_thread: None) -> None:
    """The networks are small."""


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Path:
    """The folder of a small run whose memory format is channels last."""
    parent = tmp_path_factory.mktemp("to_export")
    train(parent)
    return next(parent.glob("small-*"))


@pytest.fixture(scope="session")
def model(run) -> cvkit.Model:
    """The run's model."""
    return cvkit.load(run)


@pytest.fixture(scope="session")
def exported(model, tmp_path_factory) -> Path:
    """The folder with the run's ONNX file and its certificate."""
    return model.export("onnx", output=tmp_path_factory.mktemp("exports")).folder


@pytest.fixture(scope="session")
def to_export(model) -> ModelToExport:
    """The model as exporters get it."""
    trained = model._trained
    metadata = metadata_of(model.recipe, trained, model.folder.name, model.checkpoint)
    part = model.recipe.model
    return ModelToExport(on_cpu(trained.model), model.info, part.entry.id, part.options, metadata)


@pytest.fixture
def certificate(exported) -> dict[str, object]:
    """The certificate of the ONNX file."""
    return json.loads((exported / "certificate.json").read_text())
