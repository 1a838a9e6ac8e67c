"""Exported files as classifiers: those of strangers run no code and end in an error that says why."""

from __future__ import annotations

import json
import shutil

import onnx
import pytest

from cvkit import ExportedClassifier, RunError


def with_metadata(exported, path, change):
    """Copy the exported file with other metadata."""
    proto = onnx.load(exported / "model.onnx")
    values = json.loads(proto.metadata_props[0].value)
    change(values)
    onnx.helper.set_model_props(proto, {"cvkit": json.dumps(values)})
    onnx.save(proto, path)
    return path


def test_files_of_other_programs_are_refused(exported, tmp_path):
    """They have no classes."""
    proto = onnx.load(exported / "model.onnx")
    del proto.metadata_props[:]
    onnx.save(proto, tmp_path / "plain.onnx")
    with pytest.raises(RunError, match="contains no classes"):
        ExportedClassifier.open(tmp_path / "plain.onnx")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: values.update(format=99), "format 99"),
        (lambda values: values["info"].update(classes=[]), "no classes"),
        (lambda values: values["info"].update(classes="abc"), "info.classes"),
        (lambda values: values["info"].update(mean=[0.5]), "another number of channels"),
        (lambda values: values.update(thresholds=[0.5]), "thresholds"),
        (lambda values: values["info"].update(framing={"how": "so"}), "framing"),
        (lambda values: values["info"].update(task="sorting"), "sorting"),
        (lambda values: values.pop("info"), "info"),
    ],
)
def test_damaged_metadata_are_named(exported, tmp_path, change, words):
    """Whatever is in them, the error is one line."""
    path = with_metadata(exported, tmp_path / "changed.onnx", change)
    with pytest.raises(RunError, match=words) as raised:
        ExportedClassifier.open(path)
    assert "\n" not in str(raised.value)


def test_damaged_and_missing_files_are_errors(tmp_path):
    """Each says what is wrong."""
    (tmp_path / "text.onnx").write_text("no graph")
    (tmp_path / "model.bin").write_text("no graph")
    for name, words in (
        ("text.onnx", "cannot be read by onnxruntime"),
        ("model.bin", "neither"),
        ("no.onnx", "no file"),
    ):
        with pytest.raises(RunError, match=words):
            ExportedClassifier.open(tmp_path / name)


def test_programs_are_not_unpickled_without_trust(exported, tmp_path):
    """Reading a .pt2 file can run code, so a stranger's is not read."""
    shutil.copy(exported / "model.onnx", tmp_path / "model.pt2")
    with pytest.raises(RunError, match="trusted=True"):
        ExportedClassifier.open(tmp_path / "model.pt2")


def test_images_of_another_size_are_refused(exported):
    """With the shape that was given."""
    import torch

    with pytest.raises(RunError, match="16, 16"):
        ExportedClassifier.open(exported / "model.onnx").logits(torch.zeros(1, 3, 16, 16, dtype=torch.uint8))
