"""The catalog of components, by kind, with the status of each plugin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pluggy import HookImpl

from ..errors import NameTaken
from ..kinds import KINDS
from ..signatures.signature import Option, signature_of
from .component import Command, Origin
from .registry import Entry, Registry
from .validation import HookManager, declared_commands, declared_components, observing_hooks, validate_plugin

NO_OPTIONS: Mapping[str, Mapping[str, Any]] = MappingProxyType({})

SLOW = 0.1
"""CPU seconds after which a declaration counts as slow; all of `cvkit list` takes about 0.2 seconds."""


@dataclass(frozen=True)
class PluginStatus:
    """The result of loading a plugin.

    Attributes:
        origin: Where the plugin comes from.
        seconds: CPU seconds of its declaration.
        failure: Why the plugin failed, on one line, or empty.
        remedy: What to do about the failure.
        heavy: The modules among numpy, torch and torchvision that the declaration imported, but should not.
        disabled: The option or variable that disables the plugin, or empty.
        missing: A sentence for each required package that is not installed.
        idle: Whether the plugin has no hooks.
        unsupported_hooks: Optional hooks of the plugin that this version of cvkit does not have and does not call.
        trace: The traceback of the failure.
    """

    origin: Origin
    seconds: float
    failure: str = ""
    remedy: str = ""
    heavy: tuple[str, ...] = ()
    disabled: str = ""
    missing: tuple[str, ...] = ()
    idle: bool = False
    unsupported_hooks: tuple[str, ...] = ()
    trace: str = field(default="", repr=False)

    @property
    def works(self) -> bool:
        """Whether its components can be used."""
        return not (self.failure or self.disabled or self.missing)

    @property
    def slow(self) -> bool:
        """Whether its declaration slows down commands noticeably."""
        return self.seconds > SLOW

    @property
    def reason(self) -> str:
        """Why the plugin does not work and what to do about it; empty if it works."""
        if self.failure:
            return f"failed: {self.failure}; {self.remedy}" if self.remedy else f"failed: {self.failure}"
        if self.disabled:
            return f"disabled by {self.disabled}"
        return f"lacks a requirement: {'; '.join(self.missing)}" if self.missing else ""

    @property
    def line(self) -> str:
        """One line with the plugin, its origin, why it does not work and what to do about it."""
        verdict = self.reason.replace("failed:", "does not work:", 1) or "works"
        return f"plugin '{self.origin.plugin}' ({self.origin}) {verdict}"


@dataclass
class Catalog:
    """The components and plugins that `discover` found.

    Attributes:
        registries: The components of each kind, by the name of the kind; also available as ``catalog[kind]``.
        statuses: The result of loading each plugin.
        commands: The commands of the plugins, each with the plugin that declares it.
    """

    registries: dict[str, Registry] = field(
        default_factory=lambda: {name: Registry(kind) for name, kind in KINDS.items()}
    )
    statuses: list[PluginStatus] = field(default_factory=list)
    commands: list[tuple[Origin, Command]] = field(default_factory=list)
    _manager: HookManager = field(default_factory=HookManager, repr=False)
    _origins: dict[str, Origin] = field(default_factory=dict, repr=False)

    def __getitem__(self, kind: str) -> Registry:
        return self.registries[kind]

    @property
    def failures(self) -> list[PluginStatus]:
        """The plugins that are installed but do not work."""
        return [status for status in self.statuses if status.failure]

    def entries(self) -> Iterator[Entry]:
        """Yield every component, kind by kind."""
        for registry in self.registries.values():
            yield from registry.entries()

    def observer_options(self, plugin: str) -> dict[str, Option]:
        """Return the options of a plugin's observers: the keyword-only parameters of its observer hooks."""
        observers = self._observers(observing_hooks())
        own = [one.function for one in observers if one.plugin_name == plugin]
        return {name: option for function in own for name, option in signature_of(function).options.items()}

    def _observers(self, names: Iterable[str]) -> list[HookImpl]:
        """Return the implementations of the hooks, sorted by plugin name."""
        found = [one for name in sorted(names) for one in getattr(self._manager.hook, name).get_hookimpls()]
        return sorted(found, key=lambda one: str(one.plugin_name))

    def notify(
        self, event: str, options: Mapping[str, Mapping[str, Any]] = NO_OPTIONS, **arguments: Any
    ) -> list[str]:
        """Call the observers of ``cvkit_<event>``. An error in one observer does not stop the others.

        Args:
            event: The name of the hook without ``cvkit_``.
            options: Options of observers in the recipe, by plugin. Each observer receives the options it declares.
            arguments: The arguments of the hook. Each observer receives the arguments it names.

        Returns:
            One line for each observer that raised an error.
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
                    f"{type(error).__name__}: {error}; disable it with CVKIT_DISABLE_PLUGINS={name}"
                )
        return failures

    def admit(self, origin: Origin, plugin: object) -> None:
        """Register a plugin object and its components.

        Args:
            origin: Where the plugin comes from.
            plugin: The object with the hooks, usually a module.

        Raises:
            PluginError: The plugin is not valid; nothing was registered.
        """
        name = origin.plugin
        if name in self._origins:
            raise NameTaken(f"another distribution, {self._origins[name]}, also provides a plugin named '{name}'")
        validate_plugin(name, plugin)
        try:
            self._manager.register(plugin, name)
            found = list(declared_components(self._manager, plugin))
            commands = declared_commands(self._manager, plugin)
            trial = {kind: Registry(KINDS[kind]) for kind in KINDS}
            for kind, component in found:
                trial[kind].add(component, origin)
        except BaseException:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            raise
        self._origins[name] = origin
        self.commands += [(origin, command) for command in commands]
        for kind, component in found:
            self.registries[kind].add(component, origin)


def catalog_of(plugins: Mapping[str, object]) -> Catalog:
    """Return a catalog of plugin objects given by name, for tests and embedding; raise the first failure."""
    catalog = Catalog()
    for name, plugin in plugins.items():
        origin = Origin(name, "in-process", "0")
        catalog.admit(origin, plugin)
        catalog.statuses.append(PluginStatus(origin, 0.0))
    return catalog
