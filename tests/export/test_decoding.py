"""Exported files say how the run decodes image files, so whoever has the file alone decodes them alike."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from PIL import Image

from cvkit import DataError, ExportedClassifier, RunError
from cvkit.export.decoding import FileDecoding
from cvkit.host.discovery import discover
from cvkit.prediction.opened import opened_file
from cvkit.recipe import Recipe, read_text, resolve


def recipe_of(dataset: str) -> Recipe:
    return resolve(read_text(f"dataset: {dataset}\nmodel: custom_resnet\noptimizer: sgd"), discover())


@pytest.fixture
def file_with(exported, tmp_path):
    """Copy the exported file, with another decoding in its metadata."""

    def file_with(decoding):
        proto = onnx.load(exported / "model.onnx")
        values = json.loads(proto.metadata_props[0].value)
        values["decoding"] = decoding
        onnx.helper.set_model_props(proto, {"cvkit": json.dumps(values)})
        onnx.save(proto, tmp_path / "changed.onnx")
        return tmp_path / "changed.onnx"

    return file_with


def test_options_of_the_data_set_are_kept():
    """Of folders and tables of files, also in a data set that changes another one; the defaults for drawn images."""
    assert FileDecoding.of(recipe_of("shapes")) == FileDecoding(16, None, "")
    folder = "{name: image_folder, path: x, bits: 12, max_megapixels: 5}"
    assert FileDecoding.of(recipe_of(folder)) == FileDecoding(12, 5, "")
    assert FileDecoding.of(recipe_of(f"{{name: subset, of: {folder}, count: 10}}")) == FileDecoding(12, 5, "")


def test_data_set_with_its_own_reader_is_named(monkeypatch):
    """Its code is not in the file, so its options mean nothing there."""
    recipe = recipe_of("shapes")
    monkeypatch.setattr(recipe.dataset.entry.load(), "read", lambda path, *, bits=8: None, raising=False)
    assert FileDecoding.of(recipe) == FileDecoding(reader="datasets/shapes")


def test_file_reads_images_as_its_run(file_with, tmp_path):
    """The bits of the data set, and its limit of pixels; without them, as before."""
    Image.fromarray(np.full((40, 40), 4000, np.uint16)).save(tmp_path / "deep.png")
    classifier = ExportedClassifier.open(file_with({"bits": 12, "max_megapixels": 1, "reader": ""}))
    assert (classifier.file_reader().pixels(tmp_path / "deep.png") == 4000 >> 4).all()
    assert opened_file(classifier.path, trusted=False).reader.options == {
        "channels": 3,
        "bits": 12,
        "max_megapixels": 1,
    }
    Image.new("1", (1001, 1000)).save(tmp_path / "large.png")
    with pytest.raises(DataError, match="max_megapixels"):
        classifier.file_reader().pixels(tmp_path / "large.png")


def test_users_are_told_if_files_are_read_otherwise(file_with):
    """Than by the data set of the run, whose plugin the file does not contain."""
    (line,) = opened_file(file_with({"reader": "scans/dicom"}), trusted=False).warnings
    assert line.startswith("the data set of the run, scans/dicom, reads files in its own way")
    assert opened_file(file_with({}), trusted=False).warnings == ()


@pytest.mark.parametrize("decoding", [{"bits": 40}, {"max_megapixels": 0}, {"reader": 3}, []])
def test_damaged_decoding_is_named(file_with, decoding):
    """In one line."""
    with pytest.raises(RunError, match="decoding") as raised:
        ExportedClassifier.open(file_with(decoding))
    assert "\n" not in str(raised.value)
