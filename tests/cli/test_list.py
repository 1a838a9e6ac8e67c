"""``cvkit list``: what recipes can name."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from cvkit import KINDS
from cvkit.plugins import discover

ENTRIES = list(discover().entries())


def test_list_shows_every_component_in_a_line(cvkit):
    """Kind, full id, distribution with version and summary, a line each."""
    answer = cvkit("list")
    assert (answer.code, answer.err) == (0, "")
    header, *lines = answer.out.splitlines()
    assert header.split() == ["kind", "name", "from", "what", "it", "is"]
    assert len(lines) == len(ENTRIES)
    for line, entry in zip(lines, ENTRIES, strict=True):
        words = [entry.kind.singular, entry.id, f"cvkit-core {entry.origin.version}", entry.component.summary]
        assert " ".join(line.split()) == " ".join(words)


def test_list_in_a_pipe_is_plain_and_never_wraps(cvkit, monkeypatch):
    """Lines stay whole and without colour however narrow the terminal is said to be, so that grep works."""
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = cvkit("list").out
    assert "\x1b" not in out
    assert "kornia/horizontal_flip" in out
    assert max(map(len, out.splitlines())) > 80
    assert all(line == line.rstrip() for line in out.splitlines())


@pytest.mark.parametrize("kind", KINDS)
def test_list_of_one_kind_shows_only_that(cvkit, kind):
    """The kinds are named as in the hooks."""
    header, *lines = cvkit("list", kind).out.splitlines()
    assert header.startswith("kind")
    assert len(lines) == len([entry for entry in ENTRIES if entry.kind.name == kind]) > 0
    assert all(line.startswith(KINDS[kind].singular + "  ") for line in lines)


def test_list_of_an_unknown_kind_names_the_kinds(cvkit):
    """A singular, or a slip, is answered with what there is."""
    answer = cvkit("list", "model")
    assert answer.code == 2
    assert "'model' is not one of 'datasets', 'augmentations', 'models'" in answer.err
    assert answer.out == ""


def test_list_as_json_is_complete(cvkit):
    """Every component with every field, for programs."""
    rows = json.loads(cvkit("list", "--json").out)
    assert [row["id"] for row in rows] == [entry.id for entry in ENTRIES]
    (kornia,) = [row for row in rows if row["id"] == "kornia/*"]
    assert kornia == {
        "kind": "augmentations",
        "id": "kornia/*",
        "family": True,
        "summary": "Any geometric or intensity augmentation of Kornia, by its class name",
        "plugin": "kornia",
        "distribution": "cvkit-core",
        "version": kornia["version"],
    }
    assert all(row.keys() == kornia.keys() for row in rows)


def test_list_as_json_of_one_kind_is_valid(cvkit):
    """The kind and the format go together in either order."""
    rows = json.loads(cvkit("list", "losses", "--json").out)
    assert {row["kind"] for row in rows} == {"losses"}
    assert rows == json.loads(cvkit("list", "--json", "losses").out)


def test_list_tells_of_a_broken_plugin_beside_the_others(cvkit, broken_plugin):
    """The list is whole, JSON stays JSON, and stderr has one line for what does not work."""
    answer = cvkit("list", "--json")
    assert answer.code == 0
    assert len(json.loads(answer.out)) == len(ENTRIES)
    assert answer.err == f"warning: {broken_plugin}\n"


def test_list_survives_a_closed_pipe():
    """``cvkit list | head -1`` ends without a traceback."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cvkit", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.wait()


def test_list_on_a_terminal_is_a_table():
    """A terminal gets a table that fits it, with every name unbroken."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "72", "TERM": "xterm"}
    with subprocess.Popen([sys.executable, "-m", "cvkit", "list"], stdout=theirs, env=environment):
        os.close(theirs)
        out = b""
        while chunk := _read(ours):
            out += chunk
    os.close(ours)
    text = out.decode()
    assert "───" in text
    assert all(entry.id in text for entry in ENTRIES)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that the other side has closed
        return b""
