"""Writes a JSON Schema of searches, with which editors complete and check SEARCH.yaml.

It is derived from what the reader checks: the settings of a search, the keys of a range and of choices, the places
that can be searched, and the schema of recipes for a recipe that is written in the search.
"""

from __future__ import annotations

import re

from ..host.catalog import Catalog
from ..recipe.json_schema import recipe_schema
from ..recipe.option_schema import Schema, option_schema
from ..recipe.settings_group import Settings
from .definition import SearchSettings
from .space import ChoiceKeys, RangeKeys
from .space_reading import unsearchable

_ENDS = ("max_trials", "max_minutes")
_DESCRIPTION = (
    "A search of cvkit, with the components that were installed when this schema was written. The schema accepts "
    "more than `cvkit search --check`: it does not compare the values of the space with the recipe, and it does not "
    "check that `low` is below `high`."
)


def search_schema(catalog: Catalog) -> tuple[Schema, list[str]]:
    """Return the schema of searches for the components in `catalog`, and a sentence for each gap in it."""
    recipe, gaps = recipe_schema(catalog)
    dialect, definitions = recipe.pop("$schema"), recipe.pop("definitions")
    schema = {
        "$schema": dialect,
        "title": "cvkit search",
        "description": _DESCRIPTION,
        "type": "object",
        "properties": {
            "recipe": {
                "description": "The path of a recipe, relative to this file; or a recipe, which may have `extends`.",
                "if": {"type": "string"},
                "then": {"minLength": 1},
                "else": {"$ref": "#/definitions/recipe"},
            },
            "space": {
                "description": "The values that each place of the recipe may have. A place is a path, as in --set.",
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": _places(recipe)},
                "additionalProperties": {
                    "type": "object",
                    "if": {"required": ["choices"]},
                    "then": _keys(ChoiceKeys),
                    "else": _keys(RangeKeys),
                },
            },
            **_options(SearchSettings),
        },
        "required": ["recipe", "space"],
        "anyOf": [{"required": [end], "properties": {end: {"type": "number"}}} for end in _ENDS],
        "additionalProperties": False,
        "definitions": {"recipe": recipe, **definitions},
    }
    return schema, gaps


def _options(settings: type[Settings]) -> Schema:
    fields = settings.model_fields
    return {
        name: option_schema(option, fields[name].description or "") for name, option in settings.options().items()
    }


def _keys(settings: type[Settings]) -> Schema:
    """Return the schema of a mapping with the keys of `settings`."""
    return {
        "description": settings.__doc__,
        "properties": _options(settings),
        "required": [name for name, option in settings.options().items() if option.required],
        "additionalProperties": False,
    }


def _places(recipe: Schema) -> str:
    """Return a pattern of the places of a recipe that can be searched; options of components are not checked."""
    places = []
    for key, value in recipe["properties"].items():
        if key == "extends" or unsearchable(key):
            continue
        inner = value["properties"] if value.get("additionalProperties") is False else None
        names = [name for name in inner or () if not unsearchable(f"{key}.{name}")]
        places.append(key if inner is None else rf"{key}(?:\.(?:{'|'.join(map(re.escape, names))})|$)")
    return rf"^(?:{'|'.join(places)})(?:\.|$)"
