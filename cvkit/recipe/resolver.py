"""Checks a `Document` against the catalog of plugins, and returns a `Recipe` or reports every mistake at once.

The check imports no component and opens no data. It finds components by name and reads the signatures of their
factories from the source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CvkitError, Problem, RecipeError, did_you_mean
from ..host.catalog import Catalog, PluginStatus
from ..host.component import Origin
from ..host.entry_points import CORE
from ..host.registry import Entry
from ..host.requirements import distribution_of, installed, missing_requirements
from ..kinds import KINDS, Kind
from ..signatures.signature import Signature
from .checker import TUNABLE, Checker, accepts
from .coercion import show
from .document import Document
from .merge import PART_LISTS, PARTS, as_part, part_name
from .nodes import ListNode, MapNode, Mark, Node, ScalarNode, in_reading_order, plain
from .recipe import AUTO, Part, Recipe, TunerPart, undeclared
from .settings import SECTIONS, FinetuneSettings, GeneralSettings, PluginSettings, Settings, TrainSettings

KEYS = (*GeneralSettings.model_fields, *PARTS, *PART_LISTS, *SECTIONS)
DEFAULT_PARTS = {kind.key: kind.default for kind in KINDS.values() if kind.default is not None}


def resolve(document: Document, catalog: Catalog) -> Recipe:
    """Check a recipe against the installed components.

    Args:
        document: The content of the recipe, from `read`.
        catalog: The plugins, from `discover`.

    Returns:
        The recipe with every component and every default.

    Raises:
        RecipeError: The recipe has mistakes; the error contains all of them, sorted by file and line.
    """
    return _Resolution(document, catalog).recipe()


@dataclass(frozen=True)
class _Found:
    """A component that a recipe names. `signature` is None if it cannot be used because of `faults`."""

    entry: Entry
    faults: list[str]
    signature: Signature | None


class _Resolution:
    """One pass over a document, which reports each faulty part, skips it and continues."""

    def __init__(self, document: Document, catalog: Catalog) -> None:
        self.document, self.catalog = document, catalog
        self.root = document.root
        self.nowhere = Mark(document.file)
        self.targets = list(_targets(self.root))
        self.check = Checker(dict(self.targets))
        self.made: dict[str, Part | None] = {}
        self.lookups: dict[tuple[str, str], _Found | CvkitError] = {}
        self.suspects: dict[Origin, PluginStatus] = {}  # broken plugins that may provide an unknown name

    def recipe(self) -> Recipe:
        self.check.keys(self.root, KEYS, "key", "in the recipe")
        general = self._general()
        sections: dict[str, Any] = {key: self._section(key, kind) for key, kind in SECTIONS.items()}
        self._check_schedule_length(sections["train"])
        self._check_rates(sections["finetune"])
        self._check_disabled_plugins(sections["plugins"])
        sections["plugins"] = self._with_observer_options(sections["plugins"])
        self._check_requirements(general.get("requires", ()))
        parts: dict[str, Any] = {key: self._part(key, self._node(key), KINDS[kind]) for key, kind in PARTS.items()}
        lists: dict[str, Any] = {key: self._list(key, KINDS[kind]) for key, kind in PART_LISTS.items()}
        self._check_augmentation_order(lists["augmentations"])
        self._check_tuner_targets()
        if self.check.problems:
            raise RecipeError([*in_reading_order(self.check.problems), *self._causes()])
        return Recipe(**general, **parts, **lists, **sections)

    def _general(self) -> dict[str, Any]:
        default = ScalarNode(self.nowhere, folder_name(self.document.name))
        node = MapNode(self.nowhere, {"name": default, **self.root.items})
        values = self.check.values(node, GeneralSettings.options(), "key", "in the recipe")
        if values.get("shorter"):  # relative to the file that contains it, possibly an extended one
            values["shorter"] = str(Path(self.root.items["shorter"].mark.file).absolute().parent / values["shorter"])
        return values

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
            mark = self._place("train.schedule_epochs")
            message = f"'schedule_epochs' spans {spanned} epochs, but the run has only {settings.epochs}"
            self.check.report(mark, message, f"reduce it, or set train.epochs to {spanned}")

    def _check_rates(self, settings: FinetuneSettings) -> None:
        """Report two settings that both set the rates of the body."""
        if settings.layer_decay is not None and settings.head_lr != 1:
            mark = self._place("finetune.layer_decay")
            message = "'head_lr' and 'layer_decay' both set the rates of the body"
            self.check.report(mark, message, "remove one of them")

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

    def _check_requirements(self, requirements: tuple[str, ...]) -> None:
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

    def _check_augmentation_order(self, augmentations: tuple[Part, ...]) -> None:
        """Report an augmentation of single images that is listed after one of batches but applied before it."""
        batched = ""
        for index, part in enumerate(augmentations):
            if not part.entry.component.per_sample:
                batched = batched or part.entry.id
            elif batched:
                mark = self._place(f"augmentations.{index}")
                message = f"'{part.entry.id}' works on single images, before '{batched}' works on batches"
                self.check.report(mark, message, f"list it before '{batched}'")

    def _place(self, path: str) -> Mark:
        """Return the position of a list's part or of a setting."""
        key, _, name = path.partition(".")
        match self.root.items.get(key):
            case ListNode(items=parts):
                return parts[int(name)].mark
            case MapNode(items=settings) if name in settings:
                return settings[name].mark
        return self.nowhere

    def _node(self, key: str) -> Node | None:
        default = ScalarNode(self.nowhere, DEFAULT_PARTS[key]) if key in DEFAULT_PARTS else None
        return self.root.items.get(key, default)

    def _list(self, key: str, kind: Kind) -> tuple[Part, ...]:
        node = self.root.items.get(key, ListNode(self.nowhere))
        if not isinstance(node, ListNode):
            hint = f"write each {kind.singular} on its own line after '- ', or [] for none"
            self.check.report(node.mark, f"'{key}' must be a list, got {show(plain(node))}", hint)
            return ()
        make = self._tuner if kind.sets else self._part
        parts = [make(f"{key}.{index}", item, kind) for index, item in enumerate(node.items)]
        return tuple(part for part in parts if part)

    def _part(self, path: str, node: Node | None, kind: Kind) -> Part | None:
        self.made[path] = None
        listing = f"see: cvkit list {kind.name}"
        if node is None:
            self.check.report(self.nowhere, f"'{path}' is missing", f"write `{path}: NAME`; {listing}")
            return None
        part, name = as_part(node), part_name(node)
        if not isinstance(part, MapNode) or not name:
            got = show(plain(node))
            message = f"expected the name of {kind.article} {kind.singular}, or `name` with options, got {got}"
            self.check.report(node.mark, message, listing)
            return None
        mark = part.items["name"].mark
        found = self._found(kind, name)
        if isinstance(found, CvkitError):
            self.check.report(mark, str(found), self._report_broken_plugin(name))
            return None
        entry, signature = found.entry, found.signature
        if signature is None:
            for fault in found.faults:
                self.check.report(mark, f"{kind.singular} '{entry.id}' from {entry.origin} cannot be used: {fault}")
            return None
        owner = f"for {kind.singular} '{entry.id}'"
        given = MapNode(mark, part.without("name").items, part.keys)
        options = signature.options
        if signature.accepts_extra:
            options = options | {key: undeclared(key) for key in given.items if key not in options}
        self.check.keys(given, options, "option", owner)
        made = self.made[path] = Part(entry, self.check.values(given, options, "option", owner, path))
        return made

    def _found(self, kind: Kind, name: str) -> _Found | CvkitError:
        """Return the component with that name, or the error of the look-up; each name is looked up only once."""
        key = (kind.name, name)
        if key not in self.lookups:
            try:
                entry = self.catalog[kind.name].find(name)
                faults = entry.missing_requirements() or entry.contract_violations()
                self.lookups[key] = _Found(entry, faults, None if faults else entry.signature())
            except CvkitError as error:
                self.lookups[key] = error
        return self.lookups[key]

    def _tuner(self, path: str, node: Node, kind: Kind) -> TunerPart | None:
        tuner = as_part(node)
        target = tuner.items.get("set") if isinstance(tuner, MapNode) else None
        part = self._part(path, tuner.without("set") if isinstance(tuner, MapNode) else tuner, kind)
        if isinstance(target, ScalarNode) and isinstance(target.value, str):
            return TunerPart(part.entry, part.options, target.value) if part else None
        if name := part_name(node):
            message = f"tuner '{name}' has no key `set` with the option that it sets"
            self.check.report((target or node).mark, message, "write, for example, `set: scheduler.max_lr`")
        return None

    def _report_broken_plugin(self, name: str) -> str:
        """Remember the broken plugins that may provide `name`; return a hint if a full id names one of them."""
        plugin, slash, _ = name.partition("/")
        statuses = [one for one in self.catalog.statuses if not one.works]
        suspects = [one for one in statuses if not slash or one.origin.plugin == plugin]
        self.suspects.update((one.origin, one) for one in suspects)
        return (
            f"it may belong to plugin '{plugin}', which does not work: see the last message"
            if slash and suspects
            else ""
        )

    def _causes(self) -> Iterator[Problem]:
        """Yield one problem that lists the broken plugins that may provide the unknown names."""
        lines = [f"plugin '{one.origin.plugin}' {one.reason}" for one in self.suspects.values()]
        if lines:
            yield Problem("the unknown names may belong to plugins that do not work:", "\n  ".join(lines))

    def _check_tuner_targets(self) -> None:
        """Report tuners whose target is not an option that they can set."""
        settable = {path: part for path in TUNABLE if (part := self.made[path])}
        options = [f"{path}.{name}" for path, part in settable.items() for name in part.names()]
        seen: set[str] = set()
        for target, mark in self.targets:
            owner, _, name = target.rpartition(".")
            if target in seen:
                self.check.report(mark, f"another tuner sets '{target}' already", "remove one of the two")
            elif owner in settable and name in settable[owner].names():
                unwritten = target not in self.check.written and settable[owner].options.get(name) != AUTO
                if (
                    unwritten and not settable[owner].option(name).required
                ):  # a missing required option is reported anyway
                    hint = f"write `{name}: auto` in '{owner}', or a value to use instead of the tuner's"
                    self.check.report(
                        mark, f"the recipe does not contain '{target}', so the tuner cannot set it", hint
                    )
            elif owner not in TUNABLE:
                hint = f"{did_you_mean(target, options)}  The other parts are built before tuners run.".strip()
                self.check.report(
                    mark, f"a tuner can set options of {' and '.join(TUNABLE)}, but not '{target}'", hint
                )
            elif owner in settable:
                self.check.report(
                    mark, f"a tuner sets '{target}', but there is no such option", did_you_mean(target, options)
                )
            seen.add(target)


def _targets(root: MapNode) -> Iterator[tuple[str, Mark]]:
    """Yield the path that each tuner sets, and its position in the recipe."""
    tuners = root.items.get("tuners")
    for tuner in tuners.items if isinstance(tuners, ListNode) else ():
        target = tuner.items.get("set") if isinstance(tuner, MapNode) else None
        if isinstance(target, ScalarNode) and isinstance(target.value, str):
            yield target.value, target.mark


def folder_name(text: str) -> str:
    """Return `text` with the characters replaced that should not be part of a folder name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:100] or "recipe"
