"""Reads YAML text into a tree of nodes with positions.

A recipe may come from an untrusted source, so only a part of YAML is accepted: one document with the core scalars of
YAML 1.2, without tags, anchors, merge keys or duplicate keys. Limits on size, depth and count are enforced while
reading. Every text gives a tree or a `RecipeError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from ..errors import Problem, RecipeError
from .nodes import ListNode, MapNode, Mark, Node, ScalarNode
from .yaml_errors import syntax_fault
from .yaml_scalars import read_scalar

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_NODES = 10_000

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # the line breaks that PyYAML counts
_WIDEST_SOURCE = 160


def read_tree(text: str, file: str, folder: Path | None = None) -> Node | None:
    """Return the tree of `text`, or None if the text is empty; problems use `file` as the file name.

    Relative paths in the values start in `folder`; None keeps them as they are. Raises `RecipeError` with
    every problem found.
    """
    return _Reader(text.removeprefix("\ufeff"), file, folder).read()


def decode(data: bytes, file: str) -> str:
    """Return `data` as text; raise `RecipeError` unless it is UTF-8 of at most `MAX_BYTES`."""
    if len(data) > MAX_BYTES:
        raise RecipeError(
            [Problem(f"the file is larger than {MAX_BYTES >> 20} MiB, the largest size of a recipe", file=file)]
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{data[error.start]:02x} on line {line} (byte {error.start} of the file)"
        message = f"the file is not UTF-8 text: {byte}"
        raise RecipeError([Problem(message, "save the recipe as UTF-8 text", file)]) from None


class _Reader:
    """Builds nodes from the events of PyYAML, and collects the problems after which reading can continue."""

    def __init__(self, text: str, file: str, folder: Path | None) -> None:
        self.text, self.file, self.folder = text, file, folder
        self.lines = _LINE_BREAK.split(text)
        self.problems: list[Problem] = []
        self.count = 0

    def read(self) -> Node | None:
        try:
            root = self._document(yaml.parse(self.text, Loader=yaml.SafeLoader))
        except yaml.MarkedYAMLError as error:
            raise RecipeError([*self.problems, self._syntax_problem(error)]) from None
        except yaml.reader.ReaderError as error:
            before = _LINE_BREAK.split(self.text[: error.position])
            mark = self._mark(len(before) - 1, len(before[-1]))
            message = f"the character U+{ord(self.text[error.position]):04X} is not allowed in YAML text"
            raise RecipeError([mark.problem(message, "save the recipe as UTF-8 text")]) from None
        except (ValueError, OverflowError) as error:  # PyYAML does not catch these from int() and chr()
            raise RecipeError([Problem(f"not valid YAML: {error}", file=self.file)]) from None
        if self.problems:
            raise RecipeError(self.problems)
        return root

    def _document(self, events: Iterator[yaml.Event]) -> Node | None:
        next(events)  # the stream's start
        if isinstance(next(events), yaml.StreamEndEvent):
            return None
        root = self._node(next(events), events, depth=1)
        next(events)  # the document's end
        following = next(events)
        if not isinstance(following, yaml.StreamEndEvent):
            raise self._stop(following, "a second document starts here, but a recipe must be one document")
        return root

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Node:
        self.count += 1
        if self.count > MAX_NODES:
            raise self._stop(event, f"the recipe has more than {MAX_NODES:,} values, the most that are allowed")
        if depth > MAX_DEPTH:
            raise self._stop(event, f"values are nested deeper than {MAX_DEPTH} levels")
        mark = self._mark_of(event)
        if getattr(event, "anchor", None) is not None:
            sharing = "use `extends: other.yaml` to share values between recipes"
            self.problems.append(mark.problem("anchors and aliases (& and *) are not allowed in recipes", sharing))
        if getattr(event, "tag", None) is not None:
            self.problems.append(mark.problem("tags (!...) are not allowed in recipes", "quote text with a '!'"))
        match event:
            case yaml.MappingStartEvent():
                return self._mapping(mark, events, depth)
            case yaml.SequenceStartEvent():
                items = []
                while not isinstance(event := next(events), yaml.SequenceEndEvent):
                    items.append(self._node(event, events, depth + 1))
                return ListNode(mark, tuple(items))
            case yaml.ScalarEvent(value=text, implicit=(is_plain, _)):
                return ScalarNode(mark, self._scalar(mark, text, is_plain))
        return ScalarNode(mark, None)  # an alias, already reported

    def _mapping(self, mark: Mark, events: Iterator[yaml.Event], depth: int) -> MapNode:
        items: dict[str, Node] = {}
        keys: dict[str, Mark] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._node(event, events, depth + 1)
            value = self._node(next(events), events, depth + 1)
            name = key.value if isinstance(key, ScalarNode) else None
            if not isinstance(name, str):
                self.problems.append(key.mark.problem("a key must be text", "put quotes around it"))
            elif name == "<<":
                sharing = "use `extends: other.yaml` to share values between recipes"
                self.problems.append(key.mark.problem("merge keys (<<) are not allowed in recipes", sharing))
            elif name in items:
                first = keys[name].line
                self.problems.append(key.mark.problem(f"'{name}' is written twice; the first is on line {first}"))
            else:
                items[name], keys[name] = value, key.mark
        return MapNode(mark, items, keys)

    def _scalar(self, mark: Mark, text: str, is_plain: bool) -> str | int | float | bool | None:
        if any("\ud800" <= character <= "\udfff" for character in text):
            self.problems.append(
                mark.problem("half of a surrogate pair (\\ud800 to \\udfff) is not a valid character")
            )
        if not is_plain:
            return text
        try:
            return read_scalar(text)
        except ValueError as error:
            self.problems.append(mark.problem(str(error), "put quotes around it if it should be text"))
            return None

    def _stop(self, event: yaml.Event, message: str) -> RecipeError:
        return RecipeError([*self.problems, self._mark_of(event).problem(message)])

    def _syntax_problem(self, error: yaml.MarkedYAMLError) -> Problem:
        fault = syntax_fault(error, self.lines)
        mark = Mark(self.file) if fault.place is None else self._mark(*fault.place)
        return mark.problem(f"not valid YAML: {fault.message}", fault.hint)

    def _mark_of(self, event: yaml.Event) -> Mark:
        start = event.start_mark
        return self._mark(start.line, start.column) if start is not None else Mark(self.file)

    def _mark(self, line: int, column: int) -> Mark:
        """Return the position for PyYAML's line and column, which count from 0, with the source if it is short."""
        source = self.lines[line] if line < len(self.lines) and column < _WIDEST_SOURCE else ""
        shown = "".join(c if c.isprintable() else " " for c in source[:_WIDEST_SOURCE])
        return Mark(self.file, line + 1, column + 1, shown, self.folder)
