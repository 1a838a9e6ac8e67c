"""ONNX files that frame images themselves: they take images of any size."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from photos import photo
from PIL import Image
from torchless import without_torch

from cvkit import ExportedClassifier
from cvkit.export.certificate_page import certificate_page, summary, warnings_of
from cvkit.figures.page import render
from cvkit.host.discovery import discover


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Photos of three sizes, two of them of the same."""
    folder = tmp_path_factory.mktemp("photos")
    for number, (height, width) in enumerate(((40, 70), (90, 33), (40, 70), (32, 32))):
        pixels = photo(number, 90)[:, :height, :width].permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def framing(model, photos, tmp_path_factory):
    """The export of a run's model with its framing."""
    return model.export("onnx", output=tmp_path_factory.mktemp("exports"), images=[photos], framing="in-graph")


def test_certificate_is_of_the_original_images(framing):
    """The classes of all photos, and how far the pixels of those that the graph framed differ."""
    certificate = framing.certificate
    assert (certificate.images, certificate.agreement, certificate.required) == (4, 1, 1)
    assert certificate.options["framing"] == "in-graph"
    assert certificate.framing is not None
    assert certificate.framing.resized == 3
    assert certificate.framing.worst_gap <= 1
    assert certificate.worst_gap < 1e-3
    written = json.loads((framing.folder / "certificate.json").read_text())
    assert written["framing"]["resized"] == 3


def test_graph_predicts_images_of_any_size(framing, model, photos):
    """Alone and in batches, as the run predicts their files."""
    session = onnxruntime.InferenceSession(framing.file)
    for path in sorted(photos.iterdir()):
        pixels = np.asarray(Image.open(path)).transpose(2, 0, 1)[None]
        single = session.run(["probabilities"], {"images": pixels})[0]
        assert float(single.max()) == pytest.approx(model.predict(path).probability, abs=1e-3)
        batch = session.run(["probabilities"], {"images": pixels.repeat(3, axis=0)})[0]
        np.testing.assert_allclose(batch, single.repeat(3, axis=0), atol=1e-5)


def test_input_has_no_fixed_size(framing):
    """Only the number of channels is fixed, and the outputs are those of other files."""
    graph = onnx.load(framing.file).graph
    (given,) = graph.input
    assert given.name == "images"
    assert [side.dim_value for side in given.type.tensor_type.shape.dim] == [0, 3, 0, 0]
    assert [output.name for output in graph.output] == ["logits", "probabilities"]


def test_script_leaves_framing_to_the_graph(framing, model, photos):
    """It predicts files without torch, with the probability of the run, and resizes nothing."""
    script = framing.folder / "predict.py"
    assert "resize" not in script.read_text()
    files = sorted(photos.iterdir())
    lines = without_torch(script, *files)
    for path, line in zip(files, lines, strict=True):
        name, answer = line.split("\t")
        expected = model.predict(path)
        assert (name, answer.rsplit(" ", 1)[0]) == (str(path), expected.label)
        assert float(answer.rsplit(" ", 1)[1]) == pytest.approx(expected.probability, abs=1e-3)


def test_file_says_that_it_frames_images(framing, exported):
    """In its metadata, which a program reads before it frames images itself."""
    assert ExportedClassifier.open(framing.file).framing_in_graph
    assert not ExportedClassifier.open(exported / "model.onnx").framing_in_graph


def test_framed_images_pass_unchanged(framing, model):
    """So whoever frames images as before gets the same as before."""
    images = torch.stack([photo(seed, 32) for seed in range(3)])
    logits = ExportedClassifier.open(framing.file).logits(images)
    torch.testing.assert_close(logits, model._trained.logits(images), atol=1e-5, rtol=0)


def test_difference_before_the_first_layer_is_in_the_framing(framing, to_export):
    """If the outputs are equal for framed images, no layer is at fault."""
    exporter = discover()["exporters"].find("export/onnx").build(to_export.info, framing="in-graph")
    images = torch.stack([photo(seed, 32) for seed in range(2)])
    assert exporter.first_difference(framing.folder, to_export, images).startswith("in the framing")


def test_page_and_lines_show_the_framing(framing):
    """With the number of images, and a warning if the framing was not measured or sees other pixels."""
    certificate = framing.certificate
    assert any("frames 3 images of another size" in line for line in summary(certificate))
    assert not [*warnings_of(certificate)]
    assert "Images framed in the graph" in render(certificate_page(certificate, "model.onnx"))
    unmeasured = replace(certificate, framing=replace(certificate.framing, resized=0))
    assert "was not measured" in next(warnings_of(unmeasured))
    assert not any("another size" in line for line in summary(unmeasured))
    reduced = replace(certificate, framing=replace(certificate.framing, reduced=True))
    assert "decode: draft" in next(warnings_of(reduced))
