"""What an independent validator says of a recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from cvkit.host.discovery import CORE, discover
from cvkit.recipe.json_schema import recipe_schema
from cvkit.recipe.nodes import plain
from cvkit.recipe.yaml_reader import read_tree

CATALOG = discover(distributions=[CORE])
SCHEMA, GAPS = recipe_schema(CATALOG)


def errors(text: str, schema: dict[str, object] = SCHEMA) -> list[str]:
    """What the validator says of a recipe, read as cvkit reads it: YAML 1.1 takes 5e-4 for text."""
    return [*_messages(Draft7Validator(schema).iter_errors(plain(read_tree(text, "recipe.yaml"))))]


def _messages(found: Iterable[ValidationError]) -> Iterator[str]:
    for error in found:
        yield error.message
        yield from _messages(error.context)


def model_errors(schema: dict[str, object], value: str) -> list[str]:
    """What the validator says of a recipe's model."""
    return errors(f"extends: x.yaml\nmodel: {value}", schema)
