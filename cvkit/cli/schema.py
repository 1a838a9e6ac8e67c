"""``cvkit schema``: write the JSON Schema that lets editors complete and check recipes and searches."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import CvkitError
from .loading import load_catalog, warn
from .options import PluginChoice, plugin_options
from .terminal import echo


@click.command()
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write. Default: standard output."
)
@click.option("--search", "of_searches", is_flag=True, help="Write the schema of searches (SEARCH.yaml) instead.")
@plugin_options
def schema(output: Path | None, of_searches: bool, choice: PluginChoice) -> None:
    """Write a JSON Schema of recipes, or of searches, for editors.

    The schema contains the options of every installed component. Write it to the folder of your recipes:

      cvkit schema --output cvkit.schema.json

    Editors with yaml-language-server then complete and check recipes in that folder that begin with

      # yaml-language-server: $schema=cvkit.schema.json

    Run the command again after you install or remove plugins.
    """
    import json

    from ..recipe.json_schema import recipe_schema  # pydantic
    from ..searches.json_schema import search_schema

    written, gaps = (search_schema if of_searches else recipe_schema)(load_catalog(choice))
    for sentence in gaps:
        warn(f"the schema is incomplete: {sentence}")
    text = json.dumps(written, indent=1) + "\n"
    if output is None:
        echo(text, nl=False)
    else:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CvkitError(f"could not write '{output}': {error.strerror}") from error
        echo(f"wrote {output}")
