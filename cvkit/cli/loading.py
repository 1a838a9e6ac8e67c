"""Loads the catalog of plugins, and recipes checked against it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CvkitError
from ..host.catalog import Catalog
from ..host.discovery import disabled_by_environment, discover, unknown_disabled
from .options import PluginChoice
from .terminal import echo

if TYPE_CHECKING:
    from ..recipe import Recipe
    from ..runs.folder import RunFolder


def load_recipe(
    path: Path,
    overrides: Sequence[str],
    choice: PluginChoice,
    first: Callable[[Catalog], None] | None = None,
) -> tuple[Recipe, Catalog]:
    """Read and check the recipe at `path`, and warn about deprecated components.

    `first` is called with the catalog before the check; it may raise an error that matters more than mistakes in
    the recipe. The recipe records the plugins that the command line disables. Raises one `RecipeError` with every
    mistake.
    """
    from ..recipe import deprecations, read, resolve  # imports pydantic (80 ms), which other commands do not need

    document = read(path, overrides)
    catalog = _discovered(choice, document.disabled)
    with _failures_reported(catalog, choice):
        if first is not None:
            first(catalog)
        recipe = resolve(document, catalog).without_plugins(choice.disabled)
    for line in deprecations(recipe):
        warn(line)
    return recipe, catalog


def reopen(folder: RunFolder, choice: PluginChoice) -> tuple[Recipe, Catalog]:
    """Read and check the recipe of the run in `folder`, and warn if its code has changed since the run started.

    If the recipe is missing or damaged, the copy in the checkpoint is used. Raises `RunError` if there is none, or if
    plugins that the run used do not work here; the message says how to install them.
    """
    from ..recipe import resolve
    from ..runs.provenance import require_plugins

    document = folder.document()
    catalog = _discovered(choice, document.disabled)
    with _failures_reported(catalog, choice):
        require_plugins(folder.path, folder.info(), catalog, "add --plugin-path {}")
        tell_drift(folder, catalog)  # first, because it may explain a recipe error or weights that no longer fit
        return resolve(document, catalog), catalog


def tell_drift(folder: RunFolder, catalog: Catalog) -> None:
    """Warn about each component whose code is not the version that the run started with."""
    from ..runs.provenance import drift_of

    for sentence in drift_of(folder.info(), catalog):
        warn(sentence)


def load_catalog(choice: PluginChoice, disabled: Collection[str] = ()) -> Catalog:
    """Discover the plugins, and warn about each one that does not work.

    `disabled` names the plugins that a recipe disables.
    """
    catalog = _discovered(choice, disabled)
    with _failures_reported(catalog, choice):
        return catalog


def _discovered(choice: PluginChoice, disabled: Collection[str]) -> Catalog:
    reasons = dict.fromkeys(disabled, "plugins.disable") | dict.fromkeys(choice.disabled, "--no-plugin")
    return discover(reasons, choice.paths)


@contextmanager
def _failures_reported(catalog: Catalog, choice: PluginChoice) -> Iterator[None]:
    """Warn, when the block ends, about plugins that do not work and about misspelt plugin names.

    If the block raises an error that already reports a plugin, there is no second message about that plugin.
    """
    reported = ""
    try:
        yield
    except CvkitError as error:
        reported = str(error)
        raise
    finally:
        failures = [
            status.line
            for status in catalog.failures
            if status.reason not in reported and status.line not in reported
        ]
        for message in [*failures, *unknown_disabled(catalog, [*choice.disabled, *disabled_by_environment()])]:
            warn(message)


def warn(message: str) -> None:
    """Print a warning on stderr."""
    echo(message, err=True, label="warning:", colour="yellow")
