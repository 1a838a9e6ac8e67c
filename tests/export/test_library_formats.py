"""Files for timm and torchvision, and programs of torch.export: each is read as its users read it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from safetensors import safe_open

import cvkit
from cvkit import DataInfo, ExportedClassifier, ModelToExport
from cvkit.data.preprocessing import Preprocessor
from cvkit.engine.trained_model import TrainedModel
from cvkit.export.metadata import metadata_values
from cvkit.host.discovery import discover

INFO = DataInfo(3, 32, 32, ("ape", "bee|bumble", "cat"), (0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
IMAGES = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
CPU = torch.device("cpu")


def of(component: str, info: DataInfo = INFO, **options: object) -> ModelToExport:
    """A model as a run would build it, with weights drawn at random."""
    torch.manual_seed(0)
    entry = discover()["models"].find(component)
    network = entry.build(info, **options).eval()
    trained = TrainedModel(network, info, Preprocessor(info, (), CPU, False), CPU, 0)
    return ModelToExport(network, info, component, options, metadata_values(trained, component, options))


def exported(name: str, model: ModelToExport, folder: Path) -> Path:
    """Export a model, and assert that the files compute its logits."""
    exporter = discover()["exporters"].find(f"export/{name}").build(model.info)
    exporter.export(model, folder)
    assert {path.name for path in folder.iterdir()} == {*exporter.files}
    images = IMAGES[:, : model.info.channels]
    torch.testing.assert_close(exporter.load(folder, model)(images), model.logits(images), atol=1e-4, rtol=1e-4)
    return folder


@pytest.mark.parametrize(
    ("component", "options"),
    [
        ("timm/test_vit", {}),  # built for the size of the images
        ("timm/test_byobnet", {"arguments": {"act_layer": "silu"}}),
        ("torchvision/squeezenet1_1", {}),
    ],
)
def test_weights_are_read_by_the_library(component, options, tmp_path):
    """With the arguments of the run, and with the code on the model card."""
    exported("safetensors", of(component, **options), tmp_path)
    code = (tmp_path / "README.md").read_text().split("```python\n")[1].split("```")[0]
    names: dict[str, object] = {}
    exec(code.replace("model.safetensors", str(tmp_path / "model.safetensors")), names)
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (INFO.mean, INFO.std))
    with torch.no_grad():
        logits = names["model"]((IMAGES / 255 - mean) / std)
    torch.testing.assert_close(logits, of(component, **options).logits(IMAGES), atol=1e-4, rtol=1e-4)


def test_card_and_classes_describe_the_outputs(tmp_path):
    """In the order of the outputs; what would break the table is escaped."""
    exported("safetensors", of("timm/test_byobnet"), tmp_path)
    assert json.loads((tmp_path / "classes.json").read_text()) == list(INFO.classes)
    card = (tmp_path / "README.md").read_text()
    assert "| 1 | bee\\|bumble |" in card
    assert "| mean of pixels in [0, 1] | 0.4, 0.5, 0.6 |" in card
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert json.loads(file.metadata()["cvkit"])["info"]["classes"] == list(INFO.classes)


def test_grey_images_have_a_first_layer_of_one_channel(tmp_path):
    """timm builds it; torchvision cannot, so its models are refused."""
    grey = replace(INFO, channels=1, mean=(0.4,), std=(0.2,))
    exported("safetensors", of("timm/test_byobnet", grey), tmp_path)
    with pytest.raises(ValueError, match="3 channels only"):
        exported("safetensors", of("torchvision/squeezenet1_1", grey), tmp_path / "other")


def test_hub_folder_has_the_input_of_the_model(tmp_path):
    """As timm's own data configuration reads it, with the names of the classes."""
    framing = cvkit.Framing("squash", "bicubic", 0.9)
    exported("hub", of("timm/test_byobnet", replace(INFO, framing=framing)), tmp_path)
    network = timm.create_model(f"local-dir:{tmp_path}", pretrained=True)
    found = timm.data.resolve_data_config({}, model=network)
    assert found["input_size"] == (3, 32, 32)
    assert tuple(found["mean"]) == INFO.mean
    assert (found["interpolation"], found["crop_pct"], found["crop_mode"]) == ("bicubic", 0.9, "squash")
    assert json.loads((tmp_path / "config.json").read_text())["label_names"] == list(INFO.classes)


@pytest.mark.parametrize(
    ("name", "component", "words"),
    [
        ("safetensors", "resnet/custom_resnet", "not a model of timm or torchvision"),
        ("hub", "resnet/custom_resnet", "not a model of timm or torchvision"),
        ("hub", "torchvision/squeezenet1_1", "not a model of timm, as the hub requires"),
    ],
)
def test_models_that_no_library_builds_are_refused(name, component, words, tmp_path):
    """With the formats that support them."""
    options = {"width": 2} if component.startswith("resnet") else {}
    with pytest.raises(ValueError, match=words):
        exported(name, of(component, **options), tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_program_is_a_classifier_of_its_own(tmp_path):
    """With classes and probabilities, if its source is trusted."""
    model = of("timm/test_byobnet")
    exported("torch", model, tmp_path)
    classifier = ExportedClassifier.open(tmp_path / "model.pt2", trusted=True)
    assert classifier.info.classes == INFO.classes
    torch.testing.assert_close(classifier.logits(IMAGES), model.logits(IMAGES), atol=1e-5, rtol=1e-5)
    logits, chances = torch.export.load(tmp_path / "model.pt2").module()(IMAGES)
    torch.testing.assert_close(chances, logits.softmax(dim=1))


def test_damaged_program_is_an_error(tmp_path):
    """In one line."""
    (tmp_path / "model.pt2").write_bytes(b"PK no archive")
    with pytest.raises(cvkit.RunError, match=r"cannot be read by torch\.export"):
        ExportedClassifier.open(tmp_path / "model.pt2", trusted=True)
