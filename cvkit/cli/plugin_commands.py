"""Commands of plugins: found by their declarations, imported when they are called, and never a traceback."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module

import click

from ..error_text import cause
from ..errors import CvkitError, PluginError
from ..host.catalog import Catalog
from ..host.component import Command, Origin
from ..resource_errors import shortage_in
from ..signatures.signature import split_target
from .exit_code import mark_failed
from .terminal import OutputLost


@dataclass(frozen=True)
class PluginCommand:
    """A command of a plugin, and the plugin that declares it."""

    command: Command
    origin: Origin

    @property
    def owner(self) -> str:
        """The command and its plugin in messages."""
        return f"command '{self.command.name}' of plugin '{self.origin.plugin}' ({self.origin})"

    def load(self) -> click.Command:
        """Import the command; raise `PluginError` with one line if that fails or if it is no click command."""
        module, attribute = split_target(self.command.target)
        try:
            found = getattr(import_module(module), attribute)
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"{self.owner} could not be loaded from '{self.command.target}': {cause(error, module)}"
            ) from error
        if not isinstance(found, click.Command):
            raise PluginError(f"{self.owner} is a {type(found).__name__}; expected a click command")
        return self._guarded(found)

    def _guarded(self, command: click.Command) -> click.Command:
        """Return the command with its errors as one line; what it returns is ignored, and is not an exit code."""
        guarded = copy.copy(command)

        def invoke(context: click.Context) -> None:
            try:
                command.invoke(context)
            except (click.ClickException, click.exceptions.Exit, click.Abort, CvkitError, OutputLost):
                raise
            except BrokenPipeError as error:
                raise OutputLost(error) from error
            except Exception as error:
                if shortage_in(error):
                    raise
                failure = PluginError(f"{self.owner} failed: {cause(error, split_target(self.command.target)[0])}")
                mark_failed(failure)
                raise failure from error

        vars(guarded)["invoke"] = invoke
        return guarded


@dataclass(frozen=True)
class PluginCommands:
    """The commands of the plugins.

    Attributes:
        found: Each command that can be called, by name.
        refused: Why each other command cannot be called, by name.
    """

    found: dict[str, PluginCommand]
    refused: dict[str, str]

    @classmethod
    def of(cls, catalog: Catalog, own: Iterable[str]) -> PluginCommands:
        """Return the commands of the plugins in `catalog`; `own` are the names of cvkit's commands."""
        every: dict[str, list[PluginCommand]] = {}
        for origin, command in catalog.commands:
            every.setdefault(command.name, []).append(PluginCommand(command, origin))
        found, refused = {}, {}
        for name, rivals in sorted(every.items()):
            owners = " and ".join(f"plugin '{one.origin.plugin}' ({one.origin})" for one in rivals)
            if name in {*own}:
                refused[name] = f"command '{name}' of {owners} is refused: cvkit has its own command '{name}'"
            elif len(rivals) > 1:
                refused[name] = f"command '{name}' is refused, because {owners} both have it; disable one of them"
            else:
                found[name] = rivals[0]
        return cls(found, refused)

    def write_help(self, formatter: click.HelpFormatter) -> None:
        """Write a list of the commands of each plugin."""
        by_plugin: dict[Origin, list[tuple[str, str]]] = {}
        for one in self.found.values():
            by_plugin.setdefault(one.origin, []).append((one.command.name, one.command.help))
        for origin, rows in sorted(by_plugin.items(), key=lambda item: item[0].plugin):
            with formatter.section(f"Commands of plugin '{origin.plugin}' ({origin})"):
                formatter.write_dl(rows)


def commands_of_plugins(own: Iterable[str]) -> PluginCommands:
    """Return the commands of the installed plugins and of those that the current project lists."""
    from .loading import load_catalog
    from .options import choice_here

    return PluginCommands.of(load_catalog(choice_here()), own)


def warn_of_refused(commands: PluginCommands) -> None:
    """Warn about every command that is refused."""
    from .loading import warn

    for line in commands.refused.values():
        warn(line)


def names(catalog: Catalog, origin: Origin) -> list[str]:
    """Return the names of the commands of one plugin."""
    return [command.name for place, command in catalog.commands if place == origin]
