"""The command line: a group whose commands load when they are called, so that `cvkit list` stays quick."""

from __future__ import annotations

import io
import os
import sys
import traceback
from importlib import import_module

import click

from ..errors import CvkitError, RecipeError, did_you_mean
from ..resource_errors import machine_error, shortage_in
from .signals import exit_code_of, heard, interrupt
from .terminal import (
    OutputLost,
    echo,
    flush_standard_output,
    keep_standard_streams,
    tolerate_narrow_encodings,
)

COMMANDS = {
    "run": "run:run",
    "resume": "resume:resume",
    "extend": "extend:extend",
    "explain": "explain:explain",
    "check": "check:check",
    "preview": "preview:preview",
    "lr-find": "lr_find:lr_find",
    "list": "list:list_components",
    "info": "info:info",
    "plugins": "plugins:plugins",
    "new-plugin": "new_plugin:new_plugin",
    "add": "add:add",
    "schema": "schema:schema",
    "data": "data:data",
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names in the order of a working day."""
        return [*COMMANDS]  # here `list` may be the module of that command

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, or None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(import_module(f"cvkit.cli.{module}"), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command named first in `args`; suggest the nearest name where there is none."""
        if args and args[0] not in COMMANDS and (hint := did_you_mean(args[0], COMMANDS)):
            ctx.fail(f"No such command '{args[0]}'. {hint}")
        return super().resolve_command(ctx, args)


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cvkit-core", prog_name="cvkit")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Train, diagnose and explain image classifiers from one recipe, every part from a plugin."""


def main() -> None:
    """Run the command line: a user's mistake is told in a few lines and exits 2 (1 once a run has begun)."""
    # Threads that spin while they wait take cores from whatever else runs. A shorter spin than GNU OpenMP's own costs
    # nothing measurable on free cores and is up to twice as fast on shared ones (docs/results.md). torch reads it.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    debug = "--debug" in sys.argv[1:2]
    keep_standard_streams()
    tolerate_narrow_encodings()
    try:
        with heard(interrupt):
            code = cli.main(prog_name="cvkit", standalone_mode=False)
    except click.ClickException as error:
        told = io.StringIO()
        error.show(told)
        echo(told.getvalue(), err=True, nl=False)
        code = error.exit_code
    except CvkitError as error:
        if debug:
            echo(traceback.format_exc(), err=True, nl=False)
        else:
            # A recipe's mistakes begin with their place in the file, where editors look for it.
            echo(error, err=True, label="" if isinstance(error, RecipeError) else "error:", colour="red")
            tell_notes(error)
        code = error.exit_code
    except OutputLost as error:
        if not error.reader_gone:
            echo(error, err=True, label="error:", colour="red")
        tell_notes(error)
        code = 1
    except (KeyboardInterrupt, click.Abort) as error:
        echo("interrupted", err=True)
        code = exit_code_of(error)
    except Exception as error:
        lacking = told_of_the_machine(error)
        if lacking is None or debug:
            raise  # a defect, which keeps its traceback
        echo(lacking, err=True, label="error:", colour="red")
        tell_notes(error)
        code = 1
    flush_standard_output()
    sys.exit(code)


def told_of_the_machine(error: Exception) -> str | None:
    """Return in a line what the machine lacks or does not permit, where that is what `error` is about, else None."""
    lack = shortage_in(error)
    if lack is not None:
        return str(machine_error(lack, "cvkit was at work", error))
    if isinstance(error, PermissionError) and error.filename is not None:
        return f"'{error.filename}' cannot be used: {error.strerror}; see who may read and write it"
    return None


def tell_notes(error: BaseException) -> None:
    """Say on stderr what was noted on an error on its way here, such as how to go on."""
    for note in getattr(error, "__notes__", ()):
        echo(note, err=True)
