"""Guarded discovery: installed entry points -> a `Catalog` of what they offer and what went wrong.

pluggy's own ``load_setuptools_entrypoints`` stops at the first plugin that fails, silently skips a second
distribution with the same plugin name, and leaves a plugin half-registered when ``register`` fails; so the
loop is written here, and each plugin succeeds or fails alone and whole.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from . import hookspecs
from .component import KINDS, Component, Origin
from .errors import PluginError, did_you_mean
from .registry import Entry, Registry
from .signature import split_target

GROUP = "cvkit"
HEAVY_MODULES = ("numpy", "torch", "torchvision")


@dataclass(frozen=True)
class PluginStatus:
    """How a plugin's declaration went: its origin, seconds taken, and the failure's one-line cause if it failed.

    `heavy` names the modules among numpy, torch and torchvision that the declaration loaded, and should not have.
    """

    origin: Origin
    seconds: float
    failure: str = ""
    heavy: tuple[str, ...] = ()
    disabled: bool = False

    @property
    def works(self) -> bool:
        """Whether its components can be used."""
        return not (self.failure or self.disabled)


@dataclass
class Catalog:
    """Everything discovery found, as a value: a registry for each kind, and every plugin's status."""

    registries: dict[str, Registry] = field(
        default_factory=lambda: {name: Registry(kind) for name, kind in KINDS.items()}
    )
    statuses: list[PluginStatus] = field(default_factory=list)
    _manager: pluggy.PluginManager = field(default_factory=lambda: _new_manager(), repr=False)

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
                failures.append(
                    f"plugin '{implementation.plugin_name}' failed in cvkit_{event}: {type(error).__name__}: {error}"
                )
        return failures

    def admit(self, origin: Origin, plugin: object) -> None:
        """Register a plugin object and everything it declares, or raise and register nothing."""
        name = origin.plugin
        if self._manager.has_plugin(name):
            raise PluginError(f"another distribution already provides a plugin named '{name}'")
        try:
            self._manager.register(plugin, name)
            self._check_hooks(plugin)
            declared = list(self._declared(plugin))
            for kind, component in declared:
                _validate(component, KINDS[kind].hook)
            trial = {kind: Registry(KINDS[kind]) for kind in KINDS}
            for kind, component in declared:
                trial[kind].add(component, origin)
        except BaseException:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            raise
        for kind, component in declared:
            self.registries[kind].add(component, origin)

    def _declared(self, plugin: object) -> Iterator[tuple[str, Component]]:
        for kind in KINDS.values():
            for implementation in getattr(self._manager.hook, kind.hook).get_hookimpls():
                if implementation.plugin is plugin:
                    for component in implementation.function() or ():
                        yield kind.name, component

    def _check_hooks(self, plugin: object) -> None:
        known = {name for name in vars(hookspecs) if name.startswith("cvkit_")}
        implemented = {caller.name for caller in self._manager.get_hookcallers(plugin) or ()}
        if unknown := sorted(implemented - known):
            raise PluginError(f"there is no hook '{unknown[0]}'. {did_you_mean(unknown[0], known)}".strip())
        if unmarked := sorted(known.intersection(dir(plugin)) - implemented):
            raise PluginError(f"'{unmarked[0]}' is not marked as a hook: write @hookimpl above it")


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
    split_target(component.target)
    if component.members is not None:
        split_target(component.members)


def discover(disabled: Collection[str] = ()) -> Catalog:
    """Return the catalog of every plugin installed under the entry-point group ``cvkit``.

    A plugin named in `disabled` is not imported. One that fails, in whatever way, is recorded and left out.
    """
    catalog = Catalog()
    installed = [(_origin(entry_point), entry_point) for entry_point in entry_points(group=GROUP)]
    for origin, entry_point in sorted(installed, key=lambda pair: (pair[0].plugin, pair[0].distribution)):
        if origin.plugin in disabled:
            catalog.statuses.append(PluginStatus(origin, 0.0, disabled=True))
        else:
            catalog.statuses.append(_load_guarded(catalog, origin, entry_point))
    return catalog


def catalog_of(plugins: Mapping[str, object]) -> Catalog:
    """Return a catalog of plugin objects given by name: for tests and for embedding; any failure raises."""
    catalog = Catalog()
    for name, plugin in plugins.items():
        origin = Origin(name, "in-process", "0")
        catalog.admit(origin, plugin)
        catalog.statuses.append(PluginStatus(origin, 0.0))
    return catalog


def _load_guarded(catalog: Catalog, origin: Origin, entry_point: EntryPoint) -> PluginStatus:
    before = set(sys.modules)
    start = time.perf_counter()
    failure = ""
    try:
        catalog.admit(origin, entry_point.load())
    except KeyboardInterrupt:
        raise
    except PluginError as error:
        failure = str(error)
    except BaseException as error:  # a plugin may also call sys.exit; it must not take cvkit down with it
        failure = f"{type(error).__name__}: {error}"
    heavy = tuple(name for name in HEAVY_MODULES if name in sys.modules and name not in before)
    return PluginStatus(origin, time.perf_counter() - start, " ".join(failure.split()), heavy)


def _origin(entry_point: EntryPoint) -> Origin:
    try:
        # Once for both, as each reading parses the file.
        metadata = entry_point.dist.metadata  # type: ignore[union-attr]  # None is caught below
        return Origin(entry_point.name, metadata["Name"] or "unknown", metadata["Version"] or "unknown")
    except (AttributeError, LookupError, TypeError, OSError):  # half uninstalled; what it declares may still work
        return Origin(entry_point.name, "unknown", "unknown")
