"""The ONNX file: what it computes, what it contains, and the script beside it."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from damaged_onnx import with_noise
from PIL import Image

from cvkit import ExportedClassifier, Framing
from cvkit.data.framing import FramingMode
from cvkit.data.resizing import frame
from cvkit.host.discovery import discover

WITHOUT_TORCH = """\
import runpy, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "cvkit", "onnx"):
            raise ImportError(f"{name} is refused")
sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a script in a process that cannot import torch, cvkit or onnx."""


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A photo-like image: smooth, larger than the model, with an orientation in its EXIF data."""
    rows, columns = np.mgrid[0:150, 0:211] / 25
    pixels = np.stack([np.sin(rows + k) * np.cos(columns - k) for k in range(3)], axis=2)
    image = Image.fromarray(np.uint8(127 + 120 * pixels))
    exif = image.getexif()
    exif[0x0112] = 6
    path = tmp_path_factory.mktemp("photo") / "a photo.png"
    image.save(path, exif=exif)
    return path


def test_graph_computes_what_the_run_predicts(exported, model):
    """From the same uint8 pixels, with every batch size, without torch."""
    session = onnxruntime.InferenceSession(exported / "model.onnx")
    images = torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    expected = model._trained.logits(images)
    for count in (1, 2, 5):
        logits, chances = session.run(None, {"images": images[:count].numpy()})
        np.testing.assert_allclose(logits, expected[:count], atol=1e-5)
        np.testing.assert_allclose(chances, expected[:count].softmax(dim=1), atol=1e-6)


def test_graph_names_its_input_and_outputs(exported):
    """And the input is pixels with a batch size of any number."""
    graph = onnx.load(exported / "model.onnx").graph
    (given,) = graph.input
    assert given.name == "images"
    assert given.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    batch, *size = given.type.tensor_type.shape.dim
    assert batch.dim_param
    assert not batch.dim_value
    assert [one.dim_value for one in size] == [3, 32, 32]
    assert [output.name for output in graph.output] == ["logits", "probabilities"]


def test_metadata_describe_the_model_and_the_run(exported, model):
    """Whoever gets the file alone knows its classes, its framing, and where it comes from."""
    found = json.loads(
        onnxruntime.InferenceSession(exported / "model.onnx").get_modelmeta().custom_metadata_map["cvkit"]
    )
    assert tuple(found["info"]["classes"]) == model.classes
    assert found["info"]["framing"] == {"mode": "crop", "interpolation": "bicubic", "crop_pct": 1.0, "decode": "full"}
    assert (found["run"], found["recipe"]) == (model.folder.name, "small")
    assert found["model"] == "resnet/custom_resnet"
    assert found["thresholds"] == []


@pytest.mark.parametrize("opset", [20])
def test_opset_is_that_of_the_option(model, tmp_path, opset):
    """Which matters to programs that read older graphs only."""
    made = model.export({"name": "onnx", "opset": opset}, output=tmp_path)
    versions = {one.domain: one.version for one in onnx.load(made.file).opset_import}
    assert versions[""] == opset
    assert made.certificate.options == {"opset": opset, "framing": "outside"}


def test_script_predicts_files_without_torch(exported, model, photo):
    """With onnxruntime, NumPy and Pillow alone, the class and the probability of `Model.predict`."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, exported / "predict.py", photo, photo],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    path, answer = lines[0].split("\t")
    expected = model.predict(photo)
    name, chance = answer.rsplit(" ", 1)
    assert (path, name) == (str(photo), expected.label)
    assert float(chance) == pytest.approx(expected.probability, abs=0.01)


MODES: tuple[FramingMode, ...] = ("crop", "pad", "squash")


@pytest.fixture(scope="module")
def script(exported):
    """The names that the script defines."""
    names = {"__name__": "predict", "__file__": str(exported / "predict.py")}
    exec((exported / "predict.py").read_text(), names)
    return names


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_script_frames_files_as_cvkit_does(script, model, mode, interpolation, photo, monkeypatch):
    """The same window of the image, and pixels that differ by the rounding of two libraries at most."""
    framing = Framing(mode, interpolation, 0.875)
    monkeypatch.setitem(script["info"], "framing", framing.to_json())
    monkeypatch.setitem(script, "framing", framing.to_json())
    image = script["read"](photo)
    assert image.size == (150, 211)
    tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    for part in (tensor, tensor[:, :40, :200], tensor[:, :20, :20], tensor[:, :32, :32]):
        info = type(model.info)(**{**vars(model.info), "framing": framing})
        expected = frame(part, info)
        found = script["frame"](Image.fromarray(part.permute(1, 2, 0).numpy()))
        gaps = np.abs(found.astype(int) - expected.numpy().astype(int))
        assert gaps.max() <= {"nearest": 0, "bilinear": 1, "bicubic": 1, "lanczos": 2}[interpolation]


def test_first_difference_names_the_layer(to_export, tmp_path):
    """If the weights of one layer are damaged, the layers before it agree."""
    exporter = discover()["exporters"].find("export/onnx").build(to_export.info)
    exporter.export(to_export, tmp_path)
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert exporter.first_difference(tmp_path, to_export, images).startswith("after the last layer")
    with_noise(tmp_path / "model.onnx", 3)
    layers = [name for name, module in to_export.network.named_modules() if isinstance(module, torch.nn.Conv2d)]
    where = exporter.first_difference(tmp_path, to_export, images)
    assert f"'{layers[3].rpartition('.')[0]}" in where
    assert not any(f"after layer '{name}'" in where for name in layers[:3])


def test_weights_above_the_limit_are_refused(to_export):
    """A file of this format has at most 2 GB; the weights are counted before anything is traced."""
    exporter = discover()["exporters"].find("export/onnx").build(to_export.info)
    huge = torch.nn.Module()
    huge.weight = torch.nn.Parameter(torch.empty(500_000_000, device="meta"))
    with pytest.raises(ValueError, match="at most 2 GB"):
        exporter.graph(type(to_export)(**{**vars(to_export), "network": huge}))


def test_exported_classifier_is_the_runs(exported, model):
    """Its info, its rule and its logits."""
    classifier = ExportedClassifier.open(exported / "model.onnx")
    assert (classifier.info.classes, classifier.info.task) == (model.info.classes, model.info.task)
    assert (classifier.info.mean, classifier.info.std) == (model.info.mean, model.info.std)
    images = torch.randint(0, 256, (7, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        classifier.logits(images, batch_size=3), model._trained.logits(images), atol=1e-5, rtol=0
    )
    assert classifier.prediction_rule == model._trained.prediction_rule
