"""The declarations of components and commands, and their origin; `cvkit.kinds` has the kinds.

All kinds share one convention: the run supplies the positional parameters of a component's factory, and a recipe may
set its keyword-only parameters. The typed signature is the schema of the recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MAIN_TERM = "main"
"""The name of the loss of a model's logits, beside the names of its other loss terms."""


@dataclass(frozen=True)
class Component:
    """The declaration of a component, which does not import its code.

    Attributes:
        name: The name in recipes: lower-case letters, digits and underscores. ``"*"`` declares a family, whose
            members recipes name as ``plugin/member``.
        target: The factory, as ``"module:attribute"``. It is imported on first use.
        summary: One line for `cvkit list`.
        members: For families: a function that returns the names of the members, as ``"module:attribute"``. It must
            not import torch or numpy. The factory receives the member's name as its first argument.
        options_of: For a target that passes ``**options`` on: the function or class that receives them, as
            ``"module:attribute"``. Its parameters are options too. ``{name}`` is replaced by the member's name.
        per_sample: For augmentations: the built object is called with one image, uint8 (C, H, W), and returns one of
            the same shape and type. The processes that load images call it before they form batches.
        requires: Requirements besides the dependencies of the plugin, as in ``("timm>=1.0",)``. The check of a recipe
            reports missing ones, and a run records the installed versions.
        deprecated: One sentence that says what to use instead. `cvkit list` shows it, and recipes with the component
            print a warning.
        mixes: For augmentations of batches: the built object is called with images and targets, float (B, K), and
            returns both, such as mixed pairs of images. The recipe then needs a loss with ``soft_targets``.
        soft_targets: For losses: the built module also takes targets, float (B, K), instead of labels, int64 (B,).
        soft_labels: For data sets: the training images have ``soft_labels``, float (N, K), which are the targets of
            the loss. The recipe then needs a loss with ``soft_targets``.
        takes_images: For losses: in training mode, the built module gets a third argument, the augmented images,
            float (B, C, H, W) in [0, 1], as for the teacher of a distillation. In evaluation mode it gets two.
        loss_terms: For models: further terms of the training loss, such as those of auxiliary logits, each with its
            default weight, as in ``{"aux": 0.3}``. In training mode, the built module then returns a
            `cvkit.TrainingOutputs` with exactly these terms, and in evaluation mode logits alone.
        signed: For explainers: maps are in [-1, 1]. Positive values are evidence for the class, and negative values
            evidence against it. Scores use the positive values.
        usual_lr: For optimizers: the lowest and the highest peak learning rate with which it usually trains well, as
            in ``(0.03, 1.0)``. For a family: a function of the member's name that returns them or None, as
            ``"module:attribute"``; it must not import torch. Tuners begin with this range, and a run warns if a tuner
            proposes a rate outside it.
        forecast: For tuners: a function of the factory's arguments that returns one line, what the tuner will do and
            how many steps that takes, as ``"module:attribute"``. The line is shown before the tuner runs. cvkit also
            calls the function before the run has a folder, so an error about options is found then; values that
            tuners set are still ``auto``.
        tasks: The tasks that it supports, of ``"single_label"`` and ``"multi_label"``; for data sets, the tasks that
            it may have, the usual one first. A data set that wraps others and may have several tasks has the task of
            the others; one that changes the task declares the task that it has. Empty: ``("single_label",)`` for
            data sets, samplers, losses, tuners, metrics, sections and augmentations that mix, and all of them for the
            others.
        task_options: For data sets with several tasks: by the name of an option, the task of the data set if a recipe
            sets this option.
    """

    name: str
    target: str
    summary: str = ""
    members: str | None = None
    options_of: str | None = None
    per_sample: bool = False
    requires: tuple[str, ...] = ()
    deprecated: str = ""
    mixes: bool = False
    soft_targets: bool = False
    soft_labels: bool = False
    takes_images: bool = False
    loss_terms: Mapping[str, float] = field(default_factory=dict, hash=False)
    signed: bool = False
    usual_lr: tuple[float, float] | str | None = None
    forecast: str | None = None
    tasks: tuple[str, ...] = ()
    task_options: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def is_family(self) -> bool:
        """Whether this declares a family of components rather than one component."""
        return self.name == "*"


@dataclass(frozen=True)
class Command:
    """The declaration of a command of the command line, which does not import its code.

    Attributes:
        name: The name on the command line: lower-case letters, digits and ``-``; not that of a command of cvkit.
        target: The click command, as ``"module:attribute"``. It is imported when the command is called.
        help: One line for ``cvkit --help``.
    """

    name: str
    target: str
    help: str


@dataclass(frozen=True)
class Origin:
    """Where a component comes from.

    Attributes:
        plugin: The name of the plugin.
        distribution: The distribution that installed the plugin.
        version: The version of the distribution.
        file: The path of a plugin that is loaded with ``--plugin-path``; empty for installed plugins.
        sources: The source folder of the plugin, if Python imports it instead of the installed copy; else empty.
    """

    plugin: str
    distribution: str
    version: str
    file: str = ""
    sources: str = ""

    def __str__(self) -> str:
        return self.file or f"{self.distribution} {self.version}"
