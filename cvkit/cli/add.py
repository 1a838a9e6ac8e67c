"""``cvkit add``: one more component in a plugin's project."""

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
@click.option("--name", help="The component's name. Default: the plugin's.")
@click.option("--plugin", default="", help="The plugin to add it to, where the project has several.")
def add(kind: str, name: str | None, plugin: str) -> None:
    """Add a component of one KIND to the plugin's project in the working folder.

    It brings a module, a recipe, tests and a section of the README, and is declared beside what is there. Nothing
    that is there is replaced.
    """
    from ..scaffold import addition  # jinja2, 30 ms that a misspelt kind need not pay
    from ..scaffold.parts import further_part

    sample, home = KIND_TEMPLATES[kind], addition.find_home(Path(), plugin)
    component = read_name(name).plugin if name is not None else ""
    require_component_free(component or home.name.plugin, sample.kind, home.name.plugin)
    part = further_part(home.name, sample, component)
    written, changed = addition.add(home, part)
    echo("\n".join([*map(str, written), *(f"{path} (changed)" for path in changed)]))
    echo(
        "\nnext, where the project is installed with -e:\n"
        f"  cvkit list {sample.kind.name}\n"
        f"  {shell_words('cvkit', 'run', part.recipe)}\n"
        "  pytest"
    )
