"""Every component that cvkit brings along passes the suite of its kind, as a stranger's must."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
import timm
from chunk_sets import write_mds
from PIL import Image

from cvkit import StepPlan, load
from cvkit.engine.building import open_dataset
from cvkit.host.discovery import discover
from cvkit.host.entry_points import CORE
from cvkit.recipe import read_text, resolve
from cvkit.testing import (
    AugmentationSuite,
    CallbackSuite,
    DatasetSuite,
    ExplainerSuite,
    ExporterSuite,
    LossSuite,
    MetricSuite,
    ModelSuite,
    ObserverSuite,
    OptimizerSuite,
    SamplerSuite,
    SchedulerSuite,
    SectionSuite,
    Suite,
    TunerSuite,
)
from cvkit.testing.sample_parts import seeded
from cvkit_datasets.shards.writing import pack


class TestShapes(DatasetSuite):
    component = "datasets/shapes"
    options = {"train_size": 60, "test_size": 20}


def draw_pictures(folder, *halves, widths=(16, 16, 16)):
    """Write pictures of noise, 16 pixels high and of these widths, for each of two classes and each half."""
    draw = np.random.default_rng(0)
    for half in halves:
        for name in ("cats", "dogs"):
            (folder / half / name).mkdir(parents=True)
            for number, width in enumerate(widths):
                pixels = draw.integers(0, 256, (16, width, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / half / name / f"{number}.png")


class TestImageFolder(DatasetSuite):
    component = "datasets/image_folder"
    options = {"path": "pictures", "size": 16}

    @pytest.fixture(autouse=True)
    def pictures(self, tmp_path):
        draw_pictures(tmp_path / "pictures", "train", "test")
        self.root = tmp_path


class TestImageFolderSplit(DatasetSuite):
    component = "datasets/image_folder"
    options = {"path": "pictures", "size": (16, 24), "validation": 0.3, "channels": 1}
    skips = {"promised_values": "framing: null requires images of one size, and these have several"}

    @pytest.fixture(autouse=True)
    def pictures(self, tmp_path):
        draw_pictures(tmp_path / "pictures", "", widths=(20, 16, 40))
        self.root = tmp_path


PACKED = """\
dataset: {name: image_folder, path: pictures, size: 16}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.05}
"""


def pack_pictures(folder):
    """Pack pictures of two classes into shards in `folder`, with an index."""
    draw_pictures(folder / "pictures", "train", "test")
    (folder / "shards").mkdir()
    pack(open_dataset(resolve(read_text(PACKED), discover()), folder), folder / "shards", lambda _: None)


class TestShards(DatasetSuite):
    component = "datasets/shards"
    options = {"path": "shards"}

    @pytest.fixture(autouse=True)
    def pictures(self, tmp_path):
        pack_pictures(tmp_path)
        self.root = tmp_path


class TestRemoteShards(DatasetSuite):
    component = "datasets/remote_shards"

    @pytest.fixture(autouse=True)
    def pictures(self, tmp_path):
        pack_pictures(tmp_path)
        self.options = {"url": f"file://{tmp_path}/shards"}
        self.root = tmp_path


def write_chunks(folder):
    """Write pictures of two classes as MDS in `folder`, with an index."""
    draw = np.random.default_rng(0)
    for split in ("train", "test"):
        images = [Image.fromarray(draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)) for _ in range(6)]
        rows = [{"image": image, "label": number % 2} for number, image in enumerate(images)]
        write_mds(folder / "mds" / split, {"image": "pil", "label": "int"}, rows)
    text = PACKED.replace("{name: image_folder, path: pictures, size: 16}", WITH_INDEX)
    open_dataset(resolve(read_text(text), discover()), folder)


WITH_INDEX = "{name: litdata, path: mds, size: 16, write_index: true}"


class TestLitdata(DatasetSuite):
    component = "datasets/litdata"
    options = {"path": "mds", "size": 16}

    @pytest.fixture(autouse=True)
    def pictures(self, tmp_path):
        write_chunks(tmp_path)
        self.root = tmp_path


class TestRemoteLitdata(DatasetSuite):
    component = "datasets/remote_litdata"

    @pytest.fixture(autouse=True)
    def pictures(self, tmp_path):
        write_chunks(tmp_path)
        self.options = {"url": f"file://{tmp_path}/mds", "size": 16}
        self.root = tmp_path


class TestImageTable(DatasetSuite):
    component = "datasets/image_table"
    options = {"path": "pictures/table.csv", "size": 16}

    @pytest.fixture(autouse=True)
    def pictures(self, tmp_path):
        draw_pictures(tmp_path / "pictures", "")
        halves = ("train", "train", "test")
        rows = [f"{name}/{number}.png,{name},{halves[number]}" for name in ("cats", "dogs") for number in range(3)]
        (tmp_path / "pictures" / "table.csv").write_text("\n".join(["path,label,split", *rows]))
        self.root = tmp_path


class TestImageTableOfLabelSets(DatasetSuite):
    component = "datasets/image_table"
    options = {"path": "pictures/table.csv", "size": 16, "labels_separator": "|"}
    skips = {"promised_values": "labels_separator: null requires one class in each row"}

    @pytest.fixture(autouse=True)
    def pictures(self, tmp_path):
        draw_pictures(tmp_path / "pictures", "")
        found = ((0, "a|b", "train"), (1, "", "train"), (2, "b", "test"))
        rows = [f"cats/{number}.png,{labels},{half}" for number, labels, half in found]
        (tmp_path / "pictures" / "table.csv").write_text("\n".join(["path,tags,split", *rows]))
        self.root = tmp_path


class TestSeveralShapes(DatasetSuite):
    component = "datasets/several_shapes"
    options = {"train_size": 60, "test_size": 20, "validation_size": 20}


FEW = {"name": "shapes", "train_size": 60, "test_size": 20}


class TestSubset(DatasetSuite):
    component = "datasets/subset"
    options = {"of": FEW, "count": 30}


class TestRepeat(DatasetSuite):
    component = "datasets/repeat"
    options = {"of": FEW, "times": 3}


class TestRelabel(DatasetSuite):
    component = "datasets/relabel"
    options = {"of": FEW, "classes": {"circle": "round", "ring": "round"}}


class TestConcatenate(DatasetSuite):
    component = "datasets/concatenate"
    options = {"of": [FEW, FEW | {"seed": 1}]}


class TestValidationSplit(DatasetSuite):
    component = "datasets/validation_split"
    options = {"of": FEW, "validation": 0.2}


class TestSubsetOfFiles(DatasetSuite):
    component = "datasets/subset"
    options = {"of": {"name": "image_folder", "path": "pictures", "size": 16}, "fraction": 0.5}

    @pytest.fixture(autouse=True)
    def pictures(self, tmp_path, monkeypatch):
        draw_pictures(tmp_path / "pictures", "train", "test")
        monkeypatch.chdir(tmp_path)
        self.root = tmp_path


@pytest.mark.cifar10
class TestCifar10(DatasetSuite):
    component = "datasets/cifar10"
    options = {"train_limit": 300, "test_limit": 100}

    @pytest.fixture(autouse=True)
    def fetched(self, cifar10_root):
        self.root = cifar10_root


def held(suite: type[Suite], component: str, skips: dict[str, str] | None = None, **options: object):
    """Hold a component with these options to the suite of its kind."""
    return type("Held", (suite,), {"component": component, "options": options, "skips": skips or {}})


NO_WEIGHTS = {"promised_values": "pretrained: true reads weights from the network"}

TestRandomCrop = held(AugmentationSuite, "kornia/random_crop")
TestHorizontalFlip = held(AugmentationSuite, "kornia/horizontal_flip")
TestCutout = held(AugmentationSuite, "kornia/cutout")
TestKorniaJitter = held(AugmentationSuite, "kornia/ColorJitter", brightness=0.3, p=0.8)
TestKorniaErasing = held(AugmentationSuite, "kornia/RandomErasing")
TestKorniaAffine = held(AugmentationSuite, "kornia/RandomAffine", degrees=20.0)
TestKorniaSalt = held(
    AugmentationSuite,
    "kornia/RandomSaltAndPepperNoise",
    {"promised_values": "Kornia annotates amount and salt_vs_pepper with Optional, and refuses None"},
)
TestTorchvisionFlip = held(AugmentationSuite, "torchvision/RandomHorizontalFlip")
TestTorchvisionCrop = held(AugmentationSuite, "torchvision/RandomResizedCrop")
TestTorchvisionJitter = held(AugmentationSuite, "torchvision/ColorJitter", brightness=0.3, hue=0.1)
TestTorchvisionErasing = held(
    AugmentationSuite,
    "torchvision/RandomErasing",
    {"promised_values": "torchvision has inplace: true, which would write into the data set's own images"},
)
TestPhotoCrop = held(AugmentationSuite, "torchvision/random_resized_crop")
TestPhotoCropAfterResizing = held(AugmentationSuite, "torchvision/resize_random_crop")
TestTrivialAugment = held(AugmentationSuite, "torchvision/trivial_augment")
TestRandAugment = held(AugmentationSuite, "torchvision/rand_augment")
TestAugMix = held(AugmentationSuite, "torchvision/aug_mix")
TestColorJitter = held(AugmentationSuite, "torchvision/color_jitter")
TestRandomErasing = held(AugmentationSuite, "torchvision/random_erasing")

TestAirbench = held(ModelSuite, "speedrun/airbench", width=4)
TestAirbenchWithoutItsParts = held(
    ModelSuite, "speedrun/airbench", width=4, whitening=False, identity_init=False, norm_scale=True
)
TestCustomResnet = held(ModelSuite, "resnet/custom_resnet", width=8)
TestTimmResnet = held(ModelSuite, "timm/test_resnet", NO_WEIGHTS)
TestTimmVit = held(ModelSuite, "timm/test_vit", NO_WEIGHTS)
TestTorchvisionShufflenet = held(ModelSuite, "torchvision/shufflenet_v2_x0_5", NO_WEIGHTS)

TestWeightedBce = held(LossSuite, "torch/bce", pos_weight="balanced", label_smoothing=0.1)
TestCrossEntropy = held(LossSuite, "torch/cross_entropy", label_smoothing=0.1)

TestSgd = held(OptimizerSuite, "torch/sgd")
TestSgdNesterov = held(
    OptimizerSuite,
    "torch/sgd",
    {"promised_values": "nesterov and momentum: 0 exclude each other, as sgd says"},
    nesterov=True,
    weight_decay=5e-4,
)
TestAdamw = held(OptimizerSuite, "torch/adamw")
TestMuon = held(OptimizerSuite, "torch/muon")
TestSam = held(OptimizerSuite, "torch/sam")
TestScheduleFree = held(OptimizerSuite, "torch/schedule_free_adamw", warmup_steps=2)
TestScaledBiasSgd = held(
    OptimizerSuite,
    "speedrun/scaled_bias_sgd",
    {"promised_values": "biases: null are those of normalisation, which the names of the suite do not show"},
    lr=0.005,
    biases=["*.0"],
    lookahead=2,
)
TestMuonSgd = held(
    OptimizerSuite,
    "speedrun/muon_sgd",
    {"promised_values": "biases: null are those of normalisation, which the names of the suite do not show"},
    sgd_factor=0.02,
    biases=["*.0"],
    lookahead=2,
)
TestTimmLamb = held(OptimizerSuite, "timm/lamb", weight_decay=0.1)
TestTimmAdan = held(OptimizerSuite, "timm/adan", lr=0.01)

TestConstant = held(SchedulerSuite, "torch/constant")
TestStep = held(SchedulerSuite, "torch/step", every=2)
TestCosine = held(SchedulerSuite, "torch/cosine", warmup_epochs=1.0)
TestCosineToATenth = held(SchedulerSuite, "torch/cosine", final_lr_ratio=0.1)
TestTriangle = held(SchedulerSuite, "speedrun/triangle")
TestOneCycle = held(SchedulerSuite, "onecycle/one_cycle", max_lr=0.4, peak_epoch=1.5)


class TestOneCycleInOneEpoch(SchedulerSuite):
    component = "onecycle/one_cycle"
    options = {"max_lr": 0.4, "anneal": "linear"}
    plan = StepPlan(steps_per_epoch=7, epochs=1)


TestKeepBest = held(CallbackSuite, "torch/keep_best", metric="macro_f1")
TestEarlyStopping = held(CallbackSuite, "torch/early_stopping", metric="loss", patience=2)
TestPlateau = held(CallbackSuite, "torch/plateau", patience=1, cooldown=1)

TestLrRangeTest = held(TunerSuite, "onecycle/lr_range_test", steps=30)
TestSuccessiveHalving = held(TunerSuite, "onecycle/successive_halving", candidates=2, orders=1, budget=1.0, images=50)

TestShuffle = held(SamplerSuite, "torch/shuffle")
TestBalanced = held(SamplerSuite, "torch/balanced", power=0.5)
TestWeighted = held(SamplerSuite, "torch/weighted")

TestBalancedAccuracy = held(MetricSuite, "metrics/balanced_accuracy")
TestMacroF1 = held(MetricSuite, "metrics/macro_f1")
TestTopK = held(MetricSuite, "metrics/top_k", k=3)
TestAuroc = held(MetricSuite, "metrics/auroc")
TestEce = held(MetricSuite, "metrics/ece")
TestMeanAveragePrecision = held(MetricSuite, "metrics/mean_average_precision")
TestMicroAveragePrecision = held(MetricSuite, "metrics/mean_average_precision", average="micro")
TestF1 = held(MetricSuite, "metrics/f1")
TestF1OfSamples = held(MetricSuite, "metrics/f1", average="samples")
TestF1OfALabel = held(MetricSuite, "metrics/f1", label="class_2")
TestExactMatch = held(MetricSuite, "metrics/exact_match")

TestRiskCoverage = held(SectionSuite, "metrics/risk_coverage")

TestGradCam = held(ExplainerSuite, "gradcam/grad_cam")
TestGradCamMinmax = held(
    ExplainerSuite,
    "gradcam/grad_cam",
    {"promised_values": "normalize and compat exclude each other, as grad_cam says"},
    normalize="minmax",
)
TestGradCamAsTorchcam = held(
    ExplainerSuite,
    "gradcam/grad_cam",
    {"promised_values": "normalize and compat exclude each other, as grad_cam says"},
    compat="torchcam",
)
TestGradCamPlusPlus = held(ExplainerSuite, "gradcam/grad_cam_pp")
TestHiResCam = held(ExplainerSuite, "gradcam/hires_cam")
TestLayerCam = held(ExplainerSuite, "gradcam/layer_cam")
TestEigenCam = held(ExplainerSuite, "gradcam/eigen_cam")
TestScoreCam = held(ExplainerSuite, "gradcam/score_cam")
TestSmoothed = held(ExplainerSuite, "gradcam/smoothed")
TestSmoothedEigenCam = held(
    ExplainerSuite,
    "gradcam/smoothed",
    {"promised_values": "compat names libraries that lack Eigen-CAM, as smoothed says"},
    method="eigen_cam",
)
TestGuidedBackprop = held(ExplainerSuite, "gradcam/guided_backprop")
TestIntegratedGradients = held(ExplainerSuite, "gradcam/integrated_gradients", steps=4)
TestExpectedGradients = held(ExplainerSuite, "gradcam/integrated_gradients", baseline="training", steps=4)
TestOcclusion = held(ExplainerSuite, "gradcam/occlusion", patch=16)


class TestConcept(ExplainerSuite):
    component = "gradcam/concept"
    options = {"folder": "pictures", "layer": "features.3"}

    @pytest.fixture(autouse=True)
    def pictures(self, tmp_path, monkeypatch):
        draw_pictures(tmp_path / "pictures", "")
        monkeypatch.chdir(tmp_path)


class TestContributionOfAConcept(TestConcept):
    options = {"folder": "pictures", "values": "contribution", "pictures": 5}


@pytest.mark.skipif(find_spec("wandb") is None, reason="wandb is not installed")
class TestWandb(ObserverSuite):
    component = "wandb/wandb"
    options = {"mode": "offline", "tags": ["small"]}


@pytest.mark.skipif(find_spec("mlflow") is None, reason="mlflow is not installed")
class TestMlflow(ObserverSuite):
    component = "mlflow/mlflow"

    @pytest.fixture
    def options(self, tmp_path, monkeypatch):
        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        return {"tracking_uri": (tmp_path / "store").as_uri(), "tags": {"who": "me"}}


class TestAlternatingFlip(AugmentationSuite):
    component = "speedrun/alternating_flip"
    skips = {"samples_differ": "copies of an image are one image to it, so that the flip alternates"}

    @pytest.fixture(autouse=True)
    def of_a_seed(self):
        with seeded():
            yield


class TestMixup(AugmentationSuite):
    component = "torch/mixup"


class TestCutmix(AugmentationSuite):
    component = "torch/cutmix"


class TestMixupOrCutmix(AugmentationSuite):
    component = "torch/mixup_or_cutmix"
    options = {"off_epochs": 1}


class TestDistillation(LossSuite):
    component = "torch/distillation"

    @pytest.fixture
    def options(self, teacher):
        return {"teacher": str(teacher), "weight": 0.5}

    @pytest.fixture
    def info(self, teacher):
        return load(teacher).info


class TestBce(LossSuite):
    component = "torch/bce"
    options = {"label_smoothing": 0.1}


@pytest.mark.skipif(find_spec("onnxscript") is None, reason="onnxscript is not installed")
class TestOnnx(ExporterSuite):
    component = "export/onnx"


@pytest.mark.skipif(find_spec("onnxscript") is None, reason="onnxscript is not installed")
class TestOnnxInt8(ExporterSuite):
    component = "export/onnx_int8"
    gap = 0.05


class TestProgram(ExporterSuite):
    component = "export/torch"


class LibraryExport(ExporterSuite):
    """An exporter of timm's models, with a small one."""

    trained_as = ("timm/test_byobnet", {"pretrained": False, "arguments": None})

    def model(self):
        return timm.create_model("test_byobnet", num_classes=10)


class TestSafetensors(LibraryExport):
    component = "export/safetensors"


class TestHub(LibraryExport):
    component = "export/hub"


del LibraryExport  # it is held to by the two above


SUITES = [kind for kind in list(globals().values()) if isinstance(kind, type) and issubclass(kind, Suite)]
NOT_HELD = {
    ("datasets", "datasets/cifar100"),  # of cifar10's code, and nowhere to be had without its home's network
    ("models", "torchvision/googlenet_aux"),  # passes in a minute; compared with torchvision's in test_torchvision
    ("models", "torchvision/inception_v3_aux"),
}


def test_every_component_of_cvkit_is_held_to_its_suite():
    """A component that is added to cvkit, or a family of them, gets a suite in this file."""
    tested = {(suite.kind.name, suite.component) for suite in SUITES if suite.component}
    tested |= {(kind, component.partition("/")[0] + "/*") for kind, component in tested}
    declared = {(entry.kind.name, entry.id) for entry in discover(distributions=[CORE], environment=False).entries()}
    assert declared - tested == NOT_HELD
