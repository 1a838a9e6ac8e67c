"""``cvkit add``: add a component to a plugin's project."""

from __future__ import annotations

from pathlib import Path

import click

from ..printable import shell_words
from ..scaffold.kinds import KIND_TEMPLATES
from ..scaffold.names import read_name, require_component_free
from .new_plugin import KindChoice
from .terminal import echo


@click.command()
@click.argument("kind", type=KindChoice(list(KIND_TEMPLATES)), metavar="KIND")
@click.option("--name", help="Name of the component. Default: the plugin's name.")
@click.option("--plugin", default="", help="Plugin to add it to. Required if the project has several.")
def add(kind: str, name: str | None, plugin: str) -> None:
    """Add a component of one KIND to a plugin project.

    The project is the current folder. Writes a module, a recipe, tests and a section of the README, and adds the
    component to the plugin's declaration. Never overwrites a file.
    """
    from ..scaffold import addition  # imports jinja2 (30 ms), so only after the arguments are valid
    from ..scaffold.parts import further_part

    sample, home = KIND_TEMPLATES[kind], addition.find_home(Path(), plugin)
    component = read_name(name).plugin if name is not None else ""
    require_component_free(component or home.name.plugin, sample.kind, home.name.plugin)
    part = further_part(home.name, sample, component)
    written, changed = addition.add(home, part)
    echo("\n".join([*map(str, written), *(f"{path} (changed)" for path in changed)]))
    echo(
        "\nnext, if the project is installed with -e:\n"
        f"  cvkit list {sample.kind.name}\n"
        f"  {shell_words('cvkit', 'run', part.recipe)}\n"
        "  pytest"
    )
