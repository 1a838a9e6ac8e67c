"""The catalog of plugins, and a recipe checked against it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CvkitError, RecipeError, RunError
from ..host.catalog import Catalog
from ..host.discovery import disabled_by_environment, discover, unknown_disabled
from .options import PluginChoice
from .terminal import echo

if TYPE_CHECKING:
    from ..recipe import Document, Recipe
    from ..runs.folder import RunFolder


def load_recipe(
    path: Path,
    overrides: Sequence[str],
    choice: PluginChoice,
    first: Callable[[Catalog], None] | None = None,
) -> tuple[Recipe, Catalog]:
    """Read and check the recipe at `path`, and say which of its components are deprecated.

    `first` is called with the catalog before the check, to raise what is to be said before the recipe's mistakes.
    What the command line leaves out, the recipe records. Raises one `RecipeError` with every mistake in it.
    """
    from ..recipe import read, resolve  # pydantic, 80 ms that only commands with a recipe need to pay

    document = read(path, overrides)
    catalog = _discovered(choice, document.disabled)
    with _failures_told(catalog, choice):
        if first is not None:
            first(catalog)
        recipe = resolve(document, catalog).without_plugins(choice.disabled)
    for part in dict(recipe.parts()).values():
        if part.entry.component.deprecated:
            warn(f"{part.entry.kind.singular} '{part.entry.id}' is deprecated: {part.entry.component.deprecated}")
    return recipe, catalog


def resolve_asked(
    document: Callable[[Sequence[str]], Document], overrides: Mapping[str, str], catalog: Catalog
) -> Recipe:
    """Read and check a recipe with `overrides`, each with the option of the command that asks for it.

    `document` reads it with overrides. Raises `RecipeError`, in which a mistake in an override is one of that option.
    """
    from ..recipe import resolve

    try:
        return resolve(document([*overrides]), catalog)
    except RecipeError as error:
        option = {f"--set {text}": name for text, name in overrides.items()}
        problems = [replace(problem, file=option.get(problem.file, problem.file)) for problem in error.problems]
        raise RecipeError(problems) from None


def reopen(folder: RunFolder, choice: PluginChoice) -> tuple[Recipe, Catalog]:
    """Read and check the recipe of the run in `folder`, and say what of its code has changed since it began.

    A recipe that is lost or damaged is read from the checkpoint's copy. Raises `RunError` where there is none, and
    naming each plugin the run used that does not work here, and how to get it back.
    """
    from ..recipe import resolve
    from ..runs.provenance import missing_plugins

    document = folder.document()
    catalog = _discovered(choice, document.disabled)
    with _failures_told(catalog, choice):
        if gone := missing_plugins(folder.info().get("components", []), catalog):
            raise RunError(f"'{folder.path}' cannot be opened without what it was made with: " + "; ".join(gone))
        tell_drift(folder, catalog)  # first, as it may be why the recipe or the weights no longer fit
        return resolve(document, catalog), catalog


def tell_drift(folder: RunFolder, catalog: Catalog) -> None:
    """Say on stderr what of a run's code is not what it began with."""
    from ..runs.provenance import describe_current, drift

    components = folder.info().get("components", [])
    for sentence in drift(components, describe_current(components, catalog)):
        warn(sentence)


def load_catalog(choice: PluginChoice, disabled: Collection[str] = ()) -> Catalog:
    """Discover the plugins, and say on stderr, a line each, which of them do not work.

    `disabled` are those that a recipe leaves out.
    """
    catalog = _discovered(choice, disabled)
    with _failures_told(catalog, choice):
        return catalog


def _discovered(choice: PluginChoice, disabled: Collection[str]) -> Catalog:
    reasons = dict.fromkeys(disabled, "plugins.disable") | dict.fromkeys(choice.disabled, "--no-plugin")
    return discover(reasons, choice.paths)


@contextmanager
def _failures_told(catalog: Catalog, choice: PluginChoice) -> Iterator[None]:
    """Say on stderr, once what is done inside is known, which plugins do not work and which names are misspelt.

    What an error that is raised inside says of a plugin already is not said twice.
    """
    told = ""
    try:
        yield
    except CvkitError as error:
        told = str(error)
        raise
    finally:
        failures = [
            status.line for status in catalog.failures if status.reason not in told and status.line not in told
        ]
        for message in [*failures, *unknown_disabled(catalog, [*choice.disabled, *disabled_by_environment()])]:
            warn(message)


def warn(message: str) -> None:
    """Say on stderr what does not stop the command."""
    echo(message, err=True, label="warning:", colour="yellow")
