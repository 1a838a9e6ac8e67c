"""``cvkit data pack``: write the images of a recipe's data set into tar shards."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import DataError
from ..files.output_folder import OutputFolder
from ..resource_errors import reporting_shortages
from ..runs.data_folder import data_folder
from .exit_code import work
from .loading import load_recipe
from .options import PluginChoice, data_option, plugin_options, set_option
from .terminal import bar, echo

if TYPE_CHECKING:
    from ..data.splits import DataInfo, Splits
    from ..host.registry import Entry
    from ..recipe import Part, Recipe

_PLAIN = re.compile(r"[\w./-]*[A-Za-z/][\w./-]*")  # other texts are quoted in YAML; a number would not be text
_CARRIED = ("bits", "max_megapixels", "decode")
"""Options of data sets of files that say how each file is read; they are repeated for the shards."""


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for the shards. It must not exist, or be empty.",
)
@click.option(
    "--shard-size", type=click.IntRange(1, 100_000), default=256, show_default=True, help="Size of a shard, in MB."
)
@click.option("--shard-images", type=click.IntRange(1), help="Most images of a shard. Default: no limit.")
@click.option(
    "--framed", is_flag=True, help="Resize and crop all images to the input of the model, as in evaluation."
)
@click.option(
    "--short-side",
    type=click.IntRange(1, 8192),
    metavar="PIXELS",
    help="Resize larger images until their shorter side has this many pixels.",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    help="Write resized images as JPEG of this quality. Default: PNG, which keeps every pixel.",
)
@click.option("--skip-damaged", is_flag=True, help="Leave out images that cannot be read, and list them.")
@click.option(
    "--format",
    "name",
    metavar="NAME",
    default="shards",
    show_default=True,
    help="The data set that reads the result.",
)
@set_option
@data_option
@plugin_options
def pack(
    recipe: Path,
    folder: Path,
    shard_size: int,
    shard_images: int | None,
    framed: bool,
    short_side: int | None,
    quality: int | None,
    skip_damaged: bool,
    name: str,
    overrides: tuple[str, ...],
    data: Path | None,
    choice: PluginChoice,
) -> None:
    """Pack the images of RECIPE's data set into tar shards in the WebDataset layout.

    The shards have an index, by which each image is read by its number. Without --framed and --short-side the bytes
    of image files are copied as they are. The folder appears when all shards are written.
    """
    if framed and short_side is not None:
        raise click.UsageError("--framed and --short-side exclude each other")
    place = OutputFolder(folder, "cvkit data pack", frozenset(), "--to")
    place.require_new()
    checked, catalog = load_recipe(recipe, overrides, choice)
    entry = catalog["datasets"].find(name)
    write = getattr(entry.load(), "pack", None)
    if write is None:
        raise DataError(f"data set '{entry.id}' cannot be packed into; --format shards writes tar shards")
    splits, notes = _splits(checked, data_folder(data), framed)
    written = os.path.relpath(folder.resolve(), recipe.resolve().parent)  # where the path of a recipe starts
    options = _options(checked.dataset, entry, written, splits.info, framed)
    total = sum(len(split) for split in (splits.train, splits.validation, splits.test) if split is not None)
    with (
        work() as packing,
        bar(total, "packing") as advance,
        reporting_shortages("packing images"),
        place.replace_atomically() as making,
    ):
        packing.started = True
        lines = write(
            splits,
            making,
            advance,
            shard_bytes=shard_size * 1_000_000,
            shard_images=shard_images,
            copied=not framed and short_side is None,
            short_side=short_side,
            quality=quality,
            skip_damaged=skip_damaged,
        )
        place.require_new()  # another command may have written there in the meantime
    for line in [*lines, *notes, f"'{folder}' is complete. To train from it, replace the data set of the recipe by"]:
        echo(line)
    echo(f"dataset: {{{', '.join(options)}}}")


def _splits(recipe: Recipe, root: Path, framed: bool) -> tuple[Splits, list[str]]:
    """Return the splits to pack, and sentences about what differs from those of the recipe."""
    from ..data.repetitions import without_repetitions
    from ..data.resizing import framed as in_input_size
    from ..data.resizing import framed_halves
    from ..engine.assembly import build_parts
    from ..engine.building import open_dataset

    opened = open_dataset(recipe, root)
    if getattr(opened.train, "soft_labels", None) is not None:
        raise DataError("the data set has soft labels, which shards do not have; pack a data set with classes")
    splits, notes = without_repetitions(opened), []
    if len(splits.train) < len(opened.train):
        notes.append("images that the recipe repeats were packed once; the data set repeat repeats them")
    if framed and splits.info.framing is not None:
        info = build_parts(recipe, splits).info  # the model decides about interpolation and crop
        splits = framed_halves(replace(splits, info=info))
        splits = replace(splits, train=in_input_size(splits.train, info), info=replace(info, framing=None))
        notes.append("the training images were cropped too, so random crops see less of them than before")
    return splits, notes


def _options(before: Part, entry: Entry, path: str, info: DataInfo, framed: bool) -> list[str]:
    """Return the options of a data set that reads the shards as those of the recipe were read."""
    known = entry.signature().options
    carried = {} if framed else _reading(before)  # framed images are small and have 8 bits
    if info.task == "multi_label":
        carried["several_labels"] = True
    return [
        f"name: {entry.component.name}",
        f"path: {path if _PLAIN.fullmatch(path) else json.dumps(path)}",
        *(
            f"{name}: {_yaml(value)}"
            for name, value in carried.items()
            if name in known and value != known[name].default
        ),
    ]


def _reading(before: Part) -> dict[str, Any]:
    """Return how the files of a data set are read, also of those that it wraps.

    Raises `DataError` if it wraps data sets whose files are read in different ways.
    """
    found: dict[str, Any] = {}
    for part in before.family():
        for name in _CARRIED:
            if name not in part.names():
                continue
            value = part.options.get(name, part.option(name).default)
            if name in found and found[name] != value:
                raise DataError(
                    f"dataset: its data sets have {name}: {_yaml(found[name])} and {name}: {_yaml(value)}, but the "
                    "shards have one value for all images; pack each data set on its own, and concatenate the shards"
                )
            found[name] = value
    return found


def _yaml(value: Any) -> str:
    return "null" if value is None else str(value).lower()
