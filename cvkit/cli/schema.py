"""``cvkit schema``: what editors need to complete and check recipes."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import CvkitError
from .loading import load_catalog, warn
from .options import PluginChoice, plugin_options
from .terminal import echo


@click.command()
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write. Default: stdout.")
@plugin_options
def schema(output: Path | None, choice: PluginChoice) -> None:
    """Write a JSON Schema of recipes, for editors.

    It has the options of every component that is installed. Editors with yaml-language-server complete and check a
    recipe that begins with

      # yaml-language-server: $schema=cvkit.schema.json

    and lies beside the file written by

      cvkit schema --output cvkit.schema.json

    Write it again when plugins are installed or removed.
    """
    import json

    from ..recipe.json_schema import recipe_schema  # pydantic

    written, untold = recipe_schema(load_catalog(choice))
    for sentence in untold:
        warn(f"the schema cannot tell everything: {sentence}")
    text = json.dumps(written, indent=1) + "\n"
    if output is None:
        echo(text, nl=False)
    else:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CvkitError(f"'{output}' cannot be written: {error.strerror}") from error
        echo(f"wrote {output}")
