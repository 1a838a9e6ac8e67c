"""`SearchDefinition`: a checked SEARCH.yaml: a recipe, the space of its values, and how it is searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from ..host.catalog import Catalog
from ..recipe import Document, Recipe, dump, resolve
from ..recipe.overrides import override
from ..recipe.settings import FolderName
from ..recipe.settings_group import Settings
from .space import Space


class SearchSettings(Settings):
    """The settings of a search, beside its recipe and its space."""

    name: FolderName = Field("search", description="Name of the search. Default: the file name.")
    max_trials: PositiveInt | None = Field(
        None, description="Number of trials after which the search ends, in all sessions and processes together."
    )
    max_minutes: PositiveFloat | None = Field(
        None, description="Minutes of training after which the search ends, of all sessions and processes together."
    )
    metric: str | None = Field(
        None, description="Validation metric that is searched by; null: what `selection` of the recipe uses."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Seed of the proposals. The runs use the recipe's seed.")
    sampler: Literal["tpe", "random"] = Field("tpe", description="Proposes values: by earlier trials, or at random.")
    pruner: Literal["median", "hyperband", "none"] = Field(
        "median", description="Ends trials early that are worse than earlier trials were after as many epochs."
    )
    checkpoints: Literal["best", "all"] = Field(
        "best",
        description="Whose checkpoints are kept: those of the best trial and of unfinished trials, or of all trials.",
    )


@dataclass(frozen=True)
class SearchSource:
    """Where a search is written: in a file, or in a text that Python code contains.

    Attributes:
        file: The path of the file; for a text, the name that messages use. Relative paths start in its folder.
        text: The YAML text, or None if it is in the file.
        overrides: ``path=value`` for settings of the search, and ``recipe.path=value`` for values of its recipe.
    """

    file: Path
    text: str | None = None
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class SearchDefinition:
    """A checked search.

    Attributes:
        source: Where it is written.
        target: The path of the recipe; that of the search if the recipe is written in it.
        inline: Whether the recipe is written in the search or overridden, so that no file contains it.
        document: The recipe as it was read.
        recipe: The checked recipe, without values of the space.
        space: The values that each place of the recipe may have.
        settings: How it is searched.
    """

    source: SearchSource
    target: Path
    inline: bool
    document: Document
    recipe: Recipe
    space: Mapping[str, Space]
    settings: SearchSettings

    @property
    def file(self) -> Path:
        """The path of the search, for messages."""
        return self.source.file

    @property
    def most_epochs(self) -> int:
        """The largest number of epochs that a trial may have."""
        found = [self.recipe.train.epochs]
        for path, space in self.space.items():
            for value in space.samples():
                if path == "train" and isinstance(value, dict):
                    value = value.get("epochs", 0)
                if path in ("train", "train.epochs") and isinstance(value, int):
                    found.append(value)
        return max(found)

    @property
    def metric(self) -> str | None:
        """The metric that is searched by; None for the main score."""
        return self.settings.metric or self.recipe.selection.metric

    def overridden(self, params: Mapping[str, Any]) -> Document:
        """Return the recipe with the proposed values, as a document."""
        return replace(self.document, root=override(self.document.root, self.overrides(params)))

    def overrides(self, params: Mapping[str, Any]) -> list[str]:
        """Return the proposed values as overrides, parts before their options."""
        return [f"{path}={self.space[path].text(params[path])}" for path in sorted(params)]

    def shown(self, params: Mapping[str, Any]) -> str:
        """Return the proposed values for readers, in the order of the space."""
        return ", ".join(f"{path}={space.shown(params[path])}" for path, space in self.space.items())

    def trial_recipe(self, params: Mapping[str, Any], catalog: Catalog) -> Recipe:
        """Return the recipe of a trial, which never evaluates the test images.

        Raises `RecipeError` if the values do not fit together.
        """
        recipe = resolve(self.overridden(params), catalog)
        return recipe.with_value("evaluation.test", "final").with_value("name", self.recipe.name)

    def identity(self) -> dict[str, Any]:
        """Return what must not change while a search goes on, apart from the recipe."""
        settings = self.settings
        return {
            "space": {path: space.to_json() for path, space in self.space.items()},
            "metric": settings.metric,
            "seed": settings.seed,
            "sampler": settings.sampler,
            "pruner": settings.pruner,
        }

    def recipe_text(self) -> str:
        """Return the recipe without values of the space, with every default."""
        return dump(self.recipe)
