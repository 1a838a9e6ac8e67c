"""The ONNX file: what it computes, what it contains, and the script beside it."""

from __future__ import annotations

import ast
import json
import sys
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from damaged_onnx import with_noise
from PIL import Image
from torchless import without_torch

from cvkit import Abstention, DataInfo, ExportedClassifier, Framing, ModelToExport
from cvkit.data.framing import FramingMode
from cvkit.data.resizing import frame
from cvkit.engine.trained_model import TrainedModel
from cvkit.export.metadata import metadata_values
from cvkit.host.discovery import discover
from cvkit_export.script import script


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
    lines = without_torch(exported / "predict.py", photo, photo)
    assert len(lines) == 2
    path, answer = lines[0].split("\t")
    expected = model.predict(photo)
    name, chance = answer.rsplit(" ", 1)
    assert (path, name) == (str(photo), expected.label)
    assert float(chance) == pytest.approx(expected.probability, abs=0.01)


MODES: tuple[FramingMode, ...] = ("crop", "pad", "squash")


def names_of(text, folder, monkeypatch):
    """Run a script without arguments, which says how to call it, and return the names that it defines."""
    names = {"__name__": "__main__", "__file__": str(folder / "predict.py")}
    monkeypatch.setattr(sys, "argv", ["predict.py"])
    with pytest.raises(SystemExit, match=r"python predict\.py photo\.jpg"):
        exec(text, names)
    return names


def of_constants(outputs, metadata, file):
    """Write a graph that returns these values, whatever the images are."""
    nodes = [
        onnx.helper.make_node("Constant", [], [name], value=onnx.numpy_helper.from_array(value))
        for name, value in outputs.items()
    ]
    given = onnx.helper.make_tensor_value_info("images", onnx.TensorProto.UINT8, ["batch", 3, 32, 32])
    made = [
        onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in outputs.items()
    ]
    graph = onnx.helper.make_graph(nodes, "constants", [given], made)
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    onnx.helper.set_model_props(proto, {"cvkit": metadata})
    onnx.save(proto, file)


def with_values(to_export, **values):
    """Return the model with other properties of its images, which the metadata have too."""
    info = replace(to_export.info, **values)
    described = info.to_json() | {"framing": info.framing.to_json()}
    return replace(to_export, info=info, metadata={**to_export.metadata, "info": described})


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_script_frames_files_as_cvkit_does(exported, to_export, mode, interpolation, tmp_path, monkeypatch):
    """The same window of the image, and pixels that differ by the rounding of two libraries at most."""
    model = with_values(to_export, framing=Framing(mode, interpolation, 0.875), mean=(0.2, 0.5, 0.9))
    pixels = names_of(script(model, framing_in_graph=False), exported, monkeypatch)["pixels"]
    rows, columns = np.mgrid[0:150, 0:211] / 25
    image = np.uint8(127 + 120 * np.stack([np.sin(rows + k) * np.cos(columns - k) for k in range(3)], axis=2))
    for part in (image, image[:40, :200], image[:20, :20], image[:32, :32], image[:150, :33]):
        Image.fromarray(part).save(tmp_path / "part.png")
        expected = frame(torch.from_numpy(part).permute(2, 0, 1), model.info)
        (found,) = pixels(tmp_path / "part.png")
        gaps = np.abs(found.astype(int) - expected.numpy().astype(int))
        assert gaps.max() <= {"nearest": 0, "bilinear": 1, "bicubic": 1, "lanczos": 2}[interpolation]


def test_script_reads_files_as_the_run_does(exported, to_export, photo, tmp_path, monkeypatch):
    """Upright, with transparent pixels on white, and 16-bit values of as many bits as the data set has."""
    decoding = {"bits": 12, "max_megapixels": 3, "reader": ""}
    model = replace(to_export, metadata={**to_export.metadata, "decoding": decoding})
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
    pixels = names_of(script(model, framing_in_graph=True), exported, monkeypatch)["pixels"]
    assert Image.MAX_IMAGE_PIXELS == 3_000_000
    assert pixels(photo).shape == (1, 3, 211, 150)
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (pixels(tmp_path / "clear.png") == 255).all()
    Image.fromarray(np.full((4, 4), 4000, np.uint16)).save(tmp_path / "deep.png")
    assert (pixels(tmp_path / "deep.png") == 4000 >> 4).all()


def test_script_is_as_long_as_the_model_needs(exported, to_export):
    """A person reads it at a glance; framing in the graph, one channel and one label need less."""

    def lines(model, framing_in_graph=False):
        text = script(model, framing_in_graph=framing_in_graph)
        return [line for line in text.splitlines() if line and not line.startswith(("import", "from", '"""'))]

    assert len(lines(to_export)) <= 30
    assert len(lines(to_export, framing_in_graph=True)) <= 22
    assert (exported / "predict.py").read_text() == script(to_export, framing_in_graph=False)


@pytest.mark.parametrize(
    ("several", "declines", "line"),
    [
        (False, True, "bee 0.6000\tdeclined"),
        (True, False, "bee 0.6000\tcat 0.4000\n"),
        (False, False, "bee 0.6000\n"),
    ],
)
def test_script_prints_labels_and_declined_images(several, declines, line, photo, tmp_path, monkeypatch, capsys):
    """Each label at or above its threshold, and ``declined`` if the model does not decide."""
    info = DataInfo(3, 32, 32, ("ape", "bee", "cat"), (0.5,) * 3, (1.0,) * 3, Framing("squash", "bilinear"))
    info = replace(info, task="multi_label" if several else "single_label")
    rule = Abstention(level=0.9) if declines else None
    trained = TrainedModel(None, info, None, torch.device("cpu"), 0, (0.5, 0.5, 0.3) if several else (), rule)
    model = ModelToExport(torch.nn.Identity(), info, "x/y", {}, metadata_values(trained, "x/y", {}), rule)
    outputs = {"probabilities": np.array([[0.1, 0.6, 0.4]], np.float32), "declined": np.array([True])}
    of_constants(outputs, model.metadata_text(), tmp_path / "model.onnx")
    monkeypatch.setattr(sys, "argv", ["predict.py", str(photo)])
    exec(script(model, framing_in_graph=False), {"__file__": str(tmp_path / "predict.py")})
    assert capsys.readouterr().out.startswith(f"{photo}\t{line}")


def test_script_names_files_that_are_not_images(to_export, photo, tmp_path, monkeypatch, capsys):
    """A folder or a text, with the cause and without a traceback; the photos before it are predicted."""
    outputs = {"probabilities": np.array([[0.1, 0.9] + [0.0] * 8], np.float32)}
    of_constants(outputs, to_export.metadata_text(), tmp_path / "model.onnx")
    (tmp_path / "notes.jpg").write_text("dogs")
    for bad in (tmp_path, tmp_path / "notes.jpg", tmp_path / "missing.jpg"):
        monkeypatch.setattr(sys, "argv", ["predict.py", str(photo), str(bad)])
        with pytest.raises(SystemExit, match=f"{bad} was not read: "):
            exec(script(to_export, framing_in_graph=False), {"__file__": str(tmp_path / "predict.py")})
        assert capsys.readouterr().out.startswith(f"{photo}\t")


def test_script_says_that_it_cannot_read_files_of_a_plugin(to_export):
    """Whose data set decodes them in its own way."""
    decoding = {"bits": 16, "max_megapixels": None, "reader": "scans/dicom"}
    model = replace(to_export, metadata={**to_export.metadata, "decoding": decoding})
    assert "scans/dicom, reads files in its own way" in ast.get_docstring(
        ast.parse(script(model, framing_in_graph=False))
    )


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
