"""The catalog: every component there is, by kind, and how each plugin's declaration went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pluggy import HookImpl

from ..errors import NameTaken
from ..kinds import KINDS
from ..signatures.signature import Option, signature_of
from .component import Origin
from .registry import Entry, Registry
from .validation import HookManager, declared_components, hooks, validate_plugin

NO_OPTIONS: Mapping[str, Mapping[str, Any]] = MappingProxyType({})

SLOW = 0.1
"""Seconds of computing. A declaration that takes longer is slow: `cvkit list` as a whole takes a fifth of one."""


@dataclass(frozen=True)
class PluginStatus:
    """How a plugin's declaration went: its origin, seconds of computing, and the one-line cause if it failed.

    `remedy`: what to do about the failure. `heavy`: the modules among numpy, torch and torchvision that the
    declaration loaded, and should not have. `disabled`: who asked for it to be left out. `missing`: a sentence for
    each package that it waits for. `idle`: it has no hook at all. `later`: its optional hooks that this cvkit lacks
    and so does not call. `trace`: the failure's traceback.
    """

    origin: Origin
    seconds: float
    failure: str = ""
    remedy: str = ""
    heavy: tuple[str, ...] = ()
    disabled: str = ""
    missing: tuple[str, ...] = ()
    idle: bool = False
    later: tuple[str, ...] = ()
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
    _manager: HookManager = field(default_factory=HookManager, repr=False)
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

    def observer_options(self, plugin: str) -> dict[str, Option]:
        """Return what a recipe may set of a plugin's observers: the keyword-only parameters of its observer hooks."""
        observers = self._observers(hooks().keys() - {kind.hook for kind in KINDS.values()})
        own = [one.function for one in observers if one.plugin_name == plugin]
        return {name: option for function in own for name, option in signature_of(function).options.items()}

    def _observers(self, names: Iterable[str]) -> list[HookImpl]:
        """Return the implementations of hooks, in the order of the plugins' names."""
        found = [one for name in sorted(names) for one in getattr(self._manager.hook, name).get_hookimpls()]
        return sorted(found, key=lambda one: str(one.plugin_name))

    def notify(
        self, event: str, options: Mapping[str, Mapping[str, Any]] = NO_OPTIONS, **arguments: Any
    ) -> list[str]:
        """Call the observers of ``cvkit_<event>``, each alone; return a line for each that raised.

        Args:
            event: the name of the hook without ``cvkit_``.
            options: by plugin, what the recipe sets of its observers; each gets those that it takes.
            arguments: what the hook passes; each observer gets those that it names.
        """
        failures = []
        for implementation in self._observers([f"cvkit_{event}"]):
            given = options.get(str(implementation.plugin_name), {})
            try:
                taken = signature_of(implementation.function).options if given else {}
                chosen = {name: value for name, value in given.items() if name in taken}
                implementation.function(*(arguments[name] for name in implementation.argnames), **chosen)
            except (Exception, SystemExit) as error:
                name = str(implementation.plugin_name)
                failures.append(
                    f"plugin '{name}' ({self._origins[name]}) failed in cvkit_{event}: "
                    f"{type(error).__name__}: {error}; leave it out with --no-plugin {name}"
                )
        return failures

    def admit(self, origin: Origin, plugin: object) -> None:
        """Register a plugin object and everything it declares, or raise `PluginError` and register nothing."""
        name = origin.plugin
        if name in self._origins:
            raise NameTaken(f"another distribution, {self._origins[name]}, provides a plugin named '{name}' too")
        validate_plugin(name, plugin)
        try:
            self._manager.register(plugin, name)
            found = list(declared_components(self._manager, plugin))
            trial = {kind: Registry(KINDS[kind]) for kind in KINDS}
            for kind, component in found:
                trial[kind].add(component, origin)
        except BaseException:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            raise
        self._origins[name] = origin
        for kind, component in found:
            self.registries[kind].add(component, origin)


def catalog_of(plugins: Mapping[str, object]) -> Catalog:
    """Return a catalog of plugin objects given by name: for tests and for embedding; any failure raises."""
    catalog = Catalog()
    for name, plugin in plugins.items():
        origin = Origin(name, "in-process", "0")
        catalog.admit(origin, plugin)
        catalog.statuses.append(PluginStatus(origin, 0.0))
    return catalog
