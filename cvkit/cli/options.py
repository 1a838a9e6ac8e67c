"""Options that several commands share, and the location of the data folder."""

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
    """The plugins that the command line disables, and the paths of plugins to load besides the installed ones.

    `paths` includes those that the current project's pyproject.toml lists. `named` is whether an option names a
    plugin.
    """

    disabled: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()
    named: bool = False

    def require_none(self, model: Path) -> None:
        """Raise `UsageError` if an option names a plugin, because the exported file `model` does not use plugins."""
        if self.named:
            raise click.UsageError(
                f"'{model}' is an exported file, which uses no plugins; leave out --plugin-path and --no-plugin"
            )


def output_option(folder: str, description: str) -> Callable[[Command], Command]:
    """Return a decorator that adds ``--output``, a folder with the default `folder`, with this help text."""
    kind = click.Path(file_okay=False, path_type=Path)
    return click.option("--output", type=kind, default=Path(folder), show_default=True, help=description)


def plugin_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--no-plugin`` and ``--plugin-path``; the command receives both as one `PluginChoice`, ``choice``."""

    @click.option("--no-plugin", "disabled", metavar="NAME", multiple=True, help="Disable a plugin. Repeatable.")
    @click.option(
        "--plugin-path",
        "paths",
        multiple=True,
        type=click.Path(path_type=Path),
        help="Load a plugin from a .py file, a package folder or a project folder without installing it. Repeatable.",
    )
    @wraps(command)
    def with_choice(*args: Any, disabled: tuple[str, ...], paths: tuple[Path, ...], **kwargs: Any) -> Any:
        every = (*paths, *_paths_at_hand(kwargs.get("folder")))
        return command(*args, choice=PluginChoice(disabled, every, bool(paths or disabled)), **kwargs)

    return with_choice


def choice_here() -> PluginChoice:
    """Return the choice of a command without these options: the plugins that the current project lists."""
    return PluginChoice(paths=_paths_at_hand(None))


def _paths_at_hand(run: Path | None) -> tuple[Path, ...]:
    """Return the plugin paths that the current project lists, and print on stderr which file lists them.

    `run` is the run folder that the command works on; a project inside it is ignored.
    """
    found = plugins_of_working_project(Path.cwd(), run)
    if found is None:
        return ()
    if found.refused:
        unused = f"ignoring the plugin-paths in '{found.file}': {found.refused}"
        echo(unused, err=True, label="warning:", colour="yellow")
    else:
        names = ", ".join(f"'{os.path.relpath(path, found.file.parent)}'" for path in found.paths)
        echo(f"loading plugins from {KEY} in '{found.file}': {names}", err=True)
    return found.paths


def data_option(command: Command) -> Command:
    """Add ``--data``, the folder that contains data sets and that downloads go to."""
    return click.option(
        "--data",
        "data",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder that contains the data sets. Default: $CVKIT_DATA, or else the platform's cache folder.",
    )(command)


def moved_data_option(command: Command) -> Command:
    """Add ``--data`` for a run that exists: the data folder, or the new place of data that was moved."""
    return click.option(
        "--data",
        "data",
        type=click.Path(path_type=Path),
        help="Folder that contains the data sets, or the new place of data that was moved. Default: as before.",
    )(command)


def trust_option(command: Command) -> Command:
    """Add ``--trust``, without which no file is read that can run code."""
    return click.option(
        "--trust", "trusted", is_flag=True, help="Read a .pt2 file, which can run code. Do so only if you trust it."
    )(command)


def model_argument(command: Command) -> Command:
    """Add the argument ``MODEL``, a run folder or an exported file, as ``folder``."""
    return click.argument("folder", metavar="MODEL", type=click.Path(path_type=Path))(command)


def column_option(command: Command) -> Command:
    """Add ``--column``, the column of a table with the paths of images."""
    usual = "file_name, path, file, ..."
    return click.option("--column", metavar="NAME", help=f"Column of the table with the paths. Default: {usual}")(
        command
    )


def predicting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what commands that predict files accept: ``--batch-size``, ``--workers``, ``--trust``, `plugin_options`."""
    size = click.option(
        "--batch-size", metavar="N", type=click.IntRange(1), help="Images per batch. Default: as in the run."
    )
    workers = click.option(
        "--workers",
        metavar="N",
        type=click.IntRange(0, 256),
        help="Processes that load images. Default: as in the run.",
    )
    return size(workers(trust_option(plugin_options(command))))


def accept_option(command: Command) -> Command:
    """Add ``--accept-changes``, which confirms that a run's recipe or data were changed on purpose."""
    return click.option(
        "--accept-changes",
        is_flag=True,
        help="Continue although recipe.yaml or the data changed after the last checkpoint. The report lists them.",
    )(command)


def set_option(command: Command) -> Command:
    """Add ``--set path=value``, which overrides a value of the recipe."""
    return click.option(
        "--set",
        "overrides",
        metavar="PATH=VALUE",
        multiple=True,
        help="Override a value of the recipe, as in --set model.width=32. Repeatable.",
    )(command)
