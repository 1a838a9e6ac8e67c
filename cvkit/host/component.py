"""The declarations of components and commands, and their origin; `cvkit.kinds` has the kinds.

All kinds share one convention: the run supplies the positional parameters of a component's factory, and a recipe may
set its keyword-only parameters. The typed signature is the schema of the recipe.
"""

from __future__ import annotations

from dataclasses import dataclass


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
