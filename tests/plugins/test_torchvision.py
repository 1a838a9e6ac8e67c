"""torchvision: names without importing it, models fitted to a data set, and transforms of single images."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from importlib.metadata import version

import pytest
import torch
import torchvision
from masked import without_cause
from torchvision.models.vision_transformer import VisionTransformer
from torchvision.transforms import v2

from cvkit import DataInfo, PretrainedInput, RunError, preserved_randomness, seed_everything
from cvkit.testing import AugmentationSuite, ModelSuite
from cvkit_torchvision.auxiliary import googlenet_aux, inception_v3_aux
from cvkit_torchvision.library_transform import library_transform
from cvkit_torchvision.model import torchvision_model
from cvkit_torchvision.names import models, transforms
from cvkit_torchvision.weights import fit, input_of

COLOUR = DataInfo(3, 32, 32, ("a", "b", "c", "d", "e"), mean=(0.5,) * 3, std=(0.2,) * 3)
GREY = DataInfo(1, 28, 28, ("a", "b", "c"), mean=(0.5,), std=(0.2,))
WIDE = DataInfo(3, 32, 64, ("a", "b"), mean=(0.5,) * 3, std=(0.2,) * 3)
NEEDED = {
    "ColorJitter": {"brightness": 0.4, "hue": 0.1},
    "GaussianBlur": {"kernel_size": 3},
    "JPEG": {"quality": [10, 50]},
    "RandomAdjustSharpness": {"sharpness_factor": 2.0},
    "RandomAffine": {"degrees": [-15, 15], "translate": [0.1, 0.1]},
    "RandomCrop": {"padding": 2},
    "RandomPosterize": {"bits": 2},
    "RandomRotation": {"degrees": [-20, 20]},
    "RandomSolarize": {"threshold": 100},
}
LEFT_OUT = {
    "CenterCrop": {"size": 8},
    "CutMix": {"num_classes": 5},
    "FiveCrop": {"size": 8},
    "Grayscale": {"num_output_channels": 3},
    "Lambda": {"lambd": lambda image: image},
    "LinearTransformation": {"transformation_matrix": torch.eye(3072), "mean_vector": torch.zeros(3072)},
    "MixUp": {"num_classes": 5},
    "Normalize": {"mean": [0.5], "std": [0.5]},
    "Pad": {"padding": 0},
    "RandomApply": {"transforms": [v2.Identity()]},
    "RandomChoice": {"transforms": [v2.Identity()]},
    "RandomOrder": {"transforms": [v2.Identity()]},
    "RandomResize": {"min_size": 40, "max_size": 80},
    "RandomShortestSize": {"min_size": 40},
    "Resize": {"size": 8},
    "ScaleJitter": {"target_size": (40, 40)},
    "TenCrop": {"size": 8},
    "ToDtype": {"dtype": torch.uint8},
    "ConvertImageDtype": {"dtype": torch.uint8},
    "UniformTemporalSubsample": {"num_samples": 3},
    "Compose": {"transforms": [v2.Identity()]},
    "ConvertBoundingBoxFormat": {"format": "XYXY"},
}


class TestMobileNet(ModelSuite):
    component = "torchvision/mobilenet_v3_small"
    skips = {"promised_values": "pretrained: true reads weights from the network"}


class TestRandAugment(AugmentationSuite):
    component = "torchvision/RandAugment"


class TestRandomErasing(AugmentationSuite):
    component = "torchvision/RandomErasing"
    skips = {"promised_values": "inplace: true would write into the data set's own images"}


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """An empty cache of torch.hub, and a way to the network that leads nowhere."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    return tmp_path / "hub" / "checkpoints"


def some_image(info: DataInfo = COLOUR) -> torch.Tensor:
    return torch.randint(0, 256, (info.channels, info.height, info.width), dtype=torch.uint8)


def draws(transform, image: torch.Tensor, count: int = 40) -> list[torch.Tensor]:
    """What a transform makes of an image, from `count` seeds."""
    outputs = []
    for seed in range(count):
        with preserved_randomness():
            seed_everything("test", seed)
            outputs.append(transform(image))
    return outputs


def test_model_names_are_what_torchvision_lists():
    """The names read from the source are those of its classifiers: no detection, segmentation or video."""
    assert models() == sorted(torchvision.models.list_models(torchvision.models))


@pytest.mark.parametrize("name", transforms())
def test_transform_augments_an_image(name):
    """Each gives new images of the same shape and type, differing between draws, and leaves its input as it was."""
    image = some_image() // 2  # with room for a contrast to be stretched
    before = image.clone()
    try:
        outputs = draws(library_transform(name, COLOUR, **NEEDED.get(name, {})), image)
    except ValueError as error:
        if name == "GaussianNoise" and "float dtype" in str(error):
            return  # older versions of torchvision give noise to floats only, and a run says so as it starts
        raise
    assert {(output.shape, output.dtype) for output in outputs} == {(image.shape, torch.uint8)}
    assert any(not torch.equal(output, outputs[0]) for output in outputs)
    assert torch.equal(image, before)


def left_out() -> list[str]:
    classes = {
        name for name, value in vars(v2).items() if isinstance(value, type) and issubclass(value, v2.Transform)
    }
    return sorted(classes - {"Transform"} - set(transforms()))


@pytest.mark.parametrize("name", left_out())
def test_transform_left_out_is_no_augmentation_of_an_image(name):
    """Every other class of v2 fails on one image, changes its shape or type, or does the same each time."""
    image = some_image()
    try:
        outputs = draws(getattr(v2, name)(**LEFT_OUT.get(name, {})), image)
    except (TypeError, ValueError, IndexError):
        return
    kept = all(getattr(output, "shape", None) == image.shape and output.dtype == image.dtype for output in outputs)
    assert not kept or all(torch.equal(output, outputs[0]) for output in outputs)


def test_names_are_light_and_quick():
    """Listing both families in a fresh interpreter imports nothing heavy, and takes less than 15 ms."""
    code = (
        "import sys, time, cvkit_torchvision; from cvkit_torchvision.names import models, transforms;"
        "start = time.perf_counter(); assert models() and transforms(); seconds = time.perf_counter() - start;"
        "print(sorted({'torch', 'numpy', 'torchvision'} & sys.modules.keys()), seconds)"
    )
    times = []
    for _ in range(3):
        loaded, seconds = subprocess.check_output([sys.executable, "-c", code], text=True).rsplit(maxsplit=1)
        assert loaded == "[]"
        times.append(float(seconds))
    assert min(times) < 0.015


@pytest.mark.parametrize("info", [COLOUR, GREY], ids=["3x32x32", "1x28x28"])
@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "googlenet"])
def test_model_fits_the_data_set(name, info):
    """Channels in and classes out come from the data set; in training there is one output, also of GoogLeNet."""
    model = torchvision_model(name, info)
    assert model.training
    assert model(torch.rand(2, info.channels, info.height, info.width)).shape == (2, info.num_classes)


def test_auxiliary_classifiers_are_torchvisions():
    """In training the logits are those of torchvision's class to the bit; evaluation has logits alone."""
    model = googlenet_aux(replace(COLOUR, height=64, width=64), arguments={"init_weights": False})
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad(), preserved_randomness():
        torch.manual_seed(1)
        made = model(images)
        torch.manual_seed(1)
        logits, aux2, aux1 = torchvision.models.GoogLeNet.forward(model, images)
        assert model.eval()(images).shape == (2, 5)
    assert torch.equal(made.logits, logits)
    assert torch.equal(made.aux["aux1"], aux1)
    assert torch.equal(made.aux["aux2"], aux2)


def test_auxiliary_classifier_of_inception_is_a_term(monkeypatch):
    """Without the seconds that its forward pass takes on a CPU."""
    outputs = torchvision.models.inception.InceptionOutputs(torch.ones(2, 5), torch.zeros(2, 5))
    monkeypatch.setattr(torchvision.models.Inception3, "forward", lambda self, x: outputs)
    made = inception_v3_aux(COLOUR, arguments={"init_weights": False})(torch.rand(2, 3, 32, 32))
    assert made.logits is outputs.logits
    assert dict(made.aux) == {"aux": outputs.aux_logits}


def test_pretrained_auxiliary_classifiers_start_with_new_weights():
    """torchvision's weights of them are for its own classes."""
    model = googlenet_aux(COLOUR, arguments={"init_weights": False})
    theirs = torchvision.models.GoogLeNet(num_classes=7, aux_logits=False, init_weights=False).state_dict()
    drawn = model.aux1.fc2.weight.detach().clone()
    model.load_state_dict(fit(theirs, model, COLOUR))
    own = model.state_dict()
    assert torch.equal(own["aux1.fc2.weight"], drawn)
    assert torch.equal(own["conv2.conv.weight"], theirs["conv2.conv.weight"])


def test_model_of_fixed_input_size_is_built_for_the_images():
    """A ViT gets the position embedding that 32x32 needs."""
    assert torchvision_model("vit_b_32", COLOUR).image_size == 32


def test_model_is_as_torchvision_made_it():
    """For three channels it is torchvision's own, to the bit; trying it moves no statistic."""
    torch.manual_seed(0)
    ours = torchvision_model("resnet18", COLOUR).state_dict()
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18(num_classes=5).state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_first_layer_for_other_channels_has_the_spread_of_the_old():
    """Its weights are drawn as widely as torchvision's for three channels."""
    torch.manual_seed(0)
    old = torchvision.models.resnet18().conv1
    new = torchvision_model("resnet18", GREY).conv1
    assert new.weight.shape == (64, 1, 7, 7)
    assert (new.stride, new.padding, new.bias) == (old.stride, old.padding, None)
    assert new.weight.std().item() == pytest.approx(old.weight.std().item(), rel=0.05)


def test_arguments_reach_the_model():
    """Further arguments arrive where torchvision keeps them."""
    model = torchvision_model("mobilenet_v3_small", COLOUR, arguments={"dropout": 0.25})
    assert model.classifier[2].p == 0.25


def test_images_that_are_not_square_are_refused_where_the_model_takes_square_ones(wording):
    """Rather than by an error of torchvision's."""
    with pytest.raises(ValueError, match="3x32x64") as caught:
        torchvision_model("vit_b_32", WIDE)
    assert str(caught.value) == wording


@pytest.mark.parametrize(
    ("name", "info", "options", "value"),
    [
        ("vit_b_32", GREY, {}, "1x28x28"),
        ("resnet18", COLOUR, {"arguments": {"colour": "red"}}, "'colour'"),
        ("resnet18", COLOUR, {"arguments": {"num_classes": 3}}, "'num_classes'"),
        ("googlenet", COLOUR, {"arguments": {"aux_logits": True}}, "'aux_logits'"),
    ],
    ids=["patches", "unknown", "classes", "outputs"],
)
def test_model_that_does_not_fit_is_a_sentence(name, info, options, value, wording):
    """What goes wrong in torchvision as the model is built names the model and the reason."""
    with pytest.raises(ValueError, match=value) as caught:
        torchvision_model(name, info, **options)
    assert without_cause(caught.value) == wording


def test_pretrained_without_a_network_fails_within_seconds(offline, wording):
    """One paragraph says what was looked for, that it was not to be had, and what to do."""
    started = time.perf_counter()
    with pytest.raises(RunError) as error:
        torchvision_model("resnet18", COLOUR, pretrained=True)
    assert time.perf_counter() - started < 10
    message = str(error.value)
    url = torchvision.models.get_model_weights("resnet18").DEFAULT.url
    assert url in message
    assert str(offline) in message
    assert "pretrained: false" in message
    assert without_cause(error.value).replace(url, "<url>") == wording
    assert "\n" not in message


@pytest.fixture
def cached(offline) -> dict[str, torch.Tensor]:
    """Weights of a MobileNet of 1,000 classes in torch.hub's cache."""
    theirs = torchvision.models.mobilenet_v3_small().state_dict()
    offline.mkdir(parents=True)
    address = torchvision.models.get_model_weights("mobilenet_v3_small").DEFAULT.url
    torch.save(theirs, offline / address.rpartition("/")[2])
    return theirs


def test_pretrained_weights_in_the_cache_need_no_network(cached):
    """They are loaded, the first layer adapted so that grey images look the same to it, and the last layer new."""
    model = torchvision_model("mobilenet_v3_small", GREY, pretrained=True)
    ours = model.state_dict()
    first, last = "features.0.0.weight", ("classifier.3.weight", "classifier.3.bias")
    assert torch.allclose(ours[first], cached[first].sum(dim=1, keepdim=True))
    assert ours[last[0]].shape == (3, 1024)
    assert all(torch.equal(ours[key], cached[key]) for key in cached if key not in (first, *last))


def test_pretrained_weights_of_another_architecture_are_a_sentence(cached, wording):
    """Arguments that change the network leave no weights for it."""
    with pytest.raises(ValueError, match="mobilenet_v3_small") as caught:
        torchvision_model("mobilenet_v3_small", COLOUR, pretrained=True, arguments={"reduced_tail": True})
    assert without_cause(caught.value) == wording


def test_pretrained_position_embedding_is_resized():
    """A ViT's weights for 64x64 images fit one for 32x32: a grid of 4x4 places becomes one of 2x2."""
    shape = {"patch_size": 16, "num_layers": 1, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 8}
    theirs = VisionTransformer(image_size=64, **shape).state_dict()
    model = VisionTransformer(image_size=32, num_classes=5, **shape)
    model.load_state_dict(fit(theirs, model, COLOUR))
    assert torch.equal(model.encoder.pos_embedding[:, 0], theirs["encoder.pos_embedding"][:, 0])
    assert torch.equal(model.conv_proj.weight, theirs["conv_proj.weight"])


@pytest.mark.parametrize("name", ["RandomCrop", "RandomResizedCrop"])
def test_crop_is_as_large_as_the_images(name):
    """`size` is the data set's, also where a resolved recipe says null."""
    info = DataInfo(3, 24, 40, ("a", "b"), mean=(0.5,) * 3, std=(0.2,) * 3)
    for options in ({}, {"size": None}, {"size": [24, 40]}):
        assert library_transform(name, info, **options)(some_image(info)).shape == (3, 24, 40)


def test_names_of_enumerations_are_text():
    """Interpolation and policy are given by name, as torchvision's documentation writes them."""
    policy = library_transform("AutoAugment", COLOUR, policy="cifar10", interpolation="bilinear")
    assert policy.policy is v2.AutoAugmentPolicy.CIFAR10
    assert policy.interpolation is v2.InterpolationMode.BILINEAR


@pytest.mark.parametrize(
    ("name", "options", "value"),
    [
        ("RandomCrop", {"size": 16}, r"\(3, 16, 16\)"),
        ("RandomRotation", {"degrees": [40, 50], "expand": True}, "RandomRotation"),
        ("ColorJitter", {"hue": 3}, "hue=3"),
        ("RandAugment", {"interpolation": "bilinar"}, "'bilinar'"),
        ("AutoAugment", {"policy": "cifar"}, "'cifar'"),
        ("RandomErasing", {"inplace": True}, "inplace: true"),
    ],
    ids=["smaller", "expands", "range", "interpolation", "policy", "in place"],
)
def test_transform_that_does_not_fit_is_a_sentence(name, options, value, wording):
    """Wrong options, and what would change the images' shape, are reported when the run starts."""
    with pytest.raises(ValueError, match=value) as caught:
        library_transform(name, COLOUR, **options)
    assert without_cause(caught.value) == wording


RECIPE = {
    "dataset": {"name": "shapes", "train_size": 48, "test_size": 20},
    "augmentations": [
        "torchvision/TrivialAugmentWide",
        {"name": "torchvision/RandomResizedCrop", "scale": [0.5, 1.0]},
        "kornia/horizontal_flip",
    ],
    "model": "torchvision/mobilenet_v3_small",
    "optimizer": "sgd",
    "scheduler": "constant",
    "train": {"epochs": 1, "batch_size": 16, "workers": 2},
    "report": {"misclassified": 1, "augmented": 1},
}


def test_run_uses_both_families(cvkit_host, unrendered):
    """A model and transforms of single images train in one recipe, the same whatever the number of workers."""
    streamed, alone = cvkit_host.run(RECIPE), cvkit_host.run(RECIPE, "train.workers=0")
    assert streamed.records[0].step_losses == alone.records[0].step_losses
    components = json.loads((streamed.folder / "run.json").read_text())["components"]
    ours = [c for c in components if c["id"].startswith("torchvision/")]
    assert len(ours) == 3
    assert all(c["requires"] == {"torchvision": version("torchvision")} for c in ours)


def test_weights_from_a_file_are_adapted(tmp_path):
    """To one channel and to other classes; nothing is asked of the network, and torchvision's input is declared."""
    torch.manual_seed(5)
    source = torchvision.models.resnet18(num_classes=7).state_dict()
    torch.save({"model": source, "epoch": 3}, tmp_path / "w.pth")
    model = torchvision_model("resnet18", GREY, pretrained=str(tmp_path / "w.pth"))
    assert torch.equal(model.layer1[0].conv1.weight, source["layer1.0.conv1.weight"])
    assert torch.allclose(model.conv1.weight, source["conv1.weight"].sum(dim=1, keepdim=True))
    found = model.pretrained_weights
    assert (found.new_head, found.missing, found.unexpected) == (True, (), ())
    assert model.pretrained_input == PretrainedInput(
        (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "bilinear", 224 / 256
    )
    restored = torchvision_model("resnet18", GREY, True, pretrained=str(tmp_path / "gone.pth"))
    assert restored.pretrained_input == model.pretrained_input
    with pytest.raises(RunError, match=r"do not belong to this model: they lack .*'features.0.0.weight'"):
        torchvision_model("mobilenet_v3_small", COLOUR, pretrained=str(tmp_path / "w.pth"))


@pytest.mark.parametrize("name", models())
def test_input_of_every_model_is_known(name):
    """Three were trained with 0.5; for two of them, torchvision normalises a second time instead of saying so."""
    found = input_of(name)
    of_tensorflow = name in ("googlenet", "inception_v3", "efficientnet_v2_l")
    assert found.mean == ((0.5,) * 3 if of_tensorflow else (0.485, 0.456, 0.406))
    assert 0.8 < found.crop_pct <= 1
    assert found.interpolation in ("bilinear", "bicubic")
