"""Recipes: YAML text -> `Document` (what is written) -> `Recipe` (what is asked, checked) -> text again."""

from __future__ import annotations

from .document import Document, read, read_text
from .dump import dump
from .merge import kind_of
from .recipe import AUTO, Part, Recipe, TunerPart
from .resolution import resolve
from .schema import EvaluationSettings, PluginSettings, ReportSettings, Settings, TrainSettings
from .values import describe

__all__ = [
    "AUTO",
    "Document",
    "EvaluationSettings",
    "Part",
    "PluginSettings",
    "Recipe",
    "ReportSettings",
    "Settings",
    "TrainSettings",
    "TunerPart",
    "describe",
    "dump",
    "kind_of",
    "read",
    "read_text",
    "resolve",
]
