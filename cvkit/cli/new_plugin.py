"""``cvkit new-plugin``: a package with a plugin in it, to start from."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import did_you_mean
from ..printable import shell_words
from ..scaffold.kinds import KIND_TEMPLATES
from ..scaffold.names import read_name, require_free
from .terminal import echo


class KindChoice(click.Choice[str]):
    """A kind by its noun; the nearest is suggested for one that is misspelt."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the noun, or fail."""
        if value not in KIND_TEMPLATES and (hint := did_you_mean(value, KIND_TEMPLATES)):
            self.fail(f"there is no kind '{value}'. {hint}", param, ctx)
        return super().convert(value, param, ctx)


@click.command("new-plugin")
@click.argument("name")
@click.option(
    "--kind",
    "kinds",
    required=True,
    multiple=True,
    type=KindChoice(list(KIND_TEMPLATES)),
    help="What the plugin offers. Repeatable, for a component of each kind.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder in which the package's own folder is made. Default: the current one.",
)
def new_plugin(name: str, kinds: tuple[str, ...], output: Path) -> None:
    """Write a package cvkit-NAME with a component of one KIND or several.

    It installs, runs and passes its tests as it is.
    """
    names, samples = read_name(name), [KIND_TEMPLATES[kind] for kind in dict.fromkeys(kinds)]
    for sample in samples:
        require_free(names, sample.kind)
    from ..scaffold.package import write
    from ..scaffold.rendering import render  # jinja2, 30 ms that a refused name need not pay

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
