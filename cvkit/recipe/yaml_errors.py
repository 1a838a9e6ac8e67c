"""Says in plain words what PyYAML's parser stumbled over, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import yaml

_BRACKETS = {"while parsing a flow mapping": "{}", "while parsing a flow sequence": "[]"}
_END = "<stream end>"
_ALIKE = "indent keys of one section alike"
_SEPARATE = "separate its entries by commas, and close it"


@dataclass(frozen=True)
class SyntaxFault:
    """What is wrong, what to do, and where: line and column, which count from 0, or None if that is not known."""

    message: str
    hint: str = ""
    place: tuple[int, int] | None = None


def syntax_fault(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> SyntaxFault:
    """Return the fault that PyYAML reports as `error` in a text of these `lines`."""
    problem, context = error.problem or "", error.context or ""
    mark, opened = _place(error.problem_mark), _place(error.context_mark)
    here = mark or opened
    if brackets := _BRACKETS.get(context):
        if _END in problem:
            return SyntaxFault(f"'{brackets[0]}' is not closed by '{brackets[1]}'", _SEPARATE, opened)
        began = "" if opened is None else f" in the '{brackets[0]}' that begins on line {opened[0] + 1}"
        return SyntaxFault(f"',' or '{brackets[1]}' is missing{began}", _SEPARATE, here)
    if context == "while scanning a quoted scalar" and "end of stream" in problem:
        return SyntaxFault("the quotation mark is not closed", "write the same quotation mark after the text", opened)
    if problem == "mapping values are not allowed here" and here is not None:
        before = _before(here, lines)
        if ": " in before:
            return SyntaxFault("': ' occurs twice on a line", "put quotes around text that contains ': '", here)
        start = (here[0], len(before) - len(before.lstrip()))
        return SyntaxFault("the line is indented below a line that already has a value", _ALIKE, start)
    if "could not find expected ':'" in problem:
        return SyntaxFault("a key without ':'", "write `key: value`, with a space after the colon", opened or here)
    if found := re.fullmatch(r"found character '(.+)' that cannot start any token", problem):
        if found[1] == "\\t":
            return SyntaxFault("a tab at the beginning of a line", "indent with spaces, not tabs", here)
        remedy = "put quotes around text that starts with this character"
        return SyntaxFault(f"a value cannot start with '{found[1]}'", remedy, here)
    if found := re.fullmatch(r"found unknown escape character '(.+)'", problem):
        remedy = "use single quotes, in which a backslash has no meaning"
        return SyntaxFault(f"'\\{found[1]}' has no meaning in double quotes", remedy, here)
    if problem.startswith("expected <block end>"):
        return _misplaced(problem, context, here, lines)
    about = f" ({context})" if context and context != problem else ""
    return SyntaxFault(f"{problem or context or 'unreadable'}{about}", "", here)


def _misplaced(problem: str, context: str, here: tuple[int, int] | None, lines: Sequence[str]) -> SyntaxFault:
    """Return the fault of a line that does not fit the lines above, or of text that does not fit its line."""
    if here is not None and _before(here, lines).strip():
        return SyntaxFault("more text follows the end of a value", "put quotes around the whole value", here)
    if context == "while parsing a block collection":
        hint = "begin it with '- ', or indent it below the entry that it belongs to"
        return SyntaxFault("the line is in a list, but is not an entry of it", hint, here)
    if "'-'" in problem:
        hint = "write `key: value`, or indent the list below its key"
        return SyntaxFault("a list entry stands between keys", hint, here)
    return SyntaxFault("the indentation fits no line above", _ALIKE, here)


def _before(here: tuple[int, int], lines: Sequence[str]) -> str:
    """Return the text of the line before a place."""
    return lines[here[0]][: here[1]] if here[0] < len(lines) else ""


def _place(mark: yaml.Mark | None) -> tuple[int, int] | None:
    return None if mark is None else (mark.line, mark.column)
