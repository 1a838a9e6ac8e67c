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
from .callback import Callback, Goals
from .observer import Observer
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

    If the component declares ``loss_terms``, the module returns a `TrainingOutputs` in training mode: the logits,
    auxiliary logits and losses of its own. In evaluation mode, it returns the logits alone, so that evaluation,
    explanations, averaged weights and exports need nothing else.

    If the module has a method ``initialise_with_images(sample)``, a new run calls it once before training, without
    recording gradients. ``sample(count)`` returns up to `count` training images as model inputs, float (N, C, H, W):
    normalised and not augmented, chosen at random by the seed of the run, in every process the same. The method sets
    parameters and buffers in place. It is not called if the weights come from a checkpoint or from another run.

    Args:
        info: Channels, size and classes of the data.
        options: The options of the component.
    """

    def __call__(self, info: DataInfo, /, *args: Any, **options: Any) -> nn.Module: ...


class LossFactory(Protocol):
    """Returns a module from logits (B, K) and labels (B,) to the mean loss of the batch, a scalar.

    If the component is declared ``soft_targets``, the module also takes targets, float (B, K), for the labels. If it
    is declared ``takes_images``, the module gets the augmented images, float (B, C, H, W) in [0, 1], as a third
    argument in training mode.

    A loss that uses weights which it neither trains nor stores, such as those of a teacher, has the attribute
    ``fixed_weights``: their SHA-256 by their name. run.json records it, and a run is resumed only with the same
    weights. If the name is the text of an option, the option may name another place of the same weights.

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
    ``loss..``. A factory may also name a positional parameter ``buffers``: pairs (name, buffer) of the model's
    buffers of floating-point numbers, such as the statistics of batch normalisation. A step may change them in place.

    An optimizer with the attribute ``needs_closure = True`` gets a closure in ``step(closure)``. Each call clears the
    gradients and computes them at the current weights, on the same augmented images and with the same random draws,
    such as dropout. The first call is at the weights before the step; buffers change in this call only.

    An optimizer with the methods ``train()`` and ``eval()`` has two modes, as schedule-free ones do: ``train()`` is
    called before each step and ``eval()`` after it. So everything outside a step, such as evaluation, averaged
    weights and checkpoints, sees the weights of the mode for evaluation.

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


class CallbackFactory(Protocol):
    """Returns a `Callback`.

    A factory may name a second positional parameter, ``plan``: the planned steps.

    Args:
        goals: The values of epoch records that the callback may decide by. `Goals.of` reports others.
        options: The options of the component.
    """

    def __call__(self, goals: Goals, /, *args: Any, **options: Any) -> Callback: ...


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
    """Returns a `Metric` for the classes in `info`.

    A factory may name a second positional parameter, ``thresholds``: if images have label sets, the probability from
    which on each label is predicted, a tuple of K floats; else an empty tuple.

    Args:
        info: Channels, size and classes of the data.
        options: The options of the component.
    """

    def __call__(self, info: DataInfo, /, *args: Any, **options: Any) -> Metric: ...


class ExplainerFactory(Protocol):
    """Returns an `Explainer`.

    A factory may name two further positional parameters: ``info``, the `DataInfo` of the data, and ``background``, a
    `Background`: a sample of the training images, as model inputs, with their labels. The images are read when the
    factory or the explainer first uses them. Then ``cvkit explain`` and `cvkit.load` need the data set of the run.

    Args:
        model: The model to explain.
        options: The options of the component.
    """

    def __call__(self, model: nn.Module, /, *args: Any, **options: Any) -> Explainer: ...


class ObserverFactory(Protocol):
    """Returns an `Observer` of one session of a run. An error in the factory does not end the run.

    Args:
        folder: The run folder. It may come from an untrusted source; `RunFolder` writes into it safely.
        options: The options of the component.
    """

    def __call__(self, folder: Path, /, *args: Any, **options: Any) -> Observer: ...
