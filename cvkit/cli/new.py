"""``cvkit new``: write a recipe for somebody's own photos."""

from __future__ import annotations

from pathlib import Path

import click

from ..printable import shell_words
from ..runs.data_folder import data_folder
from .loading import load_catalog, warn
from .options import PluginChoice, data_option, plugin_options
from .terminal import echo


@click.command()
@click.argument("photos", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("recipe.yaml"),
    show_default=True,
    help="File of the recipe. An existing file is not overwritten.",
)
@click.option("--model", default="timm/efficientnet_lite0", show_default=True, help="The network.")
@click.option(
    "--weights",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with pretrained weights of the network (.safetensors or .pth). Default: the Hugging Face hub.",
)
@click.option("--scratch", is_flag=True, help="Start from random weights instead of pretrained ones.")
@click.option(
    "--size",
    type=click.IntRange(1, 8192),
    default=224,
    show_default=True,
    help="Height and width of the network's input in pixels.",
)
@click.option("--image", metavar="COLUMN", help="For a table: the column with the paths of the photos.")
@click.option("--label", metavar="COLUMN", help="For a table: the column with the classes.")
@click.option("--split", metavar="COLUMN", help="For a table: the column with train, validation or test.")
@click.option(
    "--group", metavar="GROUP", help="Column, or pattern of file names, whose equal values stay in one split."
)
@data_option
@plugin_options
def new(
    photos: Path,
    output: Path,
    model: str,
    weights: Path | None,
    scratch: bool,
    size: int,
    image: str | None,
    label: str | None,
    split: str | None,
    group: str | None,
    data: Path | None,
    choice: PluginChoice,
) -> None:
    """Look at your own PHOTOS and write a recipe for them.

    PHOTOS is a folder with one folder for each class, a folder with train, val and test, or a table (CSV, TSV, JSON
    lines, Parquet). Prints what was found, what was decided, and why. Trains nothing and changes no photo.
    """
    if weights is not None and scratch:
        raise click.UsageError("--weights and --scratch contradict each other; leave one out")
    catalog = load_catalog(choice)
    from ..starting import writing  # imports torch, so only after the arguments are valid

    folder = data_folder(data)
    if writing.found(photos, folder).exists():  # else `start` says what is missing, which matters first
        writing.require_free(output)
    columns = {"image": image, "label": label, "split": split, "group": group}
    reading = {"size": size} | {name: column for name, column in columns.items() if column is not None}
    started = writing.start(photos, model, weights, scratch, reading, catalog, folder, output)
    writing.write(output, started.text)
    echo("\n".join(f"- {sentence}" for sentence in started.sentences))
    steps = ["audit", "preview", "run"]
    if started.lacking:
        other = output.with_stem(f"{output.stem}-scratch")
        warn(
            f"{started.lacking} Or pass a file with --weights FILE. The recipe cannot run until the weights are "
            "there. For a network with random weights: "
            f"{shell_words('cvkit', 'new', photos, '--scratch', '--output', other)}"
        )
        steps.remove("run")
    echo("\n".join([f"{output}", "", "next:", *(f"  {shell_words('cvkit', step, output)}" for step in steps)]))
