"""Commands of plugins: listed without an import, run by their names, refused or broken in one line."""

from __future__ import annotations

import subprocess
import sys

import pytest

import cvkit
from cvkit.cli import COMMANDS
from cvkit.cli.plugin_commands import PluginCommands
from cvkit.host.catalog import catalog_of

DECLARATION = """
from cvkit import Command, hookimpl

@hookimpl
def cvkit_commands():
    yield Command("acme-count", "acme_commands:count", "Count to a number.")
    yield Command("acme-fails", "acme_commands:fails", "Fail.")
    yield Command("acme-group", "acme_commands:group", "Several commands.")
    yield Command("acme-broken", "acme_nowhere:broken", "Cannot be imported.")
    yield Command("acme-other", "acme_commands:other", "Is no command.")
    yield Command("run", "acme_commands:count", "Has a name of cvkit.")
"""
CODE = '''
import click
from cvkit import CvkitError

@click.command()
@click.argument("number", type=int)
def count(number):
    """Count to NUMBER."""
    click.echo(" ".join(map(str, range(1, number + 1))))
    return "a value that is no exit code"

@click.command()
@click.option("--how", default="defect")
@click.pass_context
def fails(context, how):
    """Fail in several ways."""
    if how == "user":
        raise CvkitError("the number is too large")
    if how == "usage":
        raise click.UsageError("write a number")
    if how == "code":
        context.exit(7)
    raise KeyError("no such number")

@click.group()
def group():
    """Several commands."""

@group.command()
def inner():
    """Say so."""
    click.echo("inner")

def other():
    pass
'''


@pytest.fixture
def acme(tmp_path, monkeypatch):
    """A project that lists the plugin, as the current folder."""
    (tmp_path / "acme.py").write_text(DECLARATION)
    (tmp_path / "acme_commands.py").write_text(CODE)
    (tmp_path / "pyproject.toml").write_text('[tool.cvkit]\nplugin-paths = ["acme.py"]\n')
    return tmp_path


def cvkit_in(folder, *arguments):
    """Call the command line in a new process, because it imports the plugin."""
    command = [sys.executable, "-m", "cvkit", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def test_help_lists_commands_under_their_plugin_without_importing_them(acme):
    """A command that cannot be imported is listed too; one with a name of cvkit is refused with both names."""
    (acme / "acme_commands.py").write_text("raise SystemExit('imported')")
    done = cvkit_in(acme, "--help")
    assert done.returncode == 0
    _, _, own = done.stdout.partition("Commands of plugin 'acme' (")
    assert "acme-count   Count to a number." in own
    assert "acme-broken  Cannot be imported." in own
    assert "Has a name of cvkit" not in own
    assert "command 'run' of plugin 'acme'" in done.stderr
    assert "is refused: cvkit has its own command 'run'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "out", "err"),
    [
        (["acme-count", "3"], 0, "1 2 3\n", ""),
        (["acme-group", "inner"], 0, "inner\n", ""),
        (["acme-count", "three"], 2, "", "'three' is not a valid integer"),
        (["acme-fails"], 1, "", "command 'acme-fails' of plugin 'acme' ("),
        (["acme-fails", "--how", "user"], 2, "", "error: the number is too large\n"),
        (["acme-fails", "--how", "usage"], 2, "", "write a number"),
        (["acme-fails", "--how", "code"], 7, "", ""),
        (["acme-broken"], 2, "", "could not be loaded from 'acme_nowhere:broken': ModuleNotFoundError"),
        (["acme-other"], 2, "", "is a function; expected a click command"),
        (["acme-cuont"], 2, "", "Did you mean 'acme-count'?"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else None,
)
def test_command_of_a_plugin(acme, arguments, code, out, err):
    """It has the exit codes of click and of cvkit; a defect is one line that names the plugin."""
    done = cvkit_in(acme, *arguments)
    assert (done.returncode, done.stdout) == (code, out)
    assert err in done.stderr
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback_of_a_defect(acme):
    """For the plugin's author."""
    done = cvkit_in(acme, "--debug", "acme-fails")
    assert "Traceback" in done.stderr
    assert "KeyError: 'no such number'" in done.stderr


def test_plugins_names_its_commands_and_what_is_refused(acme):
    """The other commands of the plugin work."""
    done = cvkit_in(acme, "plugins", "--why", "acme")
    assert "command cvkit acme-count" in done.stdout
    assert "cvkit has its own command 'run'" in done.stderr


def declaring(*commands):
    """A plugin that declares these commands."""

    class Plugin:
        @cvkit.hookimpl
        def cvkit_commands(self):
            return commands

    return Plugin()


def test_name_of_two_plugins_is_refused_for_both():
    """Neither wins silently."""
    command = cvkit.Command("count", "acme:count", "Count.")
    catalog = catalog_of({"one": declaring(command), "two": declaring(command)})
    commands = PluginCommands.of(catalog, COMMANDS)
    assert commands.found == {}
    assert "plugin 'one' (in-process 0) and plugin 'two' (in-process 0) both have it" in commands.refused["count"]


@pytest.mark.parametrize(
    ("commands", "message"),
    [
        (["count"], "which is not a Command"),
        ([cvkit.Command("Count", "acme:count", "Count.")], "command name 'Count' may only contain"),
        ([cvkit.Command("count", "acme.count", "Count.")], "target 'acme.count' does not have the form"),
        ([cvkit.Command("count", "acme:count", "")], "help of command 'count' must be one line of text"),
        ([cvkit.Command("count", "acme:count", "One\nTwo")], "help of command 'count' must be one line of text"),
        ([cvkit.Command("count", "acme:count", "Count.")] * 2, "command 'count' is declared twice"),
    ],
)
def test_declaration_that_is_wrong_fails_the_plugin(commands, message):
    """At discovery, before anybody calls it."""
    with pytest.raises(cvkit.PluginError, match=message):
        catalog_of({"acme": declaring(*commands)})


def test_cvkits_own_commands_look_for_no_plugin(monkeypatch):
    """`cvkit list` stays as fast as it is: the name is found first."""
    from click import Context

    from cvkit.cli import cli, plugin_commands

    monkeypatch.delattr(plugin_commands, "commands_of_plugins")
    for name in COMMANDS:
        assert cli.get_command(Context(cli), name) is not None
    assert cli.resolve_command(Context(cli), ["list", "models"])[2] == ["models"]
    assert cli.list_commands(Context(cli)) == [*COMMANDS]
