"""The signatures of component factories, one protocol for each kind, for type checkers.

If an author writes ``_: ModelFactory = my_model`` below a factory, a type checker reports a wrong signature before a
run does. The protocols allow any options, because each author defines them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ..data.labels import Labels
from ..data.splits import DataInfo, Splits
from ..protocols import Augmentation, Explainer, Metric, MixingAugmentation, SampleAugmentation, Sampler
from .parts import RunParts
from .proposal import Proposal
from .step_plan import StepPlan


class DatasetFactory(Protocol):
    """Returns the `Splits` of a data set.

    Args:
        root: The data folder.
        options: The options of the component.
    """

    def __call__(self, root: Path, /, *args: Any, **options: Any) -> Splits: ...


class SamplerFactory(Protocol):
    """Returns a `Sampler`.

    A tuner's trial may train on fewer images; the factory is then called with the labels of these.

    Args:
        labels: The labels of the training images. They are read when the factory first uses `labels.values`.
        options: The options of the component.
    """

    def __call__(self, labels: Labels, /, *args: Any, **options: Any) -> Sampler: ...


class AugmentationFactory(Protocol):
    """Returns an `Augmentation`.

    If the component is declared ``per_sample``, it returns a `SampleAugmentation`; if it is declared ``mixes``, a
    `MixingAugmentation`.

    Args:
        info: Channels, size and classes of the data.
        options: The options of the component.
    """

    def __call__(
        self, info: DataInfo, /, *args: Any, **options: Any
    ) -> Augmentation | SampleAugmentation | MixingAugmentation: ...


class ModelFactory(Protocol):
    """Returns a module from images (B, C, H, W) to logits (B, K).

    Args:
        info: Channels, size and classes of the data.
        options: The options of the component.
    """

    def __call__(self, info: DataInfo, /, *args: Any, **options: Any) -> nn.Module: ...


class LossFactory(Protocol):
    """Returns a module from logits (B, K) and labels (B,) to the mean loss of the batch, a scalar.

    If the component is declared ``soft_targets``, the module also takes targets, float (B, K), for the labels.

    A factory may name a second positional parameter, ``class_counts``: the number of training images of each class.
    They are counted when the factory first reads them.

    Args:
        info: Channels, size and classes of the data.
        options: The options of the component.
    """

    def __call__(self, info: DataInfo, /, *args: Any, **options: Any) -> nn.Module: ...


class OptimizerFactory(Protocol):
    """Returns an optimizer.

    A factory whose positional parameter has the name ``named_params`` gets pairs (name, parameter) instead of
    parameters, also in groups, as torch's optimizers accept them. The weights of the loss have names that begin with
    ``loss..``.

    An optimizer with the attribute ``needs_closure = True`` gets a closure in ``step(closure)``. Each call clears the
    gradients and computes them at the current weights, on the same augmented images and with the same random draws,
    such as dropout. The first call is at the weights before the step; buffers change in this call only.

    Args:
        params: The parameters to optimize, or groups of them.
        options: The options of the component.
    """

    def __call__(self, params: Iterable[Any], /, *args: Any, **options: Any) -> Optimizer: ...


class SchedulerFactory(Protocol):
    """Returns a scheduler.

    Args:
        optimizer: The optimizer whose learning rates it sets.
        plan: The planned steps. The run calls ``step()`` after each optimizer step, ``plan.total_steps - 1`` times.
        options: The options of the component.
    """

    def __call__(self, optimizer: Optimizer, plan: StepPlan, /, *args: Any, **options: Any) -> LRScheduler: ...


class TunerFactory(Protocol):
    """Returns a proposal for one value of the recipe, and does not modify the run.

    A factory that also has the positional parameter ``target`` gets the path of this value, such as
    ``scheduler.max_lr``.

    Args:
        run: The parts of the run.
        options: The options of the component.
    """

    def __call__(self, run: RunParts, /, *args: Any, **options: Any) -> Proposal: ...


class MetricFactory(Protocol):
    """Returns a `Metric` for the classes in `info`."""

    def __call__(self, info: DataInfo, /, *args: Any, **options: Any) -> Metric: ...


class ExplainerFactory(Protocol):
    """Returns an `Explainer`.

    Args:
        model: The model to explain.
        options: The options of the component.
    """

    def __call__(self, model: nn.Module, /, *args: Any, **options: Any) -> Explainer: ...
