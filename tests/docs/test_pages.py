"""Every page: the commands, recipes, targets and links it shows are there."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import click
import pytest

from cvkit.cli import cli
from cvkit.recipe import read, resolve

ROOT = Path(__file__).parents[2]
READMES = sorted((ROOT / "plugins").glob("*/README.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), *READMES]

any_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


@any_page
def test_commands_exist(path: Path, page):
    """Every `cvkit ...` shown is a command, and its options are options of it."""
    own = re.findall(r'yield Command\("([\w-]+)"', page(path).text)  # commands that the page itself adds
    for arguments in page(path).calls_of("cvkit"):
        if arguments[0] in own:
            continue
        command: click.Command = cli
        for word in arguments:
            if isinstance(command, click.Group) and not word.startswith("-"):
                found = command.get_command(click.Context(command), word)
                assert found is not None, f"cvkit {' '.join(arguments)}"
                command = found
        known = {option for parameter in command.params for option in parameter.opts} | {"-h", "--help", "--version"}
        assert {word for word in arguments if word.startswith("--")} <= known, f"cvkit {' '.join(arguments)}"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("explain.md", ["explain"]),
        ("tutorials/your-own-photos.md", ["new"]),
        ("serve.md", ["serve"]),
        ("decline.md", ["calibrate"]),
        ("large-sets.md", ["data", "pack"]),
    ],
)
def test_table_of_options_has_the_options_of_its_command(name, words, page):
    """Each is one of the command, and those on the pages of `explain`, `new` and `serve` are all of them."""
    command: click.Command = cli
    for word in words:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    known = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
    rows = [row[0] for header, *rows in page(name).tables() if header[0] == "option" for row in rows]
    documented = {option for cell in rows for option in re.findall(r"--[a-z-]+", cell)}
    assert documented <= known
    if words[0] in ("explain", "new", "serve"):
        assert known - documented <= {"--data", "--no-plugin", "--plugin-path"}


@any_page
def test_commands_on_recipes_resolve(path: Path, page, catalog):
    """The recipes that pages run are there, and what `--set` gives them is accepted."""
    shown = page(path)
    assert all((ROOT / name).is_file() for name in re.findall(r"\brecipes/[\w-]+\.yaml", shown.text))
    for arguments in shown.calls_of("cvkit"):
        if arguments[0] in ("run", "check") and arguments[1:] and arguments[1].startswith("recipes/"):
            overrides = [value for flag, value in pairwise(arguments) if flag == "--set"]
            resolve(read(ROOT / arguments[1], overrides), catalog)


@any_page
def test_make_targets_exist(path: Path, page):
    """Every `make ...` shown is a target of the Makefile."""
    shown = {target for call in page(path).calls_of("make") for target in call}
    if shown:
        targets = re.findall(r"^([\w.-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
        assert shown <= set(targets)


@any_page
def test_relative_links_resolve(path: Path, page):
    """Links lead to files that are there, and to headings that are in them."""
    prose = page(path).prose
    links = [*re.findall(r"\]\(([^)\s]+)\)", prose), *re.findall(r"(?:src|href)=\"([^\"]+)\"", prose)]
    for link in links:
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.*)$", page(target).prose, re.M)
            assert anchor in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}, link


@any_page
def test_nobody_is_told_to_install_another_project(path: Path, page):
    """The name `cvkit` on the package index is not ours; the distribution is cvkit-core."""
    assert not re.search(r"pip3? install (-\S+ )*cvkit(?![\w-])", page(path).text)


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.parent.name)
def test_plugin_readme_matches_its_components(path: Path, page, catalog):
    """A plugin's page names every component, and its option tables every option of theirs, in order.

    Components of the same options may share a table.
    """
    readme = page(path)
    plugin = path.parent.name.removeprefix("cvkit_")
    entries = [entry for entry in catalog.entries() if entry.origin.plugin == plugin]
    for entry in entries:
        assert (f"`{plugin}/" if entry.component.is_family else f"`{entry.component.name}`") in readme.text
    documented = {tuple(row[0] for row in rows) for header, *rows in readme.tables() if header[0] == "option"}
    if documented:
        assert documented == {tuple(options) for entry in entries if (options := entry.signature().options)}


def test_every_plugin_has_a_page():
    """A plugin package without a README is unfinished."""
    assert {path.parent for path in READMES} == {file.parent for file in (ROOT / "plugins").glob("*/__init__.py")}


def test_architecture_lists_every_file(page):
    """The floors name each module of the core and of the engine, and no other; packages stand for their files."""
    listed = re.findall(r"^  ([\w/]+(?:\.py|/)) ", page("architecture.md").text, re.M)
    core = ROOT / "cvkit"
    packages = {f"{file.parent.name}/" for file in core.glob("*/__init__.py")} - {"engine/"}
    modules = {file.name for file in core.glob("*.py")} - {"__main__.py"}
    engine = {f"engine/{file.name}" for file in (core / "engine").glob("*.py")} - {"engine/__init__.py"}
    assert sorted(listed) == sorted(packages | modules | engine)
