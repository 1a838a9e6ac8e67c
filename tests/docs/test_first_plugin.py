"""The page on a first plugin: followed to the letter where nothing but cvkit is installed, and counted."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cvkit.signatures.static_types import evaluate

COMMANDS, LINES = 10, 15
NUMBERS = {7: "seven", 8: "eight", 9: "nine", 10: "ten", 11: "eleven", 13: "thirteen", 14: "fourteen", 15: "fifteen"}


@pytest.fixture
def first(page):
    return page("first-plugin.md")


def test_first_plugin_works_as_written(first, follow_elsewhere):
    """From nothing to a model that is installed, listed, trained and tested."""
    folder = follow_elsewhere(first)
    assert list(folder.glob("cvkit-all-conv/runs/*/report.html"))


def test_first_plugin_is_short(first):
    """It takes no more commands, and no more lines of the author's own, than it should and than it says."""
    commands = len(first.commands())
    lines = sum(own_lines(block) for block in first.blocks() if block.name)
    assert commands <= COMMANDS
    assert lines <= LINES
    said = " ".join(first.text.split())
    assert f"{NUMBERS[commands]} commands" in said
    assert f"{NUMBERS[lines]} lines" in said


def own_lines(block) -> int:
    """Count the lines of code that an author writes for a block: no blank lines, no comments, no docstrings."""
    if block.language == "diff":
        lines = [line[1:] for line in block.text.splitlines() if line.startswith("+")]
    else:
        lines = block.text.splitlines()
    if block.language == "python":
        for node in ast.walk(ast.parse(block.text)):
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
                first = node.body[0]
                lines[first.lineno - 1 : first.end_lineno] = [""] * (first.end_lineno - first.lineno + 1)
    return sum(bool(text := line.strip()) and not text.startswith("#") for line in lines)


def test_annotations_can_be_read(first):
    """Whatever the table says is understood is understood, without importing anything."""
    (rows,) = first.tables("The one convention")
    shown = re.findall(r"`([^`]+)`", first.section("The one convention").partition("| --- |")[2])
    placed = [code.replace("\\|", "|").replace("X", "int").replace("Y", "str") for code in shown]
    types = [code for code in placed if re.match(r"[A-Z]\w+(\[[^.]|$)|(int|float|bool|str|list|tuple|dict)\b", code)]
    assert len(types) >= len(rows)
    for code in types:
        assert evaluate(ast.parse(code, mode="eval").body, lambda name: None) is not Any, code


MODULE = '''
from cvkit import Component, hookimpl
from pydantic import PositiveInt


@hookimpl
def cvkit_models():
    yield Component("all_conv", "acme_net:all_conv", "Convolutions")


def all_conv(info, *, width: PositiveInt = 16):
    """Build nothing, as nothing here is run."""
'''
POINTS = "[cvkit]\nacme = acme_net\n"
RECIPE = "dataset: shapes\nmodel: {name: all_conv, width: 8}\noptimizer: sgd\n"
MISTAKES = {
    "no import": {"from cvkit": "import nosuchthing\nfrom cvkit"},
    "hook": {"def cvkit_models": "def cvkit_model"},
    "no mark": {"@hookimpl\n": ""},
    "name": {'"all_conv"': '"AllConv"'},
    "heavy": {"from cvkit": "import torch\nfrom cvkit"},
    "not listed": {"[cvkit]": "[cvkit.plugins]"},
    "target": {"acme_net:all_conv": "acme_net:al_conv"},
    "no star": {"info, *, width": "info, width"},
    "name in a recipe": {"name: all_conv": "name: al_conv"},
    "option in a recipe": {"width: 8": "wdth: 8"},
    "value in a recipe": {"width: 8": "width: -1"},
    "two plugins": {'"all_conv"': '"custom_resnet"', "name: all_conv": "name: custom_resnet"},
}
"""What is written instead of what should be, in the order of the page's table."""


def test_every_mistake_is_tried(first):
    """The table has as many rows as there are mistakes here; each is held to what its row says."""
    assert len(mistakes(first)) == len(MISTAKES)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_told_as_the_page_says(first, mistake, tmp_path):
    """The command in the table says what the table says."""
    written = {"acme_net.py": MODULE, "acme_net-1.0.dist-info/entry_points.txt": POINTS, "recipe.yaml": RECIPE}
    metadata = {"acme_net-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme-net\nVersion: 1.0\n"}
    for name, text in {**written, **metadata}.items():
        for right, wrong in MISTAKES[mistake].items():
            text = text.replace(right, wrong)
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    command, *said = mistakes(first)[[*MISTAKES].index(mistake)]
    arguments = [*command.split()[1:], *(["recipe.yaml"] if command == "cvkit check" else [])]
    told = said_by(arguments, tmp_path)
    assert all(text in told for text in said), told
    assert "Traceback" not in told


def mistakes(page) -> list[list[str]]:
    """Return the rows of the table: the command that says what happened, and what it says, piece by piece."""
    rows = re.findall(r"^\| .+? \| `(cvkit .+?)`(.*) \|$", page.section("When something is wrong"), re.M)
    return [[command, *re.findall(r"`([^`]+)`", rest)] for command, rest in rows]


def said_by(arguments: list[str], folder: Path) -> str:
    """Return what ``cvkit`` writes in a process of its own that has the packages in `folder`."""
    done = subprocess.run(
        [sys.executable, "-m", "cvkit", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.stdout
