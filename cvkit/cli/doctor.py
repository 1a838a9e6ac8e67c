"""``cvkit doctor``: whether this machine can train, and what would make it slow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .exit_code import FAILED
from .loading import warn
from .options import PluginChoice, output_option, plugin_options
from .terminal import echo

if TYPE_CHECKING:
    from ..doctor.check import Check

_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}
_WIDTH = 14  # of the names of the checks


@click.command()
@output_option("runs", "Folder whose disk is measured: the one that your runs go to.")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
@plugin_options
def doctor(output: Path, as_json: bool, choice: PluginChoice) -> None:
    """Check whether cvkit works on this machine, and measure what limits its speed.

    Looks at versions, plugins, devices, memory and disks; decodes a few photos; and adds numbers in two processes.
    Takes up to a minute and leaves no file. Exits with 0 if cvkit can train here, and with 1 if it cannot. Add the
    output to a report of a bug.
    """
    from ..host.discovery import disabled_by_environment, discover, unknown_disabled

    catalog = discover(dict.fromkeys(choice.disabled, "--no-plugin"), choice.paths)
    for message in unknown_disabled(catalog, [*choice.disabled, *disabled_by_environment()]):
        warn(message)
    from ..doctor.examine import examine
    from ..formatting import counted

    found: list[Check] = []
    for check in examine(catalog, output):
        found.append(check)
        if not as_json:
            _show(check)
    problems, warnings = (sum(check.state == state for check in found) for state in ("problem", "warning"))
    if as_json:
        checks = [check.to_json() for check in found]
        echo(json.dumps({"usable": not problems, "checks": checks}, indent=1))
    elif problems:
        echo(f"cvkit cannot train here before {counted(problems, 'problem')} is solved")
    else:
        noted = f", with {counted(warnings, 'warning')}" if warnings else ""
        echo(f"cvkit can train on this machine{noted}")
    if problems:
        raise SystemExit(FAILED)


def _show(check: Check) -> None:
    """Print a line for a check, and below it the advice, if there is one."""
    echo(f"{check.name:<{_WIDTH}}{check.found}", label=f"{check.state:<8}", colour=_COLOURS[check.state])
    if check.advice:
        echo(f"{'':<9}{'':<{_WIDTH}}{check.advice}")
