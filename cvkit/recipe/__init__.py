"""Recipes: YAML text is read into a `Document`, checked into a `Recipe`, and written as text again."""

from __future__ import annotations

from .changes import RUN_KEYS, Change, changes, keys_of
from .coercion import describe
from .document import Document, as_overrides, read, read_any, read_text
from .dump import dump
from .merge import kind_of
from .named_overrides import overrides_named, resolve_named
from .recipe import AUTO, Part, Recipe, TunerPart, deprecations
from .resolver import resolve
from .settings import EvaluationSettings, PluginSettings, ReportSettings, TrainSettings
from .settings_group import Settings

__all__ = [
    "AUTO",
    "RUN_KEYS",
    "Change",
    "Document",
    "EvaluationSettings",
    "Part",
    "PluginSettings",
    "Recipe",
    "ReportSettings",
    "Settings",
    "TrainSettings",
    "TunerPart",
    "as_overrides",
    "changes",
    "deprecations",
    "describe",
    "dump",
    "keys_of",
    "kind_of",
    "overrides_named",
    "read",
    "read_any",
    "read_text",
    "resolve",
    "resolve_named",
]
