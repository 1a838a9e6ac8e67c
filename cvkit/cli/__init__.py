"""The command line. Each command's module is imported only when the command runs, so `cvkit list` stays fast."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import traceback
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

import click

from ..allocator import keep_freed_memory_on_cpu
from ..compiler_import import avoid_compiler_import
from ..errors import CvkitError, PluginError, RecipeError
from ..resource_errors import machine_error, shortage_in
from ..runs.signals import exit_code_of_signal, heard, interrupt
from .exit_code import exit_code_of
from .help import GROUPS, epilog, epilog_of
from .terminal import (
    OutputLost,
    drawn_phases,
    echo,
    echo_after_signal,
    flush_standard_output,
    keep_standard_streams,
    tolerate_narrow_encodings,
)
from .together import require_divided, tell_over

if TYPE_CHECKING:
    from .plugin_commands import PluginCommands

COMMANDS = {
    "new": "new:new",
    "run": "run:run",
    "resume": "resume:resume",
    "finish": "finish:finish",
    "extend": "extend:extend",
    "predict": "predict:predict",
    "evaluate": "evaluate:evaluate",
    "calibrate": "calibrate:calibrate",
    "repeat": "repeat:repeat",
    "search": "search:search",
    "explain": "explain:explain",
    "serve": "serve:serve",
    "export": "export:export",
    "compare": "compare:compare",
    "check": "check:check",
    "audit": "audit:audit",
    "preview": "preview:preview",
    "speed": "speed:speed",
    "lr-find": "lr_find:lr_find",
    "list": "list:list_components",
    "info": "info:info",
    "plugins": "plugins:plugins",
    "doctor": "doctor:doctor",
    "new-plugin": "new_plugin:new_plugin",
    "add": "add:add",
    "schema": "schema:schema",
    "data": "data:data",
    "completion": "completion:completion",
}


DRAWN = (
    *("run", "resume", "finish", "extend", "repeat", "search", "predict", "evaluate", "calibrate"),
    *("explain", "export", "compare", "audit", "preview", "lr-find", "speed", "new", "data", "doctor"),
)
"""The commands whose phases are drawn on the terminal from their start to their end."""

_ELSEWHERE = {
    **dict.fromkeys(("train", "fit", "finetune", "start"), "run"),
    **dict.fromkeys(("eval", "test", "validate", "score"), "evaluate"),
    **dict.fromkeys(("infer", "inference", "classify"), "predict"),
    **dict.fromkeys(("init", "create"), "new"),
    **dict.fromkeys(("continue", "restart"), "resume"),
    **dict.fromkeys(("tune", "sweep", "optimize"), "search"),
    **dict.fromkeys(("benchmark", "profile"), "speed"),
    **dict.fromkeys(("convert", "onnx"), "export"),
}
"""The commands by words that other tools have for them."""

_OF_PLUGINS = "cvkit.commands_of_plugins"  # in the context of a call


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called, and finds plugins only for theirs."""

    def of_plugins(self, ctx: click.Context) -> PluginCommands:
        """Return the commands of plugins, which are found once, for help or a name that is not one of cvkit's."""
        from .plugin_commands import commands_of_plugins

        if _OF_PLUGINS not in ctx.meta:
            ctx.meta[_OF_PLUGINS] = commands_of_plugins(COMMANDS)
        found: PluginCommands = ctx.meta[_OF_PLUGINS]
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List cvkit's commands in groups, then those of each plugin, which are not imported."""
        from .plugin_commands import warn_of_refused

        width = max(map(len, COMMANDS)) + 2
        for title, names in GROUPS.items():
            commands = {name: self.get_command(ctx, name) for name in names}
            rows = [
                (name.ljust(width), command.get_short_help_str(200))
                for name, command in commands.items()
                if command is not None
            ]
            with formatter.section(title):
                formatter.write_dl(rows)
        self.of_plugins(ctx).write_help(formatter)
        warn_of_refused(self.of_plugins(ctx))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order that users need them."""
        return [*COMMANDS]  # not list(): `list` may be the module of that command here

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, or None if no command has that name."""
        if cmd_name not in COMMANDS:
            of_plugin = self.of_plugins(ctx).found.get(cmd_name)
            return None if of_plugin is None else of_plugin.load()
        module, attribute = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(import_module(f"cvkit.cli.{module}"), attribute)
        command.epilog = command.epilog or epilog_of(cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begins with; suggest the nearest name if there is none."""
        if args and args[0] not in COMMANDS and args[0] not in self.of_plugins(ctx).found:
            if args[0] in self.of_plugins(ctx).refused:
                raise PluginError(self.of_plugins(ctx).refused[args[0]])
            if hint := _nearest(args[0], [*COMMANDS, *self.of_plugins(ctx).found]):
                ctx.fail(f"No such command '{args[0]}'. {hint}")
        found = super().resolve_command(ctx, args)
        require_divided(found[0] or "")
        if found[0] in DRAWN and not ctx.resilient_parsing and not {"-h", "--help"} & {*args}:
            ctx.with_resource(drawn_phases())
        return found


def _nearest(word: str, names: Iterable[str]) -> str:
    """Return a hint with the command nearest to `word`, by its name or a word of other tools; empty without one."""
    from difflib import get_close_matches  # only mistakes need it

    known = _ELSEWHERE | {name: name for name in names}
    near = get_close_matches(word.casefold(), known, n=1, cutoff=0.6)
    return f"Did you mean '{known[near[0]]}'?" if near else ""


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=epilog())
@click.version_option(package_name="cvkit-core", prog_name="cvkit")
@click.option("--debug", is_flag=True, help="Show the traceback if an error occurs.")
def cli(debug: bool) -> None:
    """Train, diagnose and explain image classifiers from one recipe. Plugins provide every component."""


def main() -> None:
    """Run the command line; a user's mistake prints a short message and exits with 2, or 1 once work has started."""
    # Waiting OpenMP threads spin and occupy cores that other processes need. Spinning for a shorter time than GNU
    # OpenMP's default costs nothing measurable on free cores and is up to twice as fast on shared ones
    # (docs/results.md). torch reads this variable when it is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    keep_freed_memory_on_cpu()
    avoid_compiler_import()
    # Otherwise Python searches the objects of torch for cycles before it ends, and the prompt returns seconds later.
    atexit.register(gc.freeze)
    debug = "--debug" in sys.argv[1:2]
    keep_standard_streams()
    tolerate_narrow_encodings()
    try:
        with heard(interrupt):
            code = cli.main(prog_name="cvkit", standalone_mode=False)
    except click.ClickException as error:
        tell_misuse(error)
        code = error.exit_code
    except CvkitError as error:
        if debug:
            echo(traceback.format_exc(), err=True, nl=False)
        else:
            # Recipe errors begin with file:line:column, which editors recognise only at the start of a line.
            echo(error, err=True, label="" if isinstance(error, RecipeError) else "error:", colour="red")
            tell_notes(error)
        code = exit_code_of(error)
    except OutputLost as error:
        if not error.reader_gone:
            echo(error, err=True, label="error:", colour="red")
        tell_notes(error)
        code = 1
    except (KeyboardInterrupt, click.Abort) as error:
        if isinstance(error, KeyboardInterrupt):
            echo_after_signal("interrupted")
        else:  # click has ended the line already
            echo("interrupted", err=True)
        code = exit_code_of_signal(error)
    except Exception as error:
        lacking = machine_fault(error)
        if lacking is None or debug:
            raise  # a bug: keep its traceback
        echo(lacking, err=True, label="error:", colour="red")
        tell_notes(error)
        code = exit_code_of(error)
    flush_standard_output()
    tell_over()
    sys.exit(code)


def tell_misuse(error: click.ClickException) -> None:
    """Print an error of click: the usage of the command, if it was misused, and the message."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # cvkit and cvkit data alone: their help
        echo(error.format_message(), err=True)
        return
    if isinstance(error, click.UsageError) and error.ctx is not None:
        echo(error.ctx.get_usage(), err=True)
        echo(f"help: {error.ctx.command_path} --help", err=True)
    echo(error.format_message().expandtabs(2), err=True, label="error:", colour="red")


def machine_fault(error: Exception) -> str | None:
    """Return one line about what the machine lacks or forbids if that caused `error`, else None."""
    lack = shortage_in(error)
    if lack is not None:
        return str(machine_error(lack, "cvkit was running", error))
    if isinstance(error, PermissionError) and error.filename is not None:
        return f"could not access '{error.filename}': {error.strerror}; check its permissions"
    return None


def tell_notes(error: BaseException) -> None:
    """Print the notes attached to an error, such as how to continue, on stderr."""
    for note in getattr(error, "__notes__", ()):
        echo(note, err=True)
