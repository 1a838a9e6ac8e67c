"""Resolves the keys and settings of a recipe that are not components."""

from __future__ import annotations

import re
from typing import Any

from ..errors import did_you_mean
from ..formatting import counted
from ..host.catalog import Catalog
from ..host.entry_points import CORE
from ..host.requirements import distribution_of, installed, missing_requirements
from .checker import Checker, accepts
from .coercion import show
from .document import Document
from .finetune_settings import FinetuneSettings
from .nodes import ListNode, MapNode, Mark, ScalarNode, plain
from .settings import SECTIONS, EvaluationSettings, GeneralSettings, PluginSettings, TrainSettings
from .settings_group import Settings


class SettingsResolver:
    """Checks the general keys and the sections of a document, and reports what is wrong to `check`."""

    def __init__(self, document: Document, catalog: Catalog, check: Checker) -> None:
        self.document, self.catalog, self.check = document, catalog, check
        self.root = document.root
        self.nowhere = Mark(document.file)

    def general(self) -> dict[str, Any]:
        """Return the values of the keys that are not in a section."""
        default = ScalarNode(self.nowhere, folder_name(self.document.name))
        node = MapNode(self.nowhere, {"name": default, **self.root.items})
        return self.check.values(node, GeneralSettings.options(), "key", "in the recipe")

    def sections(self) -> dict[str, Any]:
        """Return the settings of each section."""
        sections: dict[str, Any] = {key: self._section(key, kind) for key, kind in SECTIONS.items()}
        self._check_schedule_length(sections["train"])
        self._check_rates(sections["finetune"])
        self._check_views(sections["evaluation"])
        self._check_disabled_plugins(sections["plugins"])
        sections["plugins"] = self._with_observer_options(sections["plugins"])
        return sections

    def _section(self, key: str, kind: type[Settings]) -> Settings:
        node = self.root.items.get(key, MapNode(self.nowhere))
        options = kind.options()
        if not isinstance(node, MapNode):
            self.check.report(
                node.mark, f"'{key}' must be a mapping of settings, got {show(plain(node))}", accepts(options)
            )
            return kind()
        self.check.keys(node, options, "setting", f"in '{key}'")
        return kind(**self.check.values(node, options, "setting", f"in '{key}'"))

    def _check_schedule_length(self, settings: TrainSettings) -> None:
        """Report a schedule whose passes take longer than the run."""
        if (spanned := sum(settings.passes)) > settings.epochs:
            match self.root.items.get("train"):
                case MapNode(items={"schedule_epochs": node}):
                    mark = node.mark
                case _:
                    mark = self.nowhere
            message = f"'schedule_epochs' spans {counted(spanned, 'epoch')}, but the run has only {settings.epochs:,}"
            self.check.report(mark, message, f"reduce it, or set train.epochs to {spanned}")

    def _check_rates(self, settings: FinetuneSettings) -> None:
        """Report two settings that both set the rates of the body."""
        if settings.layer_decay is not None and settings.head_lr != 1:
            match self.root.items.get("finetune"):
                case MapNode(items={"layer_decay": node}):
                    mark = node.mark
                case _:
                    mark = self.nowhere
            message = "'head_lr' and 'layer_decay' both set the rates of the body"
            self.check.report(mark, message, "remove one of them")

    def _check_views(self, settings: EvaluationSettings) -> None:
        """Report views that are given twice, or together with the setting that means two of them."""
        match self.root.items.get("evaluation"):
            case MapNode(items={"views": node}):
                mark = node.mark
            case _:
                mark = self.nowhere
        if settings.views and settings.flip_tta:
            hint = "remove flip_tta; it is the same as views: [identity, horizontal_flip]"
            self.check.report(mark, "'views' and 'flip_tta' exclude each other", hint)
        if twice := sorted({name for name in settings.views if settings.views.count(name) > 1}):
            self.check.report(mark, f"'views' contains {', '.join(twice)} twice", "write each view once")

    def _check_disabled_plugins(self, settings: PluginSettings) -> None:
        """Report misspelt plugin names; a name that resembles no plugin is one that is not installed."""
        installed = {status.origin.plugin for status in self.catalog.statuses}
        for name in settings.disable:
            if name not in installed and (meant := did_you_mean(name, installed)):
                mark = self.root.items["plugins"].mark
                self.check.report(mark, f"no plugin '{name}' is installed, so it cannot be disabled", meant)

    def _with_observer_options(self, settings: PluginSettings) -> PluginSettings:
        """Check the options of the plugins' observers, and return the settings with their defaults."""
        resolved = {}
        statuses = {status.origin.plugin: status for status in self.catalog.statuses}
        for name in settings.observers:
            node = self._written_observers().items[name]
            mark = self._written_observers().keys.get(name, node.mark)
            status = statuses.get(name)
            if status is None:
                self.check.report(mark, f"no plugin '{name}' is installed", did_you_mean(name, statuses))
            elif not status.works:
                self.check.report(mark, f"plugin '{name}' cannot be configured: {status.reason}")
            elif isinstance(node, MapNode):
                options, owner = self.catalog.observer_options(name), f"for plugin '{name}'"
                self.check.keys(node, options, "option", owner)
                resolved[name] = self.check.values(node, options, "option", owner)
        return settings.model_copy(update={"observers": resolved})

    def _written_observers(self) -> MapNode:
        """Return the recipe's mapping ``plugins.observers``; empty if there is none."""
        match self.root.items.get("plugins"):
            case MapNode(items={"observers": MapNode() as node}):
                return node
        return MapNode(self.nowhere)

    def check_requirements(self, requirements: tuple[str, ...]) -> None:
        """Report each required distribution that is not installed in an accepted version."""
        node = self.root.items.get("requires")
        plugins = {status.origin.plugin: status.origin.distribution for status in self.catalog.statuses}
        plugins |= {"cvkit": CORE}  # the package index has another project named cvkit
        for index, text in enumerate(requirements):
            mark = node.items[index].mark if isinstance(node, ListNode) else self.nowhere
            name = distribution_of(text)
            if name in plugins and not installed([name]):
                self.check.report(
                    mark,
                    f"'{name}' is not a distribution",
                    f"it is provided by '{plugins[name]}': write that name instead",
                )
                continue
            try:
                sentences = missing_requirements([text])
            except ValueError as error:
                self.check.report(
                    mark, str(error), "write the name of a distribution and its versions: cvkit-acme>=1.2"
                )
                continue
            for sentence in sentences:
                self.check.report(mark, f"a requirement of the recipe is not met: {sentence}")


def folder_name(text: str) -> str:
    """Return `text` with the characters replaced that should not be part of a folder name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:100] or "recipe"
