"""What each kind's factory takes and makes, for type checkers.

An author writes ``_: ModelFactory = my_model`` below a factory, and a type checker says what is wrong with it before
a run does. Options are left open: they are the author's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ..data.splits import DataInfo, Splits
from ..protocols import Augmentation, Explainer, Metric, SampleAugmentation
from .parts import RunParts
from .proposal import Proposal
from .step_plan import StepPlan


class DatasetFactory(Protocol):
    """Makes `Splits` from the data folder `root`."""

    def __call__(self, root: Path, /, *args: Any, **options: Any) -> Splits: ...


class AugmentationFactory(Protocol):
    """Makes an `Augmentation`, or a `SampleAugmentation` where the component is declared ``per_sample``."""

    def __call__(self, info: DataInfo, /, *args: Any, **options: Any) -> Augmentation | SampleAugmentation: ...


class ModelFactory(Protocol):
    """Makes a module: images (B, C, H, W) -> logits (B, K), for the channels, size and classes in `info`."""

    def __call__(self, info: DataInfo, /, *args: Any, **options: Any) -> nn.Module: ...


class LossFactory(Protocol):
    """Makes a module: logits (B, K), labels (B,) -> the batch's mean loss, a scalar."""

    def __call__(self, info: DataInfo, /, *args: Any, **options: Any) -> nn.Module: ...


class OptimizerFactory(Protocol):
    """Makes an optimizer of the parameters."""

    def __call__(self, params: Iterable[nn.Parameter], /, *args: Any, **options: Any) -> Optimizer: ...


class SchedulerFactory(Protocol):
    """Makes a schedule that is stepped once an optimizer step, ``plan.total_steps - 1`` times."""

    def __call__(self, optimizer: Optimizer, plan: StepPlan, /, *args: Any, **options: Any) -> LRScheduler: ...


class TunerFactory(Protocol):
    """Proposes a value for one place of the recipe, and leaves the run as it was."""

    def __call__(self, run: RunParts, /, *args: Any, **options: Any) -> Proposal: ...


class MetricFactory(Protocol):
    """Makes a `Metric` of the predictions."""

    def __call__(self, info: DataInfo, /, *args: Any, **options: Any) -> Metric: ...


class ExplainerFactory(Protocol):
    """Makes an `Explainer` of the model."""

    def __call__(self, model: nn.Module, /, *args: Any, **options: Any) -> Explainer: ...
