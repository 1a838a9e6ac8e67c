"""Weights from a file: which files can be read, which tensors fill a model, and what is said about the others."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from cvkit import RunError, load_weights, read_weights


class Net(nn.Module):
    def __init__(self, classes: int = 3, width: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3)
        self.norm = nn.BatchNorm2d(width)
        self.fc = nn.Linear(width, classes)


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(7)
    return Net(classes=9).state_dict()


def fill(model: nn.Module, tensors: dict[str, torch.Tensor]):
    return load_weights(model, tensors, source="w", heads=["fc"])


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth", "wrapped.pth", "parallel.pth", "folder"])
def test_files_are_read(tmp_path, weights, name):
    """Safetensors, files of torch.save, training scripts' checkpoints, and folders with a configuration."""
    path = tmp_path / name
    content: dict[str, object] = dict(weights)
    config = {"architecture": "net", "pretrained_cfg": {"mean": [0.5, 0.5, 0.5]}}
    if name == "folder":
        path.mkdir()
        (path / "config.json").write_text(json.dumps(config))
        file = path / "model.safetensors"
    else:
        file = path
    if name == "wrapped.pth":
        content = {"epoch": 3, "state_dict": content}
    elif name == "parallel.pth":
        content = {f"module.{key}": value for key, value in content.items()}
    if file.suffix == ".pth":
        torch.save(content, file)
    else:
        save_file(weights, file)
    found = read_weights(path)
    assert found.tensors.keys() == weights.keys()
    assert all(torch.equal(found.tensors[key], weights[key]) for key in weights)
    assert found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert found.config == (config if name == "folder" else {})


def test_path_is_relative_to_the_current_folder(tmp_path, monkeypatch, weights):
    """As every path on the command line."""
    save_file(weights, tmp_path / "w.safetensors")
    monkeypatch.chdir(tmp_path)
    assert read_weights("w.safetensors").tensors.keys() == weights.keys()


@pytest.mark.parametrize("case", ["missing", "text", "pickle", "list", "empty folder", "two files", "configuration"])
def test_file_that_cannot_be_read_is_an_error(tmp_path, monkeypatch, weights, case, wording):
    """With its path and what it contains; a pickle that would run code is not opened."""
    monkeypatch.chdir(tmp_path)
    in_folder = case in ("empty folder", "two files", "configuration")
    name = "w.safetensors" if case == "text" else "folder" if in_folder else "w.pth"
    path = tmp_path / name
    if case == "text":
        path.write_text("hello")
    elif case == "pickle":
        torch.save({"model": print}, path)
    elif case == "list":
        torch.save({"epoch": 3, "optimizer": [1, 2]}, path)
    elif case != "missing":
        path.mkdir()
        for number in range(0 if case == "empty folder" else 2 if case == "two files" else 1):
            save_file(weights, path / f"{number}.safetensors")
        if case == "configuration":
            (path / "config.json").write_text("[1]")
    with pytest.raises(RunError) as error:
        read_weights(name)
    told = str(error.value).replace(str(tmp_path), "HERE")
    assert (told.partition(": ")[0] if case in ("text", "pickle") else told) == wording


@pytest.mark.parametrize(
    ("content", "why"), [("pickle", "it contains print,"), ("photo", "it is not a weights file")]
)
def test_nobody_is_advised_to_run_what_a_file_contains(tmp_path, content, why):
    """As torch's own text does."""
    path = tmp_path / "w.pth"
    if content == "pickle":
        torch.save({"model": print}, path)
    else:
        path.write_bytes(b"\xff\xd8\xff\xe0 JFIF")
    with pytest.raises(RunError, match=why) as caught:
        read_weights(path)
    assert "weights_only" not in str(caught.value)


def test_head_for_other_classes_keeps_its_initial_weights(weights):
    """Everything else is loaded; with the same number of classes, the head is too."""
    model = Net(classes=5)
    before = model.fc.weight.clone()
    found = fill(model, weights)
    assert (found.new_head, found.missing, found.unexpected, found.warnings()) == (True, (), (), [])
    assert torch.equal(model.fc.weight, before)
    assert torch.equal(model.stem.weight, weights["stem.weight"])
    assert model.pretrained_weights is found
    same = Net(classes=9)
    assert not fill(same, weights).new_head
    assert torch.equal(same.fc.weight, weights["fc.weight"])


def test_every_missing_and_unexpected_tensor_is_named(weights, wording):
    """They are lines of the run."""
    del weights["stem.bias"]
    weights |= {"extra.weight": torch.zeros(1), "extra.bias": torch.zeros(1)}
    found = fill(Net(), weights)
    assert (found.missing, found.unexpected) == (("stem.bias",), ("extra.weight", "extra.bias"))
    assert "\n".join(found.warnings()) == wording


@pytest.mark.parametrize("case", ["names", "sizes"])
def test_weights_of_another_model_are_an_error(weights, case, wording):
    """It names tensors of both, and the model is not changed."""
    model = Net(width=8 if case == "sizes" else 4)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    other = {f"backbone.{key}": value for key, value in weights.items()} if case == "names" else weights
    with pytest.raises(RunError) as error:
        fill(model, other)
    assert str(error.value) == wording
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
