"""A type checker says what is wrong with a factory before a run does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typed import strict_mypy

from cvkit import KINDS

HOME = Path(__file__).parents[2] / "docs"

LEFT_OUT = {"no-untyped-def", "no-any-return", "import-untyped"}
"""What only a strict mypy finds: hooks without annotations, results of any type, torchvision without types."""

FACTORIES = {
    "my_noise": "AugmentationFactory = Noise",
    "my_jpeg": "AugmentationFactory = Jpeg",
    "my_stripes": "DatasetFactory = stripes",
    "my_draws": "SamplerFactory = Draws",
    "my_gce": "LossFactory = GeneralizedCrossEntropy",
    "my_signum": "OptimizerFactory = Signum",
    "my_poly": "SchedulerFactory = poly",
    "my_gap": "CallbackFactory = Gap",
    "my_rates": "TunerFactory = try_rates",
    "my_brier": "MetricFactory = BrierScore",
    "my_occlusion": "ExplainerFactory = Occlusion",
    "my_confidences": "SectionFactory = confidences",
    "my_journal": "ObserverFactory = Journal",
    "my_int8": "ExporterFactory = Int8Weights",
    "model": "ModelFactory = all_conv",
}
"""The pages' own, by module."""

WRONG = """
from collections.abc import Callable
from pathlib import Path

import cvkit
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def channels_first(channels: int, *, width: int = 8) -> nn.Module:
    return nn.Conv2d(channels, width, 3)


def makes_a_tensor(info: cvkit.DataInfo, *, width: int = 8) -> Tensor:
    return torch.zeros(width)


def without_plan(optimizer: Optimizer, *, power: float = 1.0) -> LambdaLR:
    return LambdaLR(optimizer, lambda step: 1.0)


class WithoutTargets:
    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def __call__(self, images: Tensor) -> Tensor:
        return images[:, 0]


def only_images(root: Path) -> Tensor:
    return torch.zeros(1)


def of_two(info: cvkit.DataInfo) -> Callable[[Tensor, Tensor], Tensor]:
    return torch.add


def a_function(info: cvkit.DataInfo) -> Callable[[Tensor, Tensor], Tensor]:
    return nn.functional.cross_entropy


def of_labels_alone(info: cvkit.DataInfo) -> Callable[[Tensor], float]:
    return lambda labels: float(len(labels))


def without_seed(labels: cvkit.Labels) -> Callable[[], Tensor]:
    return lambda: labels.values


def of_a_model(model: nn.Module, *, lr: float = 0.1) -> Optimizer:
    return torch.optim.SGD(model.parameters(), lr=lr)


def a_number(run: cvkit.RunParts) -> float:
    return 0.1


def of_records_alone(goals: cvkit.Goals) -> Callable[[cvkit.EpochRecord], bool]:
    return lambda record: record.loss < 0.1


def a_table(predictions: cvkit.Predictions) -> cvkit.Table:
    return cvkit.Table("losses", "Losses", "", ("loss",), ((f"{predictions.loss:.3f}",),))


def a_name(folder: Path) -> str:
    return folder.name


def a_path(info: cvkit.DataInfo) -> Path:
    return Path(info.classes[0])


_1: cvkit.ModelFactory = channels_first  # wrong
_2: cvkit.ModelFactory = makes_a_tensor  # wrong
_3: cvkit.SchedulerFactory = without_plan  # wrong
_4: cvkit.ExplainerFactory = WithoutTargets  # wrong
_5: cvkit.DatasetFactory = only_images  # wrong
_6: cvkit.AugmentationFactory = of_two  # wrong
_7: cvkit.LossFactory = a_function  # wrong
_8: cvkit.OptimizerFactory = of_a_model  # wrong
_9: cvkit.TunerFactory = a_number  # wrong
_10: cvkit.MetricFactory = of_labels_alone  # wrong
_11: cvkit.SamplerFactory = without_seed  # wrong
_12: cvkit.CallbackFactory = of_records_alone  # wrong
_13: cvkit.SectionFactory = a_table  # wrong
_14: cvkit.ObserverFactory = a_name  # wrong
_15: cvkit.ExporterFactory = a_path  # wrong
"""


@pytest.fixture(scope="module")
def told(page, tmp_path_factory, pytestconfig) -> str:
    """What mypy says of the pages' plugins and of those that are wrong: one run, as it takes seconds."""
    pytest.importorskip("mypy", reason="mypy is not installed; it is in the extra 'dev'")
    folder = tmp_path_factory.mktemp("typed")
    for path in [HOME / "first-plugin.md", *(HOME / "tutorials").glob("*.md")]:
        for name, code in page(path).files().items():
            if (module := Path(name).stem) in FACTORIES:
                declared = f"import cvkit\n_: cvkit.{FACTORIES[module]}\n"
                (folder / f"{module}.py").write_text(f"{code}\n{declared}")
    assert {path.stem for path in folder.iterdir()} == FACTORIES.keys()
    (folder / "wrong.py").write_text(WRONG)
    return strict_mypy(pytestconfig, folder, *(f"{module}.py" for module in [*FACTORIES, "wrong"])).stdout


def test_every_kind_is_tried():
    """No kind's type goes without a right factory and a wrong one."""
    kinds = {f"{kind.singular.replace(' ', '').capitalize()}Factory" for kind in KINDS.values()}
    assert {right.partition(" ")[0] for right in FACTORIES.values()} == kinds
    assert {*re.findall(r"cvkit\.(\w+Factory)", WRONG)} == kinds


def test_right_plugins_have_no_errors(told):
    """Every page's plugin satisfies the Protocol of its kind; what strict mypy alone finds is `LEFT_OUT` at most."""
    found = re.findall(r"^(?!wrong\.py)(.*: error: .*)  \[(.+)\]$", told, re.M)
    assert [error for error, code in found if code not in LEFT_OUT] == []


def test_wrong_factories_are_told_by_line(told):
    """Each gets an error on the line that calls it a factory, and nothing else in the file gets one."""
    lines = [number for number, line in enumerate(WRONG.splitlines(), start=1) if line.endswith("# wrong")]
    assert [int(line) for line in re.findall(r"^wrong\.py:(\d+): error: Incompatible types", told, re.M)] == lines
    assert len(re.findall(r"^wrong\.py:\d+: error:", told, re.M)) == len(lines)
