"""Resolves the components of a recipe: finds each by its name, and checks its options."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CvkitError, Problem, did_you_mean
from ..host.catalog import Catalog, PluginStatus
from ..host.component import Origin
from ..host.registry import Entry
from ..kinds import KINDS, Kind
from ..signatures.nested import nests, nests_one
from ..signatures.signature import Option, Signature
from .checker import TUNABLE, Checker
from .coercion import show
from .merge import as_part, part_name
from .nodes import ListNode, MapNode, Mark, Node, ScalarNode, plain
from .recipe import AUTO, Part, TunerPart, undeclared
from .tasks import instead, misfit_datasets, misfits, task_of

DEFAULT_PARTS = {kind.key: kind.default for kind in KINDS.values() if kind.default is not None}


@dataclass(frozen=True)
class _Found:
    """A component that a recipe names. `signature` is None if it cannot be used because of `faults`."""

    entry: Entry
    faults: list[str]
    signature: Signature | None


class PartResolver:
    """Checks the components in a document's `root`, and reports what is wrong to `check`.

    A faulty component is reported and skipped. `nowhere` is the position of what the document does not contain.
    """

    def __init__(self, root: MapNode, nowhere: Mark, catalog: Catalog, check: Checker) -> None:
        self.root, self.nowhere, self.catalog, self.check = root, nowhere, catalog, check
        self.made: dict[str, Part | None] = {}
        self.lookups: dict[tuple[str, str], _Found | CvkitError] = {}
        self.suspects: dict[Origin, PluginStatus] = {}  # broken plugins that may provide an unknown name

    def one(self, key: str, kind: Kind) -> Part | None:
        """Return the component of a key that holds one; None if it is faulty."""
        default = ScalarNode(self.nowhere, DEFAULT_PARTS[key]) if key in DEFAULT_PARTS else None
        return self._part(key, self.root.items.get(key, default), kind)

    def several(self, key: str, kind: Kind) -> tuple[Part, ...]:
        """Return the components of a key that holds a list, without faulty ones."""
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
        owner = f"for {kind.singular} '{entry.id}'" + (f" ({path})" if path.count(".") and not kind.many else "")
        given = MapNode(mark, part.without("name").items, part.keys)
        options = signature.options
        if signature.accepts_extra:
            options = options | {key: undeclared(key) for key in given.items if key not in options}
        self.check.keys(given, options, "option", owner)
        nested = {key: option for key, option in options.items() if nests(option.type)}
        own = {key: option for key, option in options.items() if key not in nested}
        values = self.check.values(given, own, "option", owner, path)
        values |= {key: self._nested(f"{path}.{key}", given, key, nested[key], owner, kind) for key in nested}
        values = {key: values[key] for key in options if key in values}
        texts = {value: plain(given.items[key]) for key, value in values.items() if isinstance(value, Path)}
        written = {value: text for value, text in texts.items() if not os.path.isabs(text)}
        made = self.made[path] = Part(entry, values, written=written)
        return made

    def _nested(self, path: str, given: MapNode, key: str, option: Option, owner: str, kind: Kind) -> Any:
        """Return the component, or the tuple of components, that an option of a component of the same kind holds."""
        node = given.items.get(key)
        if node is None:
            hint = f"write the name of {kind.article} {kind.singular}, or `name` with options"
            self.check.report(given.mark, f"option '{key}' {owner} is missing", hint)
            return None
        if nests_one(option.type):
            return self._part(path, node, kind)
        if not isinstance(node, ListNode) or not node.items:
            message = f"option '{key}' {owner}: expected a list of {kind.singular}s, got {show(plain(node))}"
            self.check.report(node.mark, message, "write each on its own line after '- '")
            return None
        return tuple(self._part(f"{path}.{index}", item, kind) for index, item in enumerate(node.items))

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

    def causes(self) -> Iterator[Problem]:
        """Yield one problem that lists the broken plugins that may provide the unknown names."""
        lines = [f"plugin '{one.origin.plugin}' {one.reason}" for one in self.suspects.values()]
        if lines:
            yield Problem("the unknown names may belong to plugins that do not work:", "\n  ".join(lines))

    def check_tuner_targets(self, targets: Iterable[tuple[str, Mark]]) -> None:
        """Report tuners whose target, given with its position, is not an option that they can set."""
        settable = {path: part for path in TUNABLE if (part := self.made[path])}
        options = [f"{path}.{name}" for path, part in settable.items() for name in part.names()]
        seen: set[str] = set()
        for target, mark in targets:
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

    def check_soft_targets(self, dataset: Part | None, augmentations: Iterable[Part], loss: Part | None) -> None:
        """Report soft labels and augmentations that mix labels if the loss takes only labels."""
        made = [
            f"augmentation '{part.entry.id}' makes soft targets of them"
            for part in augmentations
            if part.entry.component.mixes
        ]
        if dataset is not None and dataset.entry.component.soft_labels:
            made.insert(0, f"data set '{dataset.entry.id}' has soft labels")
        if loss is None or not made or loss.entry.component.soft_targets:
            return
        losses = self.catalog[KINDS["losses"].name]
        others = [entry.id for entry in losses.entries() if entry.component.soft_targets]
        node = self.root.items.get("loss")
        message = f"loss '{loss.entry.id}' takes labels, but {made[0]}"
        mark = self.nowhere if node is None else node.mark
        hint = f"use a loss that takes soft targets: {', '.join(others)}" if others else "use a loss that takes them"
        self.check.report(mark, message, hint)

    def check_task(self, dataset: Part | None) -> None:
        """Report the parts that do not support the task of the data set, if the recipe determines it."""
        task = None if dataset is None else task_of(dataset)
        for part, message in () if dataset is None else misfit_datasets(dataset):
            self.check.report(self._mark("dataset"), message, f"use '{part.entry.id}' alone")
        made = ((place, part) for place, part in self.made.items() if part is not None)
        for place, part, message in misfits(made, task) if task else ():
            kind = part.entry.kind
            components = self.catalog[kind.name]
            fitting = [
                entry
                for entry in components.entries()
                if task in entry.tasks and entry.component.mixes == part.entry.component.mixes
            ]
            hint = instead(kind, (entry.id for entry in fitting))
            if fitting and place not in self.root.items and place == kind.key:  # the default, which nobody wrote
                short = (
                    one.component.name if one.component.name in components.names() else one.id for one in fitting
                )
                hint = f"write {' or '.join(f'{kind.key}: {name}' for name in short)}"
            self.check.report(self._mark(place), message, hint)

    def _mark(self, place: str) -> Mark:
        """Return the position of a part, such as ``loss`` or ``metrics.0``."""
        key, _, index = place.partition(".")
        node = self.root.items.get(key)
        if isinstance(node, ListNode) and index:
            node = node.items[int(index.partition(".")[0])]
        return self.nowhere if node is None else node.mark

    def check_augmentation_order(self, augmentations: tuple[Part, ...]) -> None:
        """Report an augmentation of single images that is listed after one of batches but applied before it."""
        batched = ""
        for index, part in enumerate(augmentations):
            if not part.entry.component.per_sample:
                batched = batched or part.entry.id
            elif batched:
                node = self.root.items["augmentations"]
                mark = node.items[index].mark if isinstance(node, ListNode) else self.nowhere
                message = f"'{part.entry.id}' works on single images, before '{batched}' works on batches"
                self.check.report(mark, message, f"list it before '{batched}'")
