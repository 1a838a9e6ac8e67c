"""Options that several commands share, and where data is kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from ..host.working_project import KEY, plugins_of_working_project
from .terminal import echo

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class PluginChoice:
    """What a command line says of plugins: the names to leave out, and the files to load beside the installed.

    Among the files are those that the project at hand names in its pyproject.toml.
    """

    disabled: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()


def plugin_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--no-plugin`` and ``--plugin-path``; the command gets both as one `PluginChoice`, ``choice``."""

    @click.option("--no-plugin", "disabled", metavar="NAME", multiple=True, help="Leave a plugin out. Repeatable.")
    @click.option(
        "--plugin-path",
        "paths",
        multiple=True,
        type=click.Path(path_type=Path),
        help="Load a plugin from a .py file, a package's folder or a project's, without installing it. Repeatable.",
    )
    @wraps(command)
    def with_choice(*args: Any, disabled: tuple[str, ...], paths: tuple[Path, ...], **kwargs: Any) -> Any:
        named = (*paths, *_paths_at_hand(kwargs.get("folder")))
        return command(*args, choice=PluginChoice(disabled, named), **kwargs)

    return with_choice


def _paths_at_hand(run: Path | None) -> tuple[Path, ...]:
    """Return the plugins that the project around the working folder asks for, and say on stderr which file that is.

    Args:
        run: the run folder that the command is about, from within which nothing is read.
    """
    found = plugins_of_working_project(Path.cwd(), run)
    if found is None:
        return ()
    if found.refused:
        unused = f"the plugin-paths of '{found.file}' are not used: {found.refused}"
        echo(unused, err=True, label="warning:", colour="yellow")
    else:
        names = ", ".join(f"'{os.path.relpath(path, found.file.parent)}'" for path in found.paths)
        echo(f"plugins by {KEY} of '{found.file}': {names}", err=True)
    return found.paths


def data_option(command: Command) -> Command:
    """Add ``--data``, the folder data sets are looked for in and fetched to."""
    return click.option(
        "--data",
        "data",
        type=click.Path(file_okay=False, path_type=Path),
        help="Data folder. Default: $CVKIT_DATA, else the platform's cache folder.",
    )(command)


def accept_option(command: Command) -> Command:
    """Add ``--accept-changes``, which says that a change of a run's recipe or data is meant."""
    return click.option(
        "--accept-changes",
        is_flag=True,
        help="Go on although recipe.yaml or the data were changed since the last checkpoint; the report says so.",
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
    """Return the data folder: the one given, else ``$CVKIT_DATA``, else the platform's cache folder.

    Where this user has no home folder, and so no cache folder, it is ``cvkit-data`` in the current folder. Raises
    `UsageError` where ``~`` in the given one cannot be expanded.
    """
    if given is None and (named := os.environ.get("CVKIT_DATA")):
        given = Path(named)
    if given is None:
        from platformdirs import user_cache_path  # 20 ms that most commands need not pay

        try:
            return user_cache_path("cvkit")
        except (RuntimeError, KeyError):  # as in a container that runs as a user without a name
            return Path("cvkit-data")
    try:
        return given.expanduser()
    except RuntimeError:
        raise click.UsageError(
            f"the data folder '{given}' begins with a home folder that is not known here; give its absolute path"
        ) from None
