"""What a plugin declares: components of the kinds in `cvkit.kinds`, and where each came from.

One convention carries every kind: the positional parameters of a component's factory are what the run
supplies, the keyword-only parameters are what a recipe may set. The typed signature is the schema.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Component:
    """A part a plugin offers, declared without importing it.

    `name`: what recipes call it; lower case, digits and underscores; ``"*"`` declares a family, whose members
    are then named ``plugin/member`` in recipes.
    `target`: ``"module:attribute"`` of the factory, imported on first use.
    `summary`: one line for `cvkit list`.
    `members`: families only; ``"module:attribute"`` of a function that returns the member names. It must be
    light (no torch, no numpy), and the family's factory receives the member's name as its first argument.
    `options_of`: ``"module:attribute"`` whose parameters, beside the target's own, are the options a recipe may
    set, where the target passes its ``**options`` on; ``{name}`` stands for a family member's name.
    `per_sample`: augmentations only; what is built is called on one image, uint8 (C, H, W) -> uint8 of that shape,
    by the processes that load images, before they are put in batches.
    `requires`: requirements beside the plugin's own dependencies, as in ``("timm>=1.0",)``; a recipe that names
    the component is told what is missing, and a run records the versions.
    `deprecated`: what to use instead, one sentence; `cvkit list` marks it and recipes that name it are warned.
    """

    name: str
    target: str
    summary: str = ""
    members: str | None = None
    options_of: str | None = None
    per_sample: bool = False
    requires: tuple[str, ...] = ()
    deprecated: str = ""

    @property
    def is_family(self) -> bool:
        """Whether this declares a whole family of members rather than one component."""
        return self.name == "*"


@dataclass(frozen=True)
class Origin:
    """Where a component came from: the plugin's name, and the distribution and version that installed it.

    `file`: the path of a plugin that is not installed but was named on the command line; empty for all others.
    `sources`: the plugin's own sources, where Python imports these in place of what is installed; else empty.
    """

    plugin: str
    distribution: str
    version: str
    file: str = ""
    sources: str = ""

    def __str__(self) -> str:
        return self.file or f"{self.distribution} {self.version}"
