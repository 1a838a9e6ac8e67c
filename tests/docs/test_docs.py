"""The pages say what the code does: hooks, settings, commands and links are held to it, and the examples run."""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest

import cvkit.folder
from cvkit import KINDS, Component, RecipeError, discover, hookspecs
from cvkit.cli import cli
from cvkit.recipe import describe, read, read_text, resolve
from cvkit.recipe.resolution import DEFAULT_PARTS, KEYS
from cvkit.recipe.scalars import read_scalar
from cvkit.recipe.schema import SECTIONS, GeneralSettings, Settings

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
READMES = sorted((ROOT / "plugins").glob("*/README.md"))
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS, *READMES]
HOOKS = {name: inspect.signature(hook) for name, hook in vars(hookspecs).items() if name.startswith("cvkit_")}
SETTINGS = {"Top level": GeneralSettings, **{f"`{key}`": kind for key, kind in SECTIONS.items()}}
LEAST = {"dataset": "shapes", "model": "custom_resnet", "optimizer": "sgd"}

any_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@pytest.fixture(scope="module")
def catalog():
    return discover()


def page_of(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def files_in(text: str) -> dict[str, str]:
    """Return the files that a page shows whole: a line with the name, then the block."""
    return dict(re.findall(r"^`([\w./-]+)`\n\n```\w+\n(.*?)^```$", text, re.M | re.S))


def section(text: str, title: str) -> str:
    """Return what stands under a heading, up to the next heading of any level."""
    return re.split(r"^#{1,6} ", text.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.M)[0]


def tables(text: str) -> list[list[list[str]]]:
    """Return every table as rows of cells, without backticks; the first row is the header."""
    found = []
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.M):
        rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in block.splitlines()]
        cells = [[cell.replace("`", "").replace("\\|", "|").strip() for cell in row] for row in rows]
        found.append([cells[0], *cells[2:]])
    return found


def code_lines(text: str) -> Iterator[str]:
    """Yield inline code, and the lines of blocks of commands."""
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S):
        if language in ("", "bash", "console", "sh"):
            yield from (line.removeprefix("$ ").strip() for line in block.splitlines())
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def calls_of(text: str, program: str) -> list[list[str]]:
    """Return the arguments of every call of `program` that a page shows."""
    lines = (line for line in code_lines(text) if line.startswith(f"{program} "))
    return [shlex.split(line, comments=True)[1:] for line in lines]


def in_python(code: str, folder: Path, *arguments: str) -> dict[str, Any]:
    """Run `code` in a process of its own, in `folder` and with it on the import path; return what it prints."""
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def write_files(files: dict[str, str], folder: Path) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")


# Hooks


def test_every_hook_is_documented_with_its_arguments():
    """The headings of hooks.md are the hook specifications, no more and no fewer."""
    headings = re.findall(r"^### `(\w+)\((.*)\)`$", page_of("hooks.md"), re.M)
    documented = {name: tuple(filter(None, arguments.split(", "))) for name, arguments in headings}
    assert documented == {name: tuple(signature.parameters) for name, signature in HOOKS.items()}


def test_hooks_page_names_no_unknown_hook():
    """Whatever looks like a hook's name is one."""
    assert set(re.findall(r"\bcvkit_\w+", page_of("hooks.md"))) <= HOOKS.keys()


def test_tables_of_kinds_match_the_kinds():
    """Both pages for plugin authors say what each kind's factory receives and returns as the code does."""
    factories = {kind.name: f"({', '.join(kind.receives)}, *, ...)" for kind in KINDS.values()}
    (by_name,) = [rows for header, *rows in tables(page_of("hooks.md")) if header[0] == "kind"]
    assert by_name == [[kind.name, factories[kind.name], kind.returns] for kind in KINDS.values()]
    (by_hook,) = [rows for header, *rows in tables(page_of("first-plugin.md")) if header[0] == "kind"]
    expected = [[kind.singular, kind.hook, factories[kind.name], kind.returns] for kind in KINDS.values()]
    assert by_hook == expected


def test_fields_of_a_component_are_documented():
    """The table of what a declaration may say lists the fields of `Component` in order."""
    (rows,) = [rows for header, *rows in tables(page_of("hooks.md")) if header[0] == "field of Component"]
    assert [row[0] for row in rows] == [field.name for field in fields(Component)]


# Recipes


@pytest.mark.parametrize(("title", "kind"), SETTINGS.items(), ids=[kind.__name__ for kind in SETTINGS.values()])
def test_settings_table_equals_the_schema(title: str, kind: type[Settings]):
    """Every setting is listed with its type in words, its default and its meaning."""
    (table,) = tables(section(page_of("recipes.md"), title))
    options = kind.options()
    documented = {name: (words, default, meaning) for name, words, default, meaning in table[1:]}
    assert list(documented) == list(options)
    for name, (words, default, meaning) in documented.items():
        assert words == describe(options[name].type)
        assert meaning == kind.model_fields[name].description
        expected = options[name].default
        if kind is GeneralSettings and name == "name":
            assert default == "the file's name"
        else:
            assert (() if default == "[]" else read_scalar(default)) == expected


def test_keys_table_lists_every_key():
    """The keys of a recipe are those the code knows, with the parts that have a default named."""
    rows = {key: required for key, _, required in tables(section(page_of("recipes.md"), "Keys"))[0][1:]}
    assert rows.keys() == {"extends", *KEYS}
    assert {key for key, required in rows.items() if required == "yes"} == LEAST.keys()
    assert {key: rows[key] for key in DEFAULT_PARTS} == {key: f"no, {id_}" for key, id_ in DEFAULT_PARTS.items()}


def test_run_folder_table_lists_every_file():
    """What a run folder holds is what its own module says."""
    rows = tables(section(page_of("recipes.md"), "The run folder"))[0][1:]
    assert [row[0] for row in rows] == re.findall(r"^([\w./]+)  ", inspect.getdoc(cvkit.folder) or "", re.M)


def test_example_of_mistakes_is_what_check_says(catalog):
    """The bad recipe gives the error shown below it, to the letter."""
    text = page_of("recipes.md")
    shown = text.split("`cvkit check bad.yaml`")[1].split("```text\n")[1].split("\n```")[0]
    with pytest.raises(RecipeError) as error:
        resolve(read_text(files_in(text)["bad.yaml"], file="bad.yaml"), catalog)
    assert str(error.value) == shown


@pytest.mark.parametrize("page", [ROOT / "docs" / "recipes.md", *READMES], ids=lambda page: page.parent.name)
def test_recipe_snippets_resolve(page: Path, catalog, tmp_path):
    """Every piece of a recipe that a page shows is good, once what it leaves out is added."""
    text = page.read_text(encoding="utf-8")
    shown: list[str] = re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    snippets = [block for block in shown if block not in files_in(text).values()]
    assert snippets
    for snippet in snippets:
        missing = [f"{key}={name}" for key, name in LEAST.items() if not re.search(rf"^{key}:", snippet, re.M)]
        place = ROOT / "recipes" / "snippet.yaml" if "extends:" in snippet else tmp_path / "snippet.yaml"
        resolve(read_text(snippet, [] if "extends:" in snippet else missing, file=str(place)), catalog)


@pytest.mark.parametrize("page", READMES, ids=lambda page: page.parent.name)
def test_plugin_readme_matches_its_components(page: Path, catalog):
    """A plugin's page names every component, and its option tables every option of theirs, in order."""
    text = page.read_text(encoding="utf-8")
    plugin = page.parent.name.removeprefix("cvkit_")
    entries = [entry for entry in catalog.entries() if entry.origin.plugin == plugin]
    for entry in entries:
        assert (f"`{plugin}/" if entry.component.is_family else f"`{entry.component.name}`") in text
    documented = [[row[0] for row in rows] for header, *rows in tables(text) if header[0] == "option"]
    if documented:
        assert sorted(documented) == sorted(list(entry.signature().options) for entry in entries)


def test_every_plugin_has_a_page():
    """A plugin package without a README is unfinished."""
    assert {page.parent for page in READMES} == {file.parent for file in (ROOT / "plugins").glob("*/__init__.py")}


def test_architecture_lists_every_file():
    """The floors name each module of the core and of the engine, and no other; packages stand for their files."""
    listed = re.findall(r"^  ([\w/]+(?:\.py|/)) ", page_of("architecture.md"), re.M)
    core = ROOT / "cvkit"
    packages = {f"{file.parent.name}/" for file in core.glob("*/__init__.py")} - {"engine/"}
    modules = {file.name for file in core.glob("*.py")} - {"__main__.py"}
    engine = {f"engine/{file.name}" for file in (core / "engine").glob("*.py")} - {"engine/__init__.py"}
    assert sorted(listed) == sorted(packages | modules | engine)


# Commands and links


@any_page
def test_commands_exist(page: Path):
    """Every `cvkit ...` shown is a command, and its options are options of it."""
    for arguments in calls_of(page.read_text(encoding="utf-8"), "cvkit"):
        command: click.Command = cli
        for word in arguments:
            if isinstance(command, click.Group) and not word.startswith("-"):
                found = command.get_command(click.Context(command), word)
                assert found is not None, f"cvkit {' '.join(arguments)}"
                command = found
        known = {option for parameter in command.params for option in parameter.opts} | {"-h", "--help", "--version"}
        assert {word for word in arguments if word.startswith("--")} <= known, f"cvkit {' '.join(arguments)}"


@any_page
def test_commands_on_recipes_resolve(page: Path, catalog):
    """The recipes that pages run are there, and what they are told by `--set` is accepted."""
    text = page.read_text(encoding="utf-8")
    assert all((ROOT / name).is_file() for name in re.findall(r"\brecipes/[\w-]+\.yaml", text))
    for arguments in calls_of(text, "cvkit"):
        if arguments[0] in ("run", "check") and arguments[1:] and arguments[1].startswith("recipes/"):
            overrides = [value for flag, value in pairwise(arguments) if flag == "--set"]
            resolve(read(ROOT / arguments[1], overrides), catalog)


@any_page
def test_make_targets_exist(page: Path):
    """Every `make ...` shown is a target of the Makefile."""
    shown = {target for call in calls_of(page.read_text(encoding="utf-8"), "make") for target in call}
    if shown:
        targets = re.findall(r"^([\w.-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
        assert shown <= set(targets)


@any_page
def test_relative_links_resolve(page: Path):
    """Links lead to files that are there, and to headings that are in them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    links = [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r"(?:src|href)=\"([^\"]+)\"", text)]
    for link in links:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.M)
            assert anchor in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}, link


@any_page
def test_nobody_is_told_to_install_another_project(page: Path):
    """The name `cvkit` on the package index is not ours; the distribution is cvkit-core."""
    assert not re.search(r"pip3? install (-\S+ )*cvkit(?![\w-])", page.read_text(encoding="utf-8"))


# The examples at work

FIRST_PLUGIN = """
import importlib, json, sys
from importlib.metadata import entry_points
plugin = importlib.import_module(sys.argv[1])
light = not {"torch", "numpy"} & set(sys.modules)

from pathlib import Path
import torch
from cvkit.engine.run import Run, Step
from cvkit.plugins import catalog_of
from cvkit.recipe import read, resolve
torch.set_num_threads(1)
catalog = catalog_of({"acme": plugin} | {point.name: point.load() for point in entry_points(group="cvkit")})
small = ["train.epochs=1", "train.batch_size=32", "dataset.train_size=200", "dataset.test_size=50", "model.width=4"]
recipe = resolve(read("acme.yaml", small), catalog)
run = Run(recipe, recipe.dataset.build(Path("data")))
*steps, record = run.fit()
(explainer,) = [part.build(run.trained_model) for part in recipe.explainers]
maps = explainer(torch.randn(2, 3, 32, 32), torch.tensor([0, 1]))
print(json.dumps({
    "light": light,
    "model": recipe.model.entry.id,
    "steps": sum(isinstance(step, Step) for step in steps),
    "losses": record.step_losses,
    "maps": list(maps.shape),
}))
"""

EVERY_HOOK = """
import importlib, json
from pathlib import Path
import torch
from cvkit import Record, Run
from cvkit.folder import RunFolder
from cvkit.plugins import catalog_of
from cvkit.recipe import read, resolve
from cvkit.session import Session
torch.set_num_threads(1)
catalog = catalog_of({"acme": importlib.import_module("acme_parts")})
recipe = resolve(read("parts.yaml"), catalog)
data = Path("data")
run = Run(recipe, recipe.dataset.build(data))
session = Session(run, RunFolder.create(Path("runs"), recipe.name), data, catalog)
session.start()
proposals = [proposal.value for _, proposal in session.tune()]
records = [event for event in session.train() if isinstance(event, Record)]
report = session.report()
print(json.dumps({
    "kinds": sorted(entry.kind.name for entry in catalog.entries()),
    "proposals": proposals,
    "accuracy": records[-1].test_accuracy,
    "warnings": session.warnings,
    "files": sorted(path.name for path in session.folder.path.iterdir()),
    "log": (session.folder.path / "acme.log").read_text(),
}))
"""


def test_first_plugin_trains(tmp_path):
    """The package that first-plugin.md shows, taken from the page, is declared, resolved, trained and explained."""
    files = files_in(page_of("first-plugin.md"))
    write_files(files, tmp_path)
    project = tomllib.loads(files["pyproject.toml"])["project"]
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["dependencies"] == [ours["name"]]
    result = in_python(FIRST_PLUGIN, tmp_path, project["entry-points"]["cvkit"]["acme"])
    assert result["light"], "the declaration loads torch or numpy"
    assert result["model"] == "acme/small_cnn"
    assert result["steps"] == len(result["losses"]) == 200 // 32
    assert result["maps"] == [2, 32, 32]


def test_example_of_every_hook_runs(tmp_path):
    """The plugin of hooks.md offers every kind, and a run made of it alone learns, is observed and reported."""
    write_files(files_in(page_of("hooks.md")), tmp_path)
    result = in_python(EVERY_HOOK, tmp_path)
    assert result["kinds"] == sorted(KINDS)
    assert result["proposals"] in ([0.001], [0.01], [0.1])
    assert result["accuracy"] > 0.9
    assert result["warnings"] == []
    assert {"report.html", "predictions.csv", "tuning.json"} <= set(result["files"])
    assert result["log"].startswith("epoch 1: ")
