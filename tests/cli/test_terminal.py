"""Where the command line meets a terminal, a pipe or a file."""

from __future__ import annotations

import ast
import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cvkit.cli
from cvkit.cli import terminal

COMMANDS = ("cvkit resume ", "cvkit run ", "cvkit extend ", "cvkit explain ", "--plugin-path ")
CLIPBOARD = "\x1b]52;c;aGk=\x07"


def in_terminal(*arguments: str, **variables: str) -> str:
    """What ``cvkit`` writes to a terminal, which is all there is to be seen."""
    main, other = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
    command = [sys.executable, "-m", "cvkit", *arguments]
    process = subprocess.Popen(command, stdin=other, stdout=other, stderr=other, env=environment | variables)
    os.close(other)
    seen = b""
    while True:
        try:
            part = os.read(main, 4096)
        except OSError:  # how Linux says that the last writer has gone
            break
        if not part:
            break
        seen += part
    process.wait()
    os.close(main)
    return seen.decode()


def test_errors_are_coloured_on_a_terminal_and_nowhere_else(tmp_path):
    """``NO_COLOR`` and a terminal that knows no colours are respected."""
    missing = str(tmp_path / "none")
    assert "\x1b[31m" in in_terminal("resume", missing, TERM="xterm")
    assert not re.search(r"\x1b\[[\d;]*m", in_terminal("resume", missing, TERM="xterm", NO_COLOR="1"))
    assert "\x1b" not in in_terminal("resume", missing, TERM="dumb")


def test_a_narrow_terminal_gets_every_cell_of_a_table():
    """Each on its own line, instead of a table without its last column."""
    shown = in_terminal("list", "models", TERM="xterm", NO_COLOR="1", COLUMNS="40")
    assert "torchvision/googlenet_aux" in shown
    assert "from: cvkit-core" in shown
    assert "what it is: Any timm model" in shown
    assert "what it is:" not in in_terminal("list", "models", TERM="xterm", NO_COLOR="1", COLUMNS="120")


@pytest.mark.parametrize(
    "command", [["check", "{}"], ["info", "{}"], ["plugins", "--why", "{}"], ["{}"], ["run", "x", "--{}"]]
)
def test_no_command_passes_escape_sequences_on(cvkit, command):
    """A name with one is shown with the sequence spelled out."""
    answer = cvkit(*(word.format(CLIPBOARD) for word in command))
    assert answer.code
    assert "\x1b" not in answer.out + answer.err
    assert r"\x1b]52" in answer.err + answer.out


@pytest.mark.parametrize("text", ["name: 'a\\x1b'\n\x1b", 'dataset: "\\e]52;c;aGk=\\a"\n', 'model: {"\\e[2J": 1}\n'])
def test_a_recipe_cannot_steer_the_terminal(cvkit, write, text):
    """Neither by its values nor by its keys, nor by the line that an error shows."""
    answer = cvkit("check", write(text))
    assert answer.code == 2
    assert "\x1b" not in answer.err


def test_a_value_set_on_the_command_line_is_escaped_too(cvkit, write):
    """As a command may have been copied from elsewhere."""
    answer = cvkit("check", write("dataset: shapes\nmodel: custom_resnet\n"), "--set", f"seed={CLIPBOARD}")
    assert answer.code == 2
    assert "\x1b" not in answer.err


def test_a_debug_traceback_is_escaped(monkeypatch, capsys, tmp_path):
    """It holds the error's message."""
    monkeypatch.setattr(sys, "argv", ["cvkit", "--debug", "resume", str(tmp_path / CLIPBOARD)])
    with pytest.raises(SystemExit):
        cvkit.cli.main()
    written = capsys.readouterr().err
    assert "Traceback" in written
    assert "\x1b" not in written


def test_a_character_that_the_encoding_lacks_is_escaped(monkeypatch):
    """A console in cp1252 shows a class name in Chinese as its code points."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252", errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    terminal.tolerate_narrow_encodings()
    terminal.echo("Größe 猫")
    stream.flush()
    assert stream.buffer.getvalue() == "Größe \\u732b\n".encode("cp1252")


@pytest.mark.parametrize("columns", ["0", "-3", "wide", ""])
def test_a_width_that_is_none_hides_nothing(monkeypatch, columns):
    """rich takes ``COLUMNS=0`` at its word and writes nothing."""
    monkeypatch.setenv("COLUMNS", columns)
    console = terminal.console()
    console.file = io.StringIO()
    console.print("epoch 1", soft_wrap=True)
    assert console.file.getvalue() == "epoch 1\n"
    assert console.width > 0


def test_forced_colours_make_no_bars_in_a_file(monkeypatch):
    """``FORCE_COLOR`` asks for colours, and a live bar in a log is thousands of lines."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert not terminal.console().is_terminal
    assert not terminal.on_terminal()


def test_every_command_writes_through_one_place():
    """Nothing in the command line calls print, click's own echo or a console of its own."""
    folder = Path(cvkit.cli.__file__).parent
    calls = [
        f"{file.name}:{node.lineno}: {ast.unparse(node.func)}"
        for file in folder.glob("*.py")
        if file.name != "terminal.py"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func)
        in ("print", "click.echo", "click.secho", "click.style", "Console", "sys.stdout.write")
    ]
    assert calls == []


def test_commands_that_are_shown_are_quoted():
    """No text of the package puts a path or a name into a command without `shell_words`."""
    package = Path(cvkit.cli.__file__).parents[1]
    unquoted = [
        f"{file.relative_to(package)}:{node.lineno}"
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.JoinedStr)
        for text, value in zip(node.values, node.values[1:], strict=False)
        if isinstance(text, ast.Constant)
        and str(text.value).endswith(COMMANDS)
        and isinstance(value, ast.FormattedValue)
        and "shell_words" not in ast.unparse(value)
    ]
    assert unquoted == []
