"""Exported files as classifiers: those of strangers run no code and end in an error that says why."""

from __future__ import annotations

import json
import logging
import shutil

import onnx
import pytest

from cvkit import ExportedClassifier, RunError

CALIBRATION = {"temperatures": [1.0], "biases": [], "rule": "threshold", "level": 0.5}


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
        (lambda values: values["info"].update(classes=[]), "info.classes"),
        (lambda values: values["info"].update(height=-5), "info.height"),
        (lambda values: values["info"].update(height=1_000_000, width=1_000_000), "info.height"),
        (lambda values: values["info"].update(height=65_536, width=65_536), "at most"),
        (lambda values: values["info"]["classes"].__setitem__(0, values["info"]["classes"][1]), "twice"),
        (lambda values: values["info"]["classes"].pop(), "9 classes"),
        (lambda values: values["info"]["classes"].append("more"), "11 classes"),
        (lambda values: values.update(calibration=CALIBRATION | {"level": 7}), "calibration.level"),
        (
            lambda values: values.update(calibration=CALIBRATION | {"temperatures": [1.0] * 10}),
            "a bias for each class",
        ),
        (
            lambda values: values.update(calibration=CALIBRATION | {"temperatures": [1.0] * 3, "biases": [0.0] * 3}),
            "temperatures",
        ),
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


@pytest.mark.parametrize("name", ["model.onnx", "certificate.json"])
def test_file_that_was_changed_after_its_export_is_refused(exported, tmp_path, name):
    """The certificate beside it has its digest; a file without its certificate is read as it is."""
    folder = shutil.copytree(exported, tmp_path / "of")
    assert ExportedClassifier.open(folder / "model.onnx").info.num_classes == 10
    content = bytearray((folder / name).read_bytes())
    place = content.find(b'"run"') if name == "certificate.json" else len(content) // 2
    content[place + 1 : place + 3] = b"xx"
    (folder / name).write_bytes(content)
    with pytest.raises(RunError, match=r"was changed after the export.*remove the certificate"):
        ExportedClassifier.open(folder / "model.onnx")
    (folder / "certificate.json").write_text("{")
    with pytest.raises(RunError, match=r"certificate\.json' is damaged"):
        ExportedClassifier.open(folder / "model.onnx")


def test_certificate_of_other_files_says_nothing(exported, tmp_path):
    """A file beside it that it does not name is not checked."""
    shutil.copy(exported / "certificate.json", tmp_path)
    shutil.copy(exported / "model.onnx", tmp_path / "copy.onnx")
    assert ExportedClassifier.open(tmp_path / "copy.onnx").info.num_classes == 10


def test_truncated_program_is_one_error_without_a_traceback(tmp_path):
    """Torch logs the traceback of an error that it also raises."""
    (tmp_path / "half.pt2").write_bytes(b"PK\x03\x04" + bytes(500))
    logged: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = logged.append
    log = logging.getLogger("torch.export")
    log.addHandler(handler)
    try:
        with pytest.raises(RunError, match="cannot be read"):
            ExportedClassifier.open(tmp_path / "half.pt2", trusted=True)
    finally:
        log.removeHandler(handler)
    assert logged == []


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
