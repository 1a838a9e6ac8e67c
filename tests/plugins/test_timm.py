"""timm: the names without importing it, models fitted to a data set, and weights that are missing."""

from __future__ import annotations

import math
import runpy
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import huggingface_hub.constants
import pytest
import timm
import torch
from masked import without_cause
from PIL import Image
from safetensors.torch import load_file, save_file

from cvkit import DataInfo, EpochRecord, PretrainedInput, RunError, trainer
from cvkit_timm.model import timm_model
from cvkit_timm.names import names, optimizer_names
from cvkit_timm.optimizer import timm_optimizer

COLOUR = DataInfo(3, 32, 32, ("a", "b", "c", "d", "e"), mean=(0.5,) * 3, std=(0.2,) * 3)
GREY = DataInfo(1, 28, 28, ("a", "b", "c"), mean=(0.5,), std=(0.2,))
COLOURS = ("red", "green", "blue", "black", "orange")
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
    assert model.pretrained_weights.new_head
    assert model.pretrained_weights.source == f"timm/{WEIGHTS}"
    assert len(model.pretrained_weights.sha256) == 64


@pytest.fixture
def file(tmp_path):
    """Weights of timm's smallest ResNet for seven classes, in a file."""
    torch.manual_seed(5)
    save_file(timm.create_model("test_resnet", num_classes=7).state_dict(), tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def test_weights_from_a_file_are_adapted(file):
    """To one channel as timm does it, and to other classes by a new head; the network's own input is declared."""
    model, source = timm_model("test_resnet", GREY, pretrained=str(file)), load_file(file)
    assert torch.equal(model.state_dict()["layer1.0.conv1.weight"], source["layer1.0.conv1.weight"])
    assert torch.allclose(model.state_dict()["conv1.0.weight"], source["conv1.0.weight"].sum(dim=1, keepdim=True))
    found = model.pretrained_weights
    assert (found.new_head, found.missing, found.unexpected) == (True, (), ())
    config = model.pretrained_cfg
    assert model.pretrained_input == PretrainedInput(
        config["mean"], config["std"], config["interpolation"], config["crop_pct"]
    )


def test_positions_of_a_transformer_are_resized(tmp_path):
    """By timm's own filter, from weights for larger images."""
    larger = timm.create_model("test_vit")
    assert larger.patch_embed.img_size != (32, 32)
    torch.save(larger.state_dict(), tmp_path / "vit.pth")
    model = timm_model("test_vit", COLOUR, pretrained=str(tmp_path / "vit.pth"))
    assert model.pretrained_weights.missing == ()
    assert torch.equal(model.blocks[0].attn.qkv.weight, larger.blocks[0].attn.qkv.weight)


def test_restored_run_needs_no_file(tmp_path):
    """The input is declared all the same."""
    model = timm_model("test_resnet", COLOUR, True, pretrained=str(tmp_path / "gone.safetensors"))
    assert model.pretrained_input.mean == tuple(model.pretrained_cfg["mean"])
    assert not hasattr(model, "pretrained_weights")


def test_weights_of_another_architecture_are_refused(file):
    """By an error that names tensors of both."""
    with pytest.raises(RunError, match=r"do not belong to this model: they lack .*'conv_stem.weight'"):
        timm_model("test_efficientnet", COLOUR, pretrained=str(file))


def test_real_weights_under_other_names_are_mapped_and_used(tmp_path):
    """EfficientNet-Lite0 with ImageNet weights: the first loss is ln K, and the head learns from its features."""
    save_lite0 = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "lite0.py"))["save_lite0"]
    save_lite0(tmp_path / "lite0.safetensors")
    renamed = load_file(tmp_path / "lite0.safetensors")
    for number, (colour, half) in enumerate(product(COLOURS, ["train"] * 10 + ["test"] * 2)):
        folder = tmp_path / "photos" / half / colour
        folder.mkdir(parents=True, exist_ok=True)
        photo = Image.new("RGB", (120, 96), "white")
        photo.paste(colour, (number % 7, 10, 60 + number % 7, 70))
        photo.save(folder / f"{number}.png")
    recipe = {
        "dataset": {"name": "image_folder", "path": str(tmp_path / "photos"), "size": 96},
        "model": {"name": "timm/efficientnet_lite0", "pretrained": str(tmp_path / "lite0.safetensors")},
        "optimizer": {"name": "adamw", "lr": 0.01},
        "scheduler": "constant",
        "finetune": {"freeze": {"epochs": 3, "batch_norm": "always"}},
        "train": {"epochs": 3, "batch_size": 10, "workers": 0},
    }
    run = trainer(recipe)
    assert run.parts.info.mean == (0.485, 0.456, 0.406)
    records = [event for event in run.fit() if isinstance(event, EpochRecord)]
    assert records[0].step_losses[0] == pytest.approx(math.log(len(COLOURS)), rel=1e-4)
    assert records[-1].accuracy > 0.8
    assert torch.equal(run.parts.model.state_dict()["bn1.running_mean"], renamed["bn1.running_mean"])


def test_optimizer_names_are_what_timm_lists():
    """All that timm itself contains, without aliases and without those that break the contract."""
    left = {
        name
        for name in timm.optim.list_optimizers()
        if name.startswith(("fused", "bnb")) or name.removeprefix("c").startswith(("adafactorbv", "kron", "madgrad"))
    }
    assert set(timm.optim.list_optimizers()) - set(optimizer_names()) - left == {
        "adahessian",
        "nesterov",
        "nesterovw",
    }
    assert set(optimizer_names()) < set(timm.optim.list_optimizers())


def test_optimizer_is_what_timm_builds():
    """Options and groups reach timm's class."""
    weight = torch.nn.Parameter(torch.ones(3))
    made = timm_optimizer(
        "adan", [{"params": [weight], "name": "head"}], lr=0.1, weight_decay=0.2, arguments={"betas": [0.9, 0.8, 0.7]}
    )
    assert type(made) is timm.optim.Adan
    (group,) = made.param_groups
    assert (group["lr"], group["weight_decay"], group["betas"]) == (0.1, 0.2, (0.9, 0.8, 0.7))


@pytest.mark.parametrize(
    ("name", "options"),
    [("adafactor", {}), ("lamb", {"arguments": {"lr": 1}}), ("lamb", {"arguments": {"no_such": 1}})],
    ids=["chooses-its-rate", "option", "unknown"],
)
def test_optimizer_that_cannot_be_built_says_why(name, options, wording):
    """The name, the argument, and what to do."""
    with pytest.raises(ValueError, match="timm/") as raised:
        timm_optimizer(name, [torch.nn.Parameter(torch.ones(2, 2))], **options)
    assert str(raised.value) == wording
