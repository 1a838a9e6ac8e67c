"""Writes a JSON Schema of recipes, with which editors complete and check the installed components.

The schema uses draft 7, which yaml-language-server supports best. The options of each component are a separate
definition, which applies ``if`` the `name` of a part is one of the component's names. A recipe that extends another
may omit required keys.
"""

from __future__ import annotations

from typing import Any

from ..host.catalog import Catalog
from ..kinds import KINDS, Kind
from .component_schema import Offer, offers_of
from .merge import PART_LISTS, PARTS
from .option_schema import Schema, option_schema
from .part_resolver import DEFAULT_PARTS
from .settings import SECTIONS, GeneralSettings, PluginSettings
from .settings_group import Settings

_DRAFT = "http://json-schema.org/draft-07/schema#"
_DESCRIPTION = (
    "A cvkit recipe, with the components that were installed when this schema was written. The schema accepts a "
    "little more than `cvkit check`: 2.0 for an integer, auto for an option that no tuner sets, and options without "
    "a name in a recipe that extends another."
)
_EXTENDS = "The path of another recipe, relative to this file. This recipe overrides its values."


def recipe_schema(catalog: Catalog) -> tuple[Schema, list[str]]:
    """Return the schema of recipes for the components in `catalog`, and a sentence for each gap in it.

    A component whose options cannot be read is left out. If the members of a family cannot be listed, the schema
    accepts every name.
    """
    definitions: Schema = {}
    gaps: list[str] = []
    for kind in KINDS.values():
        offers, sentences = offers_of(catalog[kind.name])
        definitions |= _definitions(kind, offers)
        gaps += sentences
    schema = {
        "$schema": _DRAFT,
        "title": "cvkit recipe",
        "description": _DESCRIPTION,
        "type": "object",
        "properties": {
            "extends": {"type": "string", "minLength": 1, "description": _EXTENDS},
            **_settings(GeneralSettings),
            **{key: _part_of_recipe(key, KINDS[kind]) for key, kind in PARTS.items()},
            **{key: _list_of_parts(KINDS[kind]) for key, kind in PART_LISTS.items()},
            **{key: _section(settings) for key, settings in SECTIONS.items()},
            "plugins": _plugins(catalog),
        },
        "additionalProperties": False,
        "if": {"required": ["extends"]},
        "then": {"properties": {key: _reference(f"{kind}.partial") for key, kind in PARTS.items()}},
        "else": {
            "properties": {key: _reference(f"{kind}.whole") for key, kind in PARTS.items()},
            "required": [key for key in PARTS if key not in DEFAULT_PARTS],
        },
        "definitions": definitions,
    }
    return schema, gaps


def _plugins(catalog: Catalog) -> Schema:
    """Return the schema of the section `plugins`, with the options of the plugins that observe runs."""
    properties = {
        status.origin.plugin: {
            "type": "object",
            "properties": {name: option_schema(option) for name, option in options.items()},
            "additionalProperties": False,
        }
        for status in catalog.statuses
        if status.works and (options := catalog.observer_options(status.origin.plugin))
    }
    schema = _section(PluginSettings)
    schema["properties"]["observers"] |= {"properties": properties, "additionalProperties": False}
    return schema


def _settings(settings: type[Settings]) -> Schema:
    fields = settings.model_fields
    return {
        name: option_schema(option, fields[name].description or "") for name, option in settings.options().items()
    }


def _section(settings: type[Settings]) -> Schema:
    properties = _settings(settings)
    description = settings.__doc__
    return {"type": "object", "description": description, "properties": properties, "additionalProperties": False}


def _part_of_recipe(key: str, kind: Kind) -> Schema:
    schema = {"description": f"The {kind.singular}: a name, or a mapping of `name` and options. {_see(kind)}"}
    return schema | ({"default": DEFAULT_PARTS[key]} if key in DEFAULT_PARTS else {})


def _list_of_parts(kind: Kind) -> Schema:
    description = f"A list of {kind.name}: each a name, or a mapping of `name` and options. {_see(kind)}"
    return {"type": "array", "description": description, "items": _reference(f"{kind.name}.whole"), "default": []}


def _see(kind: Kind) -> str:
    return f"See: cvkit list {kind.name}"


def _definitions(kind: Kind, offers: list[Offer]) -> Schema:
    """Return the definitions of a kind: its components, their names, and a ``whole`` and a ``partial`` part."""
    components: Schema = {}
    for offer in offers:
        components[f"{kind.name}:{offer.id}"] = offer.definition
        if offer.is_family:
            components[f"{kind.name}:{offer.id}.names"] = _family_names(offer)
    ready = [offer for offer in offers if not offer.required]
    return {
        f"{kind.name}.names": _names(kind, offers),
        f"{kind.name}.partial": _part(_reference(f"{kind.name}.names"), _mapping(kind, offers, whole=False)),
        f"{kind.name}.whole": _part(_names(kind, ready) if ready else None, _mapping(kind, offers, whole=True)),
        **components,
    }


def _part(name: Schema | None, mapping: Schema) -> Schema:
    """Return the schema of a part: a mapping, or a name if some component needs no options.

    An ``anyOf`` would accept the same values, but its error messages only say that neither alternative matches.
    """
    return mapping if name is None else {"if": {"type": "object"}, "then": mapping, "else": name}


def _mapping(kind: Kind, offers: list[Offer], whole: bool) -> Schema:
    """Return the schema of `name` with options; `whole` requires the name and the required options."""
    cases = []
    for offer in offers:
        options = _reference(f"{kind.name}:{offer.id}")
        if whole and offer.required:
            options = {"allOf": [options, {"required": [*offer.required]}]}
        named = {"type": "object", "properties": {"name": _names(kind, [offer])}, "required": ["name"]}
        cases.append({"if": named, "then": options})
    name = {"description": f"The name of the {kind.singular}.", **_reference(f"{kind.name}.names")}
    mapping: Schema = {"type": "object", "title": kind.singular, "properties": {"name": name}}
    mapping |= {"allOf": cases} if cases else {}
    return mapping | ({"required": ["name"]} if whole else {})


def _names(kind: Kind, offers: list[Offer]) -> Schema:
    single = [(name, offer.summary) for offer in offers if not offer.is_family for name in offer.names]
    families = [_reference(f"{kind.name}:{offer.id}.names") for offer in offers if offer.is_family]
    names: Schema = {"enum": [name for name, _ in single], "enumDescriptions": [text for _, text in single]}
    if not families:
        return names
    return {"anyOf": [*([names] if single else []), *families]}


def _family_names(offer: Offer) -> Schema:
    if not offer.names:
        # Only the dot of a plugin's name needs an escape; editors reject the other escapes that `re.escape` adds.
        pattern = "^" + offer.id.removesuffix("*").replace(".", r"\.")
        return {"type": "string", "pattern": pattern, "description": offer.summary}
    return {"enum": [*offer.names], "description": offer.summary}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": "#/definitions/" + name.replace("~", "~0").replace("/", "~1")}
