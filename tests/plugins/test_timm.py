"""timm: the names without importing it, models fitted to a data set, and weights that cannot be had."""

from __future__ import annotations

import subprocess
import sys
import time

import huggingface_hub.constants
import pytest
import timm
import torch
from masked import without_cause
from safetensors.torch import save_file

from cvkit import DataInfo, RunError
from cvkit_timm.model import timm_model
from cvkit_timm.names import names

COLOUR = DataInfo(3, 32, 32, ("a", "b", "c", "d", "e"), mean=(0.5,) * 3, std=(0.2,) * 3)
GREY = DataInfo(1, 28, 28, ("a", "b", "c"), mean=(0.5,), std=(0.2,))
WEIGHTS = "test_resnet.r160_in1k"  # timm's smallest net with weights


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """An empty Hugging Face cache, and a hub where nobody answers."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    return tmp_path


def test_names_are_what_timm_lists():
    """The names read from the source are `timm.list_models()`: all but deprecated aliases."""
    assert set(names()) == set(timm.list_models())
    assert names() == sorted(names())


def test_names_load_neither_torch_nor_timm():
    """Listing the family in a fresh interpreter imports nothing heavy."""
    code = (
        "import sys, cvkit_timm; from cvkit_timm.names import names; assert names();"
        "print({'torch', 'numpy', 'timm'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("info", [COLOUR, GREY], ids=["3x32x32", "1x28x28"])
@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet"])
def test_model_fits_the_data_set(name, info):
    """Channels in and classes out come from the data set; the model is ready to train."""
    model = timm_model(name, info)
    assert model.training
    images = torch.rand(2, info.channels, info.height, info.width)
    assert model(images).shape == (2, info.num_classes)


def test_model_of_fixed_input_size_is_built_for_the_images():
    """A ViT made for larger images gets the position embedding that 32x32 needs."""
    model = timm_model("test_vit", COLOUR)
    assert model.patch_embed.img_size == (32, 32)
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 5)


def test_model_is_as_timm_made_it():
    """Fitting it draws nothing else and moves no weight."""
    torch.manual_seed(0)
    ours = timm_model("test_resnet", COLOUR).state_dict()
    torch.manual_seed(0)
    theirs = timm.create_model("test_resnet", num_classes=5).state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_options_reach_the_model():
    """drop_rate, drop_path_rate and further arguments arrive where timm keeps them."""
    model = timm_model("resnet10t", COLOUR, drop_rate=0.25, drop_path_rate=0.1, arguments={"global_pool": "max"})
    assert model.drop_rate == 0.25
    assert model.layer4[0].drop_path.drop_prob == pytest.approx(0.1)
    assert model.global_pool.pool_type == "max"


@pytest.mark.parametrize(
    ("name", "options", "argument"),
    [
        ("test_resnet", {"arguments": {"colour": "red"}}, "colour"),
        ("test_resnet", {"arguments": {"num_classes": 3}}, "num_classes"),
        ("test_resnet", {"arguments": {"checkpoint_path": "w.pth"}}, "checkpoint_path"),
    ],
)
def test_model_that_does_not_fit_is_a_sentence(name, options, argument, wording):
    """What goes wrong in timm as the model is built names the model and the reason."""
    with pytest.raises(ValueError, match=f"'{argument}'") as caught:
        timm_model(name, COLOUR, **options)
    assert without_cause(caught.value) == wording


def test_pretrained_without_a_network_fails_within_seconds(offline, wording):
    """One paragraph says what was looked for, that it was not to be had, and what to do."""
    started = time.perf_counter()
    with pytest.raises(RunError) as error:
        timm_model("test_resnet", COLOUR, pretrained=True)
    assert time.perf_counter() - started < 10
    message = str(error.value)
    assert f"timm/{WEIGHTS}" in message
    assert "pretrained: false" in message
    assert without_cause(error.value) == wording
    assert "\n" not in message


def test_pretrained_that_never_existed_is_said(offline, wording):
    """A model for which timm has no weights says so, without asking anyone."""
    with pytest.raises(ValueError, match="'test_vgg'") as caught:
        timm_model("test_vgg", COLOUR, pretrained=True)
    assert str(caught.value) == wording


def test_pretrained_weights_in_the_cache_need_no_network(offline):
    """Weights put into the Hugging Face cache are loaded, the first layer adapted, the classifier new."""
    source = timm.create_model("test_resnet")
    folder = offline / f"models--timm--{WEIGHTS}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0123")
    (folder / "snapshots" / "0123").mkdir(parents=True)
    save_file(source.state_dict(), folder / "snapshots" / "0123" / "model.safetensors")
    model = timm_model("test_resnet", GREY, pretrained=True)
    loaded, expected = model.state_dict(), source.state_dict()
    assert torch.equal(loaded["layer1.0.conv1.weight"], expected["layer1.0.conv1.weight"])
    first = next(key for key in expected if expected[key].ndim == 4)
    assert torch.allclose(loaded[first], expected[first].sum(dim=1, keepdim=True))
    assert model(torch.rand(2, 1, 28, 28)).shape == (2, 3)
