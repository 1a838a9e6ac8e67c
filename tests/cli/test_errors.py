"""The command line's manners: where it works, what it says, how it ends."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import version

import click
import pytest

from cvkit.cli import COMMANDS, DRAWN, cli
from cvkit.cli.help import DOCS, EXAMPLES, GROUPS


def test_help_names_every_command(cvkit):
    """Each with a line of what it does."""
    for flag in ("--help", "-h"):
        answer = cvkit(flag)
        assert (answer.code, answer.err) == (0, "")
        assert all(f"\n{title}:\n" in answer.out for title in GROUPS)
        listed = dict(re.findall(r"^  ([a-z-]+)  +(\S.+)$", answer.out, re.M))
        assert {*COMMANDS} <= {*listed}
        assert DOCS in answer.out


def test_every_command_is_in_one_group_and_has_an_example():
    """A new command must be put somewhere."""
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(COMMANDS)
    assert {*EXAMPLES} == {*COMMANDS}


@pytest.mark.parametrize(("command", "line"), [(name, line) for name in EXAMPLES for line in EXAMPLES[name]])
def test_every_example_is_accepted_by_its_command(cvkit, command, line):
    """Its arguments and options are those of the command, and the help shows it."""
    words = shlex.split(line.partition(">")[0])
    assert words[0] == command
    found = cli.get_command(click.Context(cli), command)
    context = found.make_context(command, words[1:])
    if isinstance(found, click.Group):
        name, inner, rest = found.resolve_command(context, words[1:])
        inner.make_context(name, rest, parent=context)
    assert f"  cvkit {line}" in cvkit(command, "--help").out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(cvkit, command):
    """Asked for help, a command explains itself and does nothing."""
    answer = cvkit(command, "--help")
    assert answer.code == 0
    assert answer.out.startswith(f"Usage: cvkit {command} ")


def test_version_is_the_distributions(cvkit):
    """The command says what is installed."""
    assert cvkit("--version").out == f"cvkit, version {version('cvkit-core')}\n"


def test_no_command_shows_help(cvkit):
    """Alone, `cvkit` says what it can do, and that nothing was done."""
    answer = cvkit()
    assert answer.code == 2
    assert "Start here:" in answer.err


@pytest.mark.parametrize(
    ("typed", "meant"), [("train", "run"), ("trian", "run"), ("eval", "evaluate"), ("init", "new")]
)
def test_words_of_other_tools_suggest_the_command(cvkit, typed, meant):
    """Also misspelled."""
    assert cvkit(typed).err.splitlines()[-1].endswith(f"No such command '{typed}'. Did you mean '{meant}'?")


def test_unknown_command_suggests_the_nearest(cvkit, wording):
    """A slip is answered with the command that was meant."""
    for typed, meant in (("lst", "list"), ("ifno", "info"), ("RUN", "run"), ("plugin", "plugins")):
        answer = cvkit(typed)
        told = answer.err.splitlines()[-1]  # click's own lines, of how to call it, stand before
        assert answer.code == 2
        assert f"'{typed}'" in told
        assert f"'{meant}'" in told
        assert told == wording(name=typed)


def test_unknown_command_far_from_any_is_just_unknown(cvkit):
    """No guess where none is near."""
    answer = cvkit("xyzzy")
    assert answer.code == 2
    assert "'xyzzy'" in answer.err
    assert not any(f"'{command}'" in answer.err for command in COMMANDS)


def test_unknown_option_suggests_the_nearest(cvkit):
    """Options are suggested as commands are."""
    answer = cvkit("list", "--jsn")
    assert answer.code == 2
    assert "--json" in answer.err


@pytest.fixture
def environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


def test_module_is_the_command(tmp_path, environment):
    """``python -m cvkit`` works as `cvkit` does, from any folder."""
    command = [os.path.join(os.path.dirname(sys.executable), "cvkit")]
    module = [sys.executable, "-m", "cvkit"]
    one, two = (
        subprocess.run([*call, "list", "--json"], capture_output=True, text=True, cwd=tmp_path, env=environment)
        for call in (command, module)
    )
    assert (one.returncode, one.stdout, one.stderr) == (two.returncode, two.stdout, two.stderr)
    assert one.returncode == 0
    assert "kornia/cutout" in one.stdout


def test_users_mistake_has_no_traceback_and_exits_2(tmp_path, environment):
    """As a process: words on stderr, nothing on stdout, and 2 for scripts."""
    (tmp_path / "bad.yaml").write_text("dataset: shapes\nmodel: custom_resnt\noptimizer: sgd\n")
    call = [sys.executable, "-m", "cvkit", "check", "bad.yaml"]
    done = subprocess.run(call, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    place = done.stderr.splitlines()[0]
    assert place.startswith("bad.yaml:2:8: ")
    assert "'custom_resnt'" in place
    assert "'custom_resnet'" in place
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(tmp_path, environment):
    """``--debug`` is for whoever wants to know where an error came from."""
    call = [sys.executable, "-m", "cvkit", "--debug", "check", "nowhere.yaml"]
    done = subprocess.run(call, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode != 0
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert "'nowhere.yaml'" in done.stderr.splitlines()[-1]


def test_data_fetch_of_what_is_made_on_the_spot_says_so(cvkit, wording):
    """A data set without a home to fetch from is not an error of the network."""
    answer = cvkit("data", "fetch", "shapes")
    assert answer.code == 2
    assert "'datasets/shapes'" in answer.err
    assert answer.err == wording


def test_data_fetch_of_an_unknown_name_suggests_the_nearest(cvkit, wording):
    """Data sets are named as everywhere."""
    answer = cvkit("data", "fetch", "cifar11")
    assert answer.code == 2
    assert "'cifar11'" in answer.err
    assert "'cifar10" in answer.err
    assert answer.err == wording


def test_folder_of_a_plugins_sources_is_no_run(cvkit, write, tmp_path, wording):
    """It has a recipe.yaml, as `new-plugin` writes one; nothing is trained there, and nothing is written."""
    write("dataset: {name: shapes, train_size: 8, test_size: 8}\nmodel: custom_resnet\noptimizer: sgd\n")
    for command, *options in (["resume"], ["extend", "--epochs", "9"], ["explain"]):
        answer = cvkit(command, ".", *options)
        assert answer.code == 2
        assert "'.'" in answer.err
        assert "run.json" in answer.err
        assert "cvkit run" in answer.err
        assert answer.err == wording(name="told")
        assert [path.name for path in tmp_path.iterdir()] == ["recipe.yaml"]


def test_phases_are_drawn_for_commands_that_exist():
    """Also for the first, which takes longest to begin."""
    assert {*DRAWN} < {*COMMANDS}
    assert "run" in DRAWN


def test_command_alone_prints_its_help_and_no_error(cvkit):
    """The first thing a newcomer types."""
    for words in ((), ("data",)):
        answer = cvkit(*words)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err.count("Usage:") == 1
        assert "error:" not in answer.err
