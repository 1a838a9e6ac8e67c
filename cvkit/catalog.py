"""The catalog: every component there is, by kind, and how each plugin's declaration went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pluggy

from . import hookspecs
from .component import KINDS, Component, Origin
from .errors import PluginError, did_you_mean
from .registry import Entry, Registry
from .signature import split_target

SLOW = 0.1
"""Seconds. A declaration that takes longer is slow: `cvkit list` as a whole should answer in a fifth of a second."""


@dataclass(frozen=True)
class PluginStatus:
    """How a plugin's declaration went: its origin, seconds taken, and the failure's one-line cause if it failed.

    `remedy`: what to do about the failure. `heavy`: the modules among numpy, torch and torchvision that the
    declaration loaded, and should not have. `disabled`: who asked for it to be left out. `missing`: a sentence for
    each package that it waits for. `trace`: the failure's traceback.
    """

    origin: Origin
    seconds: float
    failure: str = ""
    remedy: str = ""
    heavy: tuple[str, ...] = ()
    disabled: str = ""
    missing: tuple[str, ...] = ()
    trace: str = field(default="", repr=False)

    @property
    def works(self) -> bool:
        """Whether its components can be used."""
        return not (self.failure or self.disabled or self.missing)

    @property
    def slow(self) -> bool:
        """Whether its declaration took long enough to be felt."""
        return self.seconds > SLOW

    @property
    def reason(self) -> str:
        """Why it does not work, and what to do about that; empty where it works."""
        if self.failure:
            return f"failed: {self.failure}; {self.remedy}" if self.remedy else f"failed: {self.failure}"
        if self.disabled:
            return f"disabled by {self.disabled}"
        return f"waiting: {'; '.join(self.missing)}" if self.missing else ""

    @property
    def line(self) -> str:
        """The whole of it in one line: which plugin, from where, why it does not work, what to do."""
        verdict = self.reason.replace("failed:", "does not work:", 1) or "works"
        return f"plugin '{self.origin.plugin}' ({self.origin}) {verdict}"


@dataclass
class Catalog:
    """Everything discovery found, as a value: a registry for each kind, and every plugin's status."""

    registries: dict[str, Registry] = field(
        default_factory=lambda: {name: Registry(kind) for name, kind in KINDS.items()}
    )
    statuses: list[PluginStatus] = field(default_factory=list)
    _manager: pluggy.PluginManager = field(default_factory=lambda: _new_manager(), repr=False)
    _origins: dict[str, Origin] = field(default_factory=dict, repr=False)

    def __getitem__(self, kind: str) -> Registry:
        return self.registries[kind]

    @property
    def failures(self) -> list[PluginStatus]:
        """The plugins that are installed but do not work."""
        return [status for status in self.statuses if status.failure]

    def entries(self) -> Iterator[Entry]:
        """Yield every entry of every kind, in the kinds' order."""
        for registry in self.registries.values():
            yield from registry.entries()

    def notify(self, event: str, **arguments: Any) -> list[str]:
        """Call the observers of ``cvkit_<event>``, each alone; return a line for each that raised."""
        failures = []
        caller = getattr(self._manager.hook, f"cvkit_{event}")
        for implementation in sorted(caller.get_hookimpls(), key=lambda impl: str(impl.plugin_name)):
            try:
                implementation.function(*(arguments[name] for name in implementation.argnames))
            except (Exception, SystemExit) as error:
                name = str(implementation.plugin_name)
                failures.append(
                    f"plugin '{name}' ({self._origins[name]}) failed in cvkit_{event}: "
                    f"{type(error).__name__}: {error}; leave it out with --no-plugin {name}"
                )
        return failures

    def admit(self, origin: Origin, plugin: object) -> None:
        """Register a plugin object and everything it declares, or raise and register nothing."""
        name = origin.plugin
        if name in self._origins:
            raise PluginError(f"another distribution, {self._origins[name]}, provides a plugin named '{name}' too")
        try:
            self._register(name, plugin)
            self._require_known_hooks(plugin)
            declared = list(self._declared(plugin))
            trial = {kind: Registry(KINDS[kind]) for kind in KINDS}
            for kind, component in declared:
                _validate(component, KINDS[kind].hook)
                trial[kind].add(component, origin)
        except BaseException:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            raise
        self._origins[name] = origin
        for kind, component in declared:
            self.registries[kind].add(component, origin)

    def _register(self, name: str, plugin: object) -> None:
        try:
            self._manager.register(plugin, name)
        except pluggy.PluginValidationError as error:  # pluggy's has three lines, none of them with a remedy
            raise PluginError(_bad_arguments(plugin) or str(error)) from error

    def _declared(self, plugin: object) -> Iterator[tuple[str, Component]]:
        for kind in KINDS.values():
            for implementation in getattr(self._manager.hook, kind.hook).get_hookimpls():
                if implementation.plugin is plugin:
                    try:
                        components = list(implementation.function() or ())
                    except (Exception, SystemExit) as error:
                        raise PluginError(f"{kind.hook} raised {type(error).__name__}: {error}") from error
                    for component in components:
                        yield kind.name, component

    def _require_known_hooks(self, plugin: object) -> None:
        known = hooks()
        implemented = {caller.name for caller in self._manager.get_hookcallers(plugin) or ()}
        if unknown := sorted(implemented - known.keys()):
            raise PluginError(f"there is no hook '{unknown[0]}'. {did_you_mean(unknown[0], known)}".strip())
        if unmarked := sorted(known.keys() & set(dir(plugin)) - implemented):
            raise PluginError(f"'{unmarked[0]}' is not marked as a hook: write @hookimpl above it")


def hooks() -> dict[str, tuple[str, ...]]:
    """Return every hook by name, with the arguments an implementation may take."""
    specifications = {name: value for name, value in vars(hookspecs).items() if name.startswith("cvkit_")}
    return {name: value.__code__.co_varnames[: value.__code__.co_argcount] for name, value in specifications.items()}


def catalog_of(plugins: Mapping[str, object]) -> Catalog:
    """Return a catalog of plugin objects given by name: for tests and for embedding; any failure raises."""
    catalog = Catalog()
    for name, plugin in plugins.items():
        origin = Origin(name, "in-process", "0")
        catalog.admit(origin, plugin)
        catalog.statuses.append(PluginStatus(origin, 0.0))
    return catalog


def _bad_arguments(plugin: object) -> str:
    """Say which hook of `plugin` takes an argument that the hook does not have."""
    for name, arguments in hooks().items():
        code = getattr(getattr(plugin, name, None), "__code__", None)
        taken = code.co_varnames[: code.co_argcount] if code else ()
        if wrong := [argument for argument in taken if argument not in (*arguments, "self")]:
            passed = ", ".join(arguments) or "nothing"
            return f"{name} takes '{wrong[0]}', which that hook does not pass; it passes: {passed}"
    return ""


def _new_manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager("cvkit")
    manager.add_hookspecs(hookspecs)
    return manager


def _validate(component: object, hook: str) -> None:
    if not isinstance(component, Component):
        raise PluginError(f"{hook} yielded {component!r}, which is not a Component")
    name = component.name
    if not component.is_family and not (name.isidentifier() and name == name.lower()):
        raise PluginError(f"{hook}: component name '{name}' must be lower-case letters, digits and underscores")
    if component.is_family and component.members is None:
        raise PluginError(f"{hook}: the family '*' must say where its `members` are listed")
    if component.per_sample and hook != "cvkit_augmentations":
        raise PluginError(f"{hook}: '{name}' cannot be per_sample, as only augmentations can")
    split_target(component.target)
    if component.members is not None:
        split_target(component.members)
