# what a suite is told is a class attribute, which nothing changes
"""Every component that cvkit brings along passes the suite of its kind, as a stranger's must."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cvkit import Plan
from cvkit.plugins import CORE, discover
from cvkit.testing import (
    AugmentationSuite,
    DatasetSuite,
    ExplainerSuite,
    LossSuite,
    ModelSuite,
    OptimizerSuite,
    SchedulerSuite,
    Suite,
    TunerSuite,
)


class TestShapes(DatasetSuite):
    component = "datasets/shapes"
    options = {"train_size": 60, "test_size": 20}


class TestImageFolder(DatasetSuite):
    component = "datasets/image_folder"
    options = {"path": "pictures", "size": 16}

    @pytest.fixture(autouse=True)
    def pictures(self, tmp_path):
        draw = np.random.default_rng(0)
        for half in ("train", "test"):
            for name in ("cats", "dogs"):
                folder = tmp_path / "pictures" / half / name
                folder.mkdir(parents=True)
                for number in range(3):
                    Image.fromarray(draw.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(folder / f"{number}.png")
        self.root = tmp_path


@pytest.mark.cifar10
class TestCifar10(DatasetSuite):
    component = "datasets/cifar10"
    options = {"train_limit": 300, "test_limit": 100}

    @pytest.fixture(autouse=True)
    def fetched(self, cifar10_root):
        self.root = cifar10_root


class TestRandomCrop(AugmentationSuite):
    component = "kornia/random_crop"


class TestHorizontalFlip(AugmentationSuite):
    component = "kornia/horizontal_flip"


class TestCutout(AugmentationSuite):
    component = "kornia/cutout"


class TestColorJitter(AugmentationSuite):
    component = "kornia/ColorJitter"
    options = {"brightness": 0.3, "p": 0.8}


class TestRandomErasing(AugmentationSuite):
    component = "kornia/RandomErasing"


class TestRandomAffine(AugmentationSuite):
    component = "kornia/RandomAffine"
    options = {"degrees": 20.0}


class TestTorchvisionFlip(AugmentationSuite):
    component = "torchvision/RandomHorizontalFlip"


class TestTorchvisionCrop(AugmentationSuite):
    component = "torchvision/RandomResizedCrop"


class TestTorchvisionJitter(AugmentationSuite):
    component = "torchvision/ColorJitter"
    options = {"brightness": 0.3, "hue": 0.1}


class TestCustomResnet(ModelSuite):
    component = "resnet/custom_resnet"
    options = {"width": 8}


NO_WEIGHTS = {"promised_values": "pretrained: true reads weights from the network"}


class TestTimmResnet(ModelSuite):
    component = "timm/test_resnet"
    skips = NO_WEIGHTS


class TestTimmVit(ModelSuite):
    component = "timm/test_vit"
    skips = NO_WEIGHTS


class TestTorchvisionShufflenet(ModelSuite):
    component = "torchvision/shufflenet_v2_x0_5"
    skips = NO_WEIGHTS


class TestCrossEntropy(LossSuite):
    component = "torch/cross_entropy"
    options = {"label_smoothing": 0.1}


class TestSgd(OptimizerSuite):
    component = "torch/sgd"


class TestSgdNesterov(OptimizerSuite):
    component = "torch/sgd"
    options = {"nesterov": True, "weight_decay": 5e-4}
    skips = {"promised_values": "nesterov and momentum: 0 exclude each other, as sgd says"}


class TestAdamw(OptimizerSuite):
    component = "torch/adamw"


class TestConstant(SchedulerSuite):
    component = "torch/constant"


class TestStep(SchedulerSuite):
    component = "torch/step"
    options = {"every": 2}


class TestCosine(SchedulerSuite):
    component = "torch/cosine"
    options = {"warmup_epochs": 1.0}


class TestOneCycle(SchedulerSuite):
    component = "onecycle/one_cycle"
    options = {"max_lr": 0.4, "peak_epoch": 1.5}


class TestOneCycleInOneEpoch(SchedulerSuite):
    component = "onecycle/one_cycle"
    options = {"max_lr": 0.4, "anneal": "linear"}
    plan = Plan(steps_per_epoch=7, epochs=1)


class TestLrRangeTest(TunerSuite):
    component = "onecycle/lr_range_test"
    options = {"steps": 60}


class TestGradCam(ExplainerSuite):
    component = "gradcam/grad_cam"


class TestGradCamMinmax(ExplainerSuite):
    component = "gradcam/grad_cam"
    options = {"normalize": "minmax"}


SUITES = [
    held for held in list(globals().values()) if isinstance(held, type) and issubclass(held, Suite) and held.component
]
NOT_HELD = {("datasets", "datasets/cifar100")}  # of cifar10's code, and nowhere to be had without its home's network


def test_every_component_of_cvkit_is_held_to_its_suite():
    """A component that is added to cvkit, or a family of them, gets a suite in this file."""
    held = {(suite.kind.name, suite.component) for suite in SUITES}
    held |= {(kind, component.partition("/")[0] + "/*") for kind, component in held}
    declared = {(entry.kind.name, entry.id) for entry in discover(distributions=[CORE]).entries()}
    assert declared - held == NOT_HELD
