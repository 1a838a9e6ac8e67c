"""The benchmark of silent terminals measures every command that works for long, as one would type it."""

from __future__ import annotations

import shlex

import click

from cvkit.cli import cli
from cvkit.cli.help import GROUPS

LEFT_OUT = {"resume", "finish", "serve"}
"""What its docstring leaves out."""


def test_every_command_on_recipes_and_runs_is_measured(benchmark_module):
    """Those about training, models and checks; what is left out is named in the docstring."""
    module = benchmark_module("silences")
    measured = {command.split()[0] for command in module.COMMANDS}
    working = {name for title, names in GROUPS.items() if title != "Components and plugins" for name in names}
    assert working - measured == LEFT_OUT
    assert all(f"`{name}`" in module.__doc__ for name in LEFT_OUT)


def test_measured_commands_and_their_options_exist(benchmark_module):
    """A command that ends with a mistake would have no silence."""
    for line in benchmark_module("silences").COMMANDS:
        command: click.Command = cli
        for word in shlex.split(line):
            if isinstance(command, click.Group):
                command = command.get_command(click.Context(command), word)
                assert command is not None, line
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in line.split() if word.startswith("--")} <= known, line
