"""Pages: what they show, and a walk through one that does what it says, to the letter."""

from __future__ import annotations

import contextlib
import importlib
import io
import itertools
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from forks import Command

from cvkit import Catalog, discover
from cvkit.cli import main

ROOT = Path(__file__).parents[2]
OFFLINE = ["--no-index", "--no-deps", "--no-build-isolation"]
Call = Callable[[list[str], Path], tuple[int, str]]
"""Runs a command in a folder; returns its exit code and what it wrote."""


class Block(NamedTuple):
    """A fenced block: the file it is, if a line with its name stands before, its language, and the text."""

    name: str
    language: str
    text: str


@dataclass(frozen=True)
class Page:
    """A page of the documentation."""

    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def blocks(self) -> Iterator[Block]:
        found = re.findall(r"(?:^`([\w./-]+)`\n\n)?^```(\w*)\n(.*?)^```$", self.text, re.M | re.S)
        return itertools.starmap(Block, found)

    def files(self) -> dict[str, str]:
        """Return the files that the page shows whole."""
        return {block.name: block.text for block in self.blocks() if block.name and block.language != "diff"}

    def commands(self) -> list[str]:
        """Return the lines of the blocks of commands."""
        return [line for block in self.blocks() if block.language == "console" for line in block.text.splitlines()]

    def code(self) -> Iterator[str]:
        """Yield inline code, and the lines of blocks of commands."""
        for block in self.blocks():
            if block.language in ("", "bash", "console", "sh"):
                yield from (line.removeprefix("$ ").strip() for line in block.text.splitlines())
        yield from re.findall(r"`([^`\n]+)`", self.prose)

    def calls_of(self, program: str) -> list[list[str]]:
        """Return the arguments of every call of `program` that the page shows."""
        return [shlex.split(line, comments=True)[1:] for line in self.code() if line.startswith(f"{program} ")]

    @property
    def prose(self) -> str:
        """The page without its blocks."""
        return re.sub(r"^```.*?^```", "", self.text, flags=re.M | re.S)

    def section(self, title: str) -> str:
        """Return what stands under a heading, up to the next heading of any level."""
        return re.split(r"^#{1,6} ", self.text.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.M)[0]

    def tables(self, title: str = "") -> list[list[list[str]]]:
        """Return every table, or those under a heading, as rows of cells without backticks; the header first."""
        found = []
        for block in re.findall(r"(?:^\|.*\|\n)+", self.section(title) if title else self.text, re.M):
            rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in block.splitlines()]
            cells = [[cell.replace("`", "").replace("\\|", "|").strip() for cell in row] for row in rows]
            found.append([cells[0], *cells[2:]])
        return found


def follow(page: Page, folder: Path, call: Call) -> None:
    """Do what a page says: write its files, make its edits, run its commands, and hold it to the output it shows.

    Numbers may differ, and a line ``...`` stands for any. A command may fail only where its output is shown.
    """
    place, code, said = folder, 0, ""
    for block in page.blocks():
        if block.name:
            write(place / block.name, block)
        elif block.language == "console":
            said = ""
            for line in block.text.splitlines():
                assert code == 0, said
                if line.startswith("cd "):
                    place /= line.removeprefix("cd ")
                else:
                    code, output = call(shlex.split(line), place)
                    said += output
        elif block.language == "text":
            said = said.replace(str(folder.resolve()), "/home/you")
            assert shows(block.text, said), f"{page.path.name} shows:\n{block.text}\nit is:\n{said}"
            code = 0
    assert code == 0, said


def write(path: Path, block: Block) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = block.language != "diff"
    path.write_text(block.text if whole else edited(path.read_text(encoding="utf-8"), block.text), encoding="utf-8")


def edited(text: str, diff: str) -> str:
    """Return `text` with the lines of a diff that begin with ``-`` replaced, hunk by hunk, by those with ``+``."""
    for hunk in diff.split("@@\n"):
        lines = [(line[:1] or " ", f"{line[1:]}\n") for line in hunk.splitlines()]
        before = "".join(line for mark, line in lines if mark != "+")
        after = "".join(line for mark, line in lines if mark != "-")
        assert text.count(before) == 1, f"not there once:\n{before}"
        text = text.replace(before, after)
    return text


def comparable(text: str) -> str:
    """Return `text` with its numbers as 0, runs of blanks, rules and dots as one, and no blank lines.

    How many checks a suite has passed is left as it is. The estimate of a run's time is left out: whether there is
    one depends on how fast the machine is.
    """
    text = re.sub(r"(?<= in )([\d.]+s) \(\d+:\d+:\d+\)", r"\1", text)  # pytest's, of more than a minute
    text = re.sub(r"(?m)^the (rest of the |whole )?(training|run) will take about .*\n", "", text)
    number = re.compile(r"\d+(?:[.,]\d+)*(?:e[-+]?\d+)?")
    lines = (line if "::" in line else number.sub("0", line) for line in text.splitlines())
    return "\n".join(filter(None, (re.sub(r"([ =_-])\1+|\.{4,}", r"\1", line).strip() for line in lines)))


def shows(shown: str, said: str) -> bool:
    """Whether `said` is what is shown, but for numbers, and for whatever stands in the place of a line ``...``."""
    lines = [re.escape(line) if line != "..." else ".*" for line in comparable(shown).splitlines()]
    return re.fullmatch("\n".join(lines), comparable(said), re.S) is not None


class Environment:
    """A virtual environment that sees every package of the running one, and those that are installed into it.

    ``cvkit``, ``pytest`` and ``pip`` are on its path. ``pip install`` is as one types it, but for `OFFLINE`: all that
    a plugin depends on, and what builds it, is the running environment's.
    """

    programs = {
        "cvkit": "from cvkit.cli import main",
        "pytest": "from pytest import console_main as main",
        "pip": f"from pip._internal.cli.main import main\nsys.argv[2:2] = {OFFLINE}",
    }

    def __init__(self, folder: Path) -> None:
        venv.create(folder, symlinks=True)
        home = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
        seen = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        # As a folder of packages, not only a place to import from: its own .pth files count, as of editable installs.
        lines = [f"import site; site.addsitedir({path!r})\n" for path in sorted(seen)]
        Path(home, "running_environment.pth").write_text("".join(lines))
        self.bin = folder / "bin"
        for name, load in self.programs.items():
            program = self.bin / name
            program.write_text(f"#!{self.bin / 'python'}\nimport sys\n{load}\nsys.exit(main())\n")
            program.chmod(0o755)

    def call(self, words: list[str], folder: Path) -> tuple[int, str]:
        path = os.pathsep.join([str(self.bin), os.environ["PATH"]])
        variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return finished(words, folder, variables | {"PATH": path})


def in_process(words: list[str], folder: Path) -> tuple[int, str]:
    """Run ``cvkit`` here and ``pytest`` in a fork, to save the seconds of loading torch; run Python afresh."""
    if words[0] == "cvkit":
        said = io.StringIO()
        output = contextlib.redirect_stdout(said), contextlib.redirect_stderr(said)
        with contextlib.chdir(folder), as_if_alone(words), output[0], output[1], pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, said.getvalue()
    if words[0] == "pytest":
        done = Command(*words[1:], cwd=folder, program=lambda: sys.exit(pytest.main()))
        ended = done.finish()
        return ended.returncode, ended.stdout + ended.stderr
    arguments = words[1:] if words[0] == "python" else ["-m", *words]
    return finished([sys.executable, *arguments], folder, os.environ)


@contextlib.contextmanager
def as_if_alone(words: list[str]) -> Iterator[None]:
    """Set the command line, one thread; afterwards forget the modules and places of import that were added."""
    argv, path, modules, threads = sys.argv, [*sys.path], {*sys.modules}, torch.get_num_threads()
    sys.argv = words
    torch.set_num_threads(1)
    try:
        yield
    finally:
        for name in {*sys.modules} - modules:
            if name.startswith("my_"):
                del sys.modules[name]
        sys.argv, sys.path[:] = argv, path
        torch.set_num_threads(threads)


def finished(command: list[str], folder: Path, variables: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**variables, "OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "10000"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return discover()


@pytest.fixture(scope="session")
def page() -> Callable[[str | Path], Page]:
    """A page by its place in ``docs/``, or by its whole path."""
    return lambda name: Page(ROOT / "docs" / name)


@pytest.fixture
def follow_here(tmp_path) -> Callable[[Page], Path]:
    """Do what a page says in an empty folder, and return that."""

    def follow_page(page: Page) -> Path:
        follow(page, tmp_path, in_process)
        return tmp_path

    return follow_page


@pytest.fixture
def follow_elsewhere(tmp_path) -> Callable[[Page], Path]:
    """Do what a page says in an empty folder, where plugins can be installed, and return the folder."""
    environment = Environment(tmp_path / "environment")
    folder = tmp_path / "you"
    folder.mkdir()

    def follow_page(page: Page) -> Path:
        follow(page, folder, environment.call)
        return folder

    return follow_page


@pytest.fixture
def benchmark_module(monkeypatch) -> Iterator[Callable[[str], Any]]:
    """Return a function that imports a file of benchmarks/; these modules are forgotten afterwards."""
    folder, before = ROOT / "benchmarks", set(sys.modules)
    monkeypatch.syspath_prepend(str(folder))
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
