"""Writes a `Recipe` as YAML text with every default; reading the text gives an equal recipe."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..kinds import KINDS
from .coercion import plain_value
from .recipe import Part, Recipe, TunerPart
from .settings import SECTIONS, GeneralSettings
from .yaml_scalars import read_scalar

_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./-]*")
_YAML_1_1_WORDS = {"y", "n", "yes", "no", "on", "off"}


def dump(recipe: Recipe, notes: Mapping[str, str] | None = None) -> str:
    """Return the recipe as text with full ids and every default, in the usual order of a recipe.

    `notes` are comments by path, as in ``{"scheduler.max_lr": "by onecycle/lr_range_test"}``. The text has the same
    meaning in YAML 1.1 and 1.2.
    """
    lines = [
        "# The complete recipe: cvkit wrote every component with its full id and every option with its value.",
        "",
    ]
    for path, text in _lines(recipe):
        note = (notes or {}).get(path)
        lines.append(f"{text}  # {' '.join(note.split())}" if note else text)
    return "\n".join(lines) + "\n"


def _lines(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Yield the path of a value, or an empty path, and its line of text."""
    for key in GeneralSettings.model_fields:
        yield key, f"{key}: {in_one_line(getattr(recipe, key))}"
    for kind in KINDS.values():
        key, held = kind.key, getattr(recipe, kind.key)
        yield "", ""
        if isinstance(held, Part):
            yield "", f"{key}:"
            yield from _part(key, held, "  ", "  ")
            continue
        yield "", f"{key}:" if held else f"{key}: []"
        for index, part in enumerate(held):
            yield from _part(f"{key}.{index}", part, "  - ", "    ")
    for key in SECTIONS:
        yield "", ""
        yield "", f"{key}:"
        for name, value in getattr(recipe, key).values().items():
            yield f"{key}.{name}", f"  {name}: {in_one_line(value)}"


def _part(path: str, part: Part, first: str, indent: str) -> Iterator[tuple[str, str]]:
    yield path, f"{first}name: {in_one_line(part.entry.id)}"
    if isinstance(part, TunerPart):
        yield f"{path}.set", f"{indent}set: {in_one_line(part.target)}"
    for name, value in part.options.items():
        yield f"{path}.{name}", f"{indent}{in_one_line(name)}: {in_one_line(value)}"


def in_one_line(value: Any) -> str:
    """Return a value on one line, as a recipe writes it."""
    match plain_value(value):
        case None:
            return "null"
        case bool() as truth:
            return "true" if truth else "false"
        case int() | float() as number:
            return _number(number)
        case list() as entries:
            return f"[{', '.join(map(in_one_line, entries))}]"
        case dict() as items:
            return "{" + ", ".join(f"{in_one_line(key)}: {in_one_line(item)}" for key, item in items.items()) + "}"
        case text:
            return _text(str(text))


def _number(number: int | float) -> str:
    # YAML 1.1 requires a decimal point in numbers with an exponent: 1e-05 is text, 1.0e-05 is a number.
    text = repr(number)
    return text.replace("e", ".0e") if "e" in text and "." not in text else text


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _YAML_1_1_WORDS and _reads_as_text(text):
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _reads_as_text(text: str) -> bool:
    # Quote all text that begins with a digit, because YAML 1.1 has more numbers: 12:30, 0b1, 1_000, 2026-01-01.
    try:
        return isinstance(read_scalar(text), str) and not text[0].isdigit()
    except ValueError:
        return False


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08x}"
