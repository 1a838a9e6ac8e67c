"""Generate docs/components.md and docs/reference.md from the code.

Run it with `python docs/generate.py` or `make docs`.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click

import cvkit
from cvkit import KINDS, Component, Kind, discover, errors, testing
from cvkit.cli import cli
from cvkit.host import hookspecs
from cvkit.host.discovery import DISABLE
from cvkit.host.entry_points import GROUP
from cvkit.host.registry import Entry
from cvkit.host.validation import hooks
from cvkit.kinds import load
from cvkit.recipe import describe
from cvkit.signatures.docstring import parse_docstring
from cvkit.signatures.signature import Option

HOME = Path(__file__).parent
BUILT_IN = "cvkit-core"
MET = (
    *(
        "DataInfo",
        "Splits",
        "Split",
        "TensorSplit",
        "Framing",
        "DataAccount",
        "Labels",
        "Background",
        "TrainingOutputs",
        "StepPlan",
        "Goals",
        "Progress",
        "GlobalBatch",
        "Phase",
    ),
    *("Decision", "Trial", "Proposal", "EpochRecord", "Predictions", "MultiLabelPredictions"),
    *("Exporter", "ModelToExport", "Command", "Observer", "Section", "Finding", "Table", "Figure", "Gallery", "Card"),
)
"""The classes that factories receive or return, beside those of torch."""
HELPERS = (
    "read_input",
    "render_figure",
    "thumbnail",
    "progress",
    "global_batch",
    "phase",
    "derive",
    "permutation",
    "preserved_randomness",
    "seed_everything",
    "eval_mode",
    "orthogonalised",
    "usual_range",
    "keep_freed_memory",
)
COMMANDS = ("list", "info", "plugins", "schema", "new-plugin", "add")
CHOOSING = ("--no-plugin", "--plugin-path")


def components() -> str:
    """Return the text of components.md: every built-in component with its options."""
    lines = [
        "# Components",
        "",
        "This page lists every component that comes with cvkit. `make docs` generates it from the code. "
        "`cvkit list` and `cvkit info ID` print the same for every installed plugin.",
    ]
    catalog = discover(distributions=[BUILT_IN])
    for kind in KINDS.values():
        lines += ["", f"## {kind.name.capitalize()}", "", f"Each factory returns {kind.returns}."]
        for entry in catalog[kind.name].entries():
            lines += ["", *describe_entry(entry)]
    return "\n".join(lines) + "\n"


def describe_entry(entry: Entry) -> list[str]:
    """Return the section of a component: summary, options, documentation."""
    signature = entry.signature()
    lines = [f"### `{entry.id}`", "", f"{entry.component.summary}."]
    if entry.component.is_family:
        lines += ["", f"{len(entry.members()):,} members, by name."]
    documentation = parse_docstring(signature.doc.replace("``", "`"))
    texts = documentation.parameters if documentation.has_sections else {}
    if signature.options:
        rows = [option_row(option, texts.get(option.name, "")) for option in signature.options.values()]
        lines += ["", *table(["option", "type", "default", "meaning"], rows)]
    # The first paragraph says what the factory does, as the summary above does.
    lines += ["", documentation.description] if documentation.description else []
    lines += ["", f"Returns: {documentation.returns}"] if documentation.returns else []
    for error, text in documentation.raises:
        lines += ["", f"Raises `{error}`: {text}"]
    return lines


def option_row(option: Option, text: str) -> list[str]:
    """Return the row of an option: its type, its default as a recipe writes it, and what it does."""
    default = "required" if option.required else f"`{json.dumps(option.default)}`"
    return [f"`{option.name}`", describe(option.type), default, text]


def reference() -> str:
    """Return the text of reference.md: the interface between cvkit and plugins."""
    lines = [
        "# Reference",
        "",
        "This page lists what a plugin can declare, what it receives, and which checks it must pass. `make docs` "
        "generates it from the code. [Your first plugin](first-plugin.md) and the [tutorials](tutorials/README.md) "
        "explain how to use it.",
        "",
        f"A plugin is a module in the entry-point group `{GROUP}` of an installed distribution, or a file, a package "
        "or a project given with `--plugin-path`. It contains hook implementations, marked with `hookimpl`, and may "
        "set `cvkit_requires` ([versions](versioning.md#what-a-plugin-needs)).",
        "",
        "## Kinds",
        "",
        "Each kind has a hook, a type for its factory, and a contract suite in `cvkit.testing`. Every suite has "
        "these checks:",
        "",
        *describe_suite(testing.Suite, object),
    ]
    for kind in KINDS.values():
        lines += ["", *describe_kind(kind)]
    lines += ["", "## Component", "", *describe_component()]
    lines += ["", "## Hooks", "", "An implementation receives, by name, the arguments that it declares."]
    for name, arguments in hooks().items():
        lines += ["", f"### `{name}({', '.join(arguments)})`", "", doc(getattr(hookspecs, name))]
    lines += ["", "## Values", "", "Factories receive or return these classes. `cvkit` exports them."]
    for name in MET:
        lines += ["", *describe_class(getattr(cvkit, name))]
    functions = [getattr(cvkit, name) for name in HELPERS]
    rows = [[f"`{function.__name__}{bare(function)}`", first(function)] for function in functions]
    lines += ["", "## Functions", "", *table(["function", "what it does"], rows)]
    lines += ["", "## Errors", "", *describe_errors()]
    lines += ["", "## Command line", "", *describe_commands()]
    return "\n".join(lines) + "\n"


def describe_kind(kind: Kind) -> Iterator[str]:
    """Yield the section of a kind: its hook, the types of its factory and result, and its checks."""
    yield from (
        f"### `{kind.name}`",
        "",
        f"Declare them with the hook `{kind.hook}`. A factory returns {kind.returns}.",
    )
    for protocol in map(load, (kind.factory, *kind.products)):
        name = protocol.__name__
        if "__call__" not in vars(protocol):
            yield from ("", f"`{name}`: {doc(protocol)}", "", *table(["method", "what it does"], methods(protocol)))
            continue
        call = str(inspect.signature(protocol.__call__)).replace("'", "").replace("self, ", "")
        yield from ("", f"`{name}`: {doc(protocol)}", "", "```python", *stub(name, call), "```")
    yield ""
    yield from describe_suite(load(kind.suite), testing.Suite)


def methods(kind: type) -> list[list[str]]:
    """Return a row for each public method of a class."""
    own = [member for name, member in vars(kind).items() if inspect.isfunction(member) and not name.startswith("_")]
    return [[f"`{function.__name__}{bare(function)}`", first(function)] for function in own]


def stub(name: str, call: str) -> list[str]:
    """Return the lines of a function without a body, broken as the formatter breaks them."""
    line = f"def {name}{call}: ..."
    if len(line) <= 118:
        return [line]
    arguments, _, returned = call.rpartition(" -> ")
    return [f"def {name}(", f"    {arguments[1:-1]}", f") -> {returned}: ..."]


def describe_suite(suite: type[testing.Suite], parent: type) -> Iterator[str]:
    """Yield the documentation of a suite and its checks, without the checks of its parent."""
    own = [f"test_{name}" for name in suite.checks() if not hasattr(parent, f"test_{name}")]
    order = sorted(own, key=lambda name: inspect.getsourcelines(getattr(suite, name))[1])
    yield from (f"`{suite.__name__}`: {doc(suite)}", "")
    yield from table(["check", "what it checks"], [[f"`{name[5:]}`", first(getattr(suite, name))] for name in order])


def describe_component() -> Iterator[str]:
    """Yield the fields of `Component`, each with its default and its meaning from the docstring."""
    documentation = parse_docstring((Component.__doc__ or "").replace("``", "`"))
    yield from (documentation.summary, "")
    for field in fields(Component):
        made = field.default if field.default_factory is MISSING else field.default_factory()
        default = "required" if made is MISSING else f"default `{made!r}`"
        yield f"- `{field.name}` ({default}): {documentation.parameters[field.name]}"


def describe_class(kind: type) -> Iterator[str]:
    """Yield the section of a class: its documentation, fields, properties and methods."""
    yield from (f"### `{kind.__name__}`", "", doc(kind))
    rows = [[f"`{f.name}`", f"`{f.type}`"] for f in fields(kind)] if is_dataclass(kind) else []
    for name, member in [*vars(kind).items()]:
        if name.startswith("_"):
            continue
        if inspect.isfunction(member):
            rows.append([f"`{name}{bare(member)}`", first(member)])
        elif isinstance(member, property | cached_property):
            rows.append([f"`{name}`", first(member)])
    if rows:
        yield from ("", *table(["name", "type or meaning"], rows))


def bare(function: Callable[..., Any]) -> str:
    """Return the parameters of a function without annotations."""
    signature = inspect.signature(function)
    named = [p.replace(annotation=p.empty) for p in signature.parameters.values() if p.name != "self"]
    return str(signature.replace(parameters=named, return_annotation=signature.empty))


def describe_errors() -> Iterator[str]:
    """Yield the tree of errors and their rules from the docstring of errors.py."""
    paragraphs = doc(errors).split("\n\n")[1:]
    fenced = [f"```text\n{inspect.cleandoc(text)}\n```" if text.startswith("    ") else text for text in paragraphs]
    yield "\n\n".join(fenced)


def describe_commands() -> Iterator[str]:
    """Yield the options and variables that select plugins, and the commands about plugins."""
    context = click.Context(cli)
    commands = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    shared = [option for option in commands["run"].params if option.opts[0] in CHOOSING]
    takers = [f"`{name}`" for name, command in commands.items() if shared[0].opts in (p.opts for p in command.params)]
    yield from (f"These options select plugins, in {', '.join(takers)}:", "")
    rows = [[f"`{option.opts[0]}`", option.help] for option in shared]
    rows.append([f"`{DISABLE}`", "An environment variable: plugins to disable, separated by commas."])
    paths = (
        "In `pyproject.toml`: a list of paths like those of `--plugin-path`, for commands that start in the project."
    )
    rows.append(["`plugin-paths` in `[tool.cvkit]`", paths])
    rows.append(["`plugins.disable`", "In a recipe: a list of plugins to disable."])
    yield from table(["what", "meaning"], rows)
    for name in COMMANDS:
        command = commands[name]
        arguments = [p.metavar or str(p.name).upper() for p in command.params if isinstance(p, click.Argument)]
        yield from ("", f"### `cvkit {' '.join([name, *arguments])}`", "", unwrapped(doc(command)))
        options = [p for p in command.params if isinstance(p, click.Option) and p.opts[0] not in CHOOSING]
        rows = [[f"`{option.opts[0]}`", option.help + values_of(option)] for option in options]
        yield from ["", *table(["option", "meaning"], rows)] if rows else []


def values_of(option: click.Option) -> str:
    """Return the list of choices of an option, if it has one."""
    return f" One of {', '.join(option.type.choices)}." if isinstance(option.type, click.Choice) else ""


def unwrapped(text: str) -> str:
    """Return the help of a command, with the paragraphs that click does not wrap in code blocks."""
    return re.sub(r"\\b\n(.*?)(?=\n\n|\Z)", r"```text\n\1\n```", text, flags=re.S)


def table(header: list[str], rows: Iterator[list[str]] | list[list[str]]) -> list[str]:
    """Return the lines of a Markdown table; bars within cells are escaped."""
    cells = [header, ["---"] * len(header), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return [f"| {' | '.join(row)} |" for row in cells]


def doc(thing: Any) -> str:
    """Return the docstring as Markdown: its paragraphs, then its parameters as a list."""
    found = parse_docstring((inspect.getdoc(thing) or "").replace("``", "`"))
    if not (found.has_sections or found.returns or found.raises):
        return found.text
    parts = [found.text.partition("\n\n")[0], found.description]
    if found.has_sections:
        parts.append("\n".join(f"- `{name}`: {text}" for name, text in found.parameters.items()))
    parts += [f"Returns: {found.returns}"] if found.returns else []
    parts += [f"Raises `{error}`: {text}" for error, text in found.raises]
    return "\n\n".join(filter(None, parts))


def first(thing: Any) -> str:
    """Return the first paragraph of the docstring, as one line."""
    return " ".join(doc(thing).partition("\n\n")[0].split())


PAGES: dict[str, Callable[[], str]] = {"components.md": components, "reference.md": reference}

if __name__ == "__main__":
    for name, render in PAGES.items():
        (HOME / name).write_text(render(), encoding="utf-8")
