"""Options that several commands share, and where data is kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def data_option(command: Command) -> Command:
    """Add ``--data``, the folder data sets are looked for in and fetched to."""
    return click.option(
        "--data",
        "data",
        type=click.Path(file_okay=False, path_type=Path),
        help="Data folder. Default: $CVKIT_DATA, else the platform's cache folder.",
    )(command)


def set_option(command: Command) -> Command:
    """Add ``--set path=value``, once for each value of the recipe to override."""
    return click.option(
        "--set",
        "overrides",
        metavar="PATH=VALUE",
        multiple=True,
        help="Override a value of the recipe, as in --set model.width=32. Repeatable.",
    )(command)


def data_folder(given: Path | None) -> Path:
    """Return the data folder: the one given, else ``$CVKIT_DATA``, else the platform's cache folder."""
    if given is None and (named := os.environ.get("CVKIT_DATA")):
        given = Path(named)
    if given is None:
        from platformdirs import user_cache_path  # 20 ms that most commands need not pay

        given = user_cache_path("cvkit")
    return given.expanduser()
