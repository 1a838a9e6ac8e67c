"""``cvkit new-plugin``: create a package with a plugin to start from."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import did_you_mean
from ..printable import shell_words
from ..scaffold.kinds import KIND_TEMPLATES
from ..scaffold.names import read_name, require_free
from .terminal import echo


class KindChoice(click.Choice[str]):
    """A kind by its singular name. Suggests the nearest kind for a misspelt one."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the kind, or fail."""
        if value not in KIND_TEMPLATES and (hint := did_you_mean(value, KIND_TEMPLATES)):
            self.fail(f"unknown kind '{value}'. {hint}", param, ctx)
        return super().convert(value, param, ctx)


@click.command("new-plugin")
@click.argument("name")
@click.option(
    "--kind",
    "kinds",
    required=True,
    multiple=True,
    type=KindChoice(list(KIND_TEMPLATES)),
    help="Kind of component to create. Repeatable: one component of each kind.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder in which the package folder is created. Default: the current folder.",
)
def new_plugin(name: str, kinds: tuple[str, ...], output: Path) -> None:
    """Create a package cvkit-NAME with a plugin.

    The plugin has one component of each given kind. The package installs, runs and passes its tests without changes.
    """
    names, samples = read_name(name), [KIND_TEMPLATES[kind] for kind in dict.fromkeys(kinds)]
    for sample in samples:
        require_free(names, sample.kind)
    from ..scaffold.package import write
    from ..scaffold.rendering import render  # imports jinja2 (30 ms), so only after the name is accepted

    folder = output / names.distribution
    files = render(names, *samples)
    write(files, folder)
    echo("\n".join(str(folder / path) for path in files))
    echo(
        "\nnext:\n"
        f"  cd {shell_words(folder)}\n"
        '  pip install -e ".[test]"\n'
        f"  cvkit list {samples[0].kind.name if len(samples) == 1 else f'--plugin {names.plugin}'}\n"
        "  cvkit run recipe.yaml\n"
        "  pytest"
    )
