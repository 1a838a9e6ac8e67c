"""Reads docstrings: the summary, the description, and the text about each parameter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_SENTENCE_END = re.compile(r"(?<=\.) (?=[A-Z`])")
_IN_PROSE = re.compile(r"(?:^|(?<=[.;] ))(`\w+`(?:, `\w+`)*): (.+?)(?= Raises `| `\w+`(?:, `\w+`)*: |$)")
_PARAMETERS = re.compile(r"^(?:Args|Arguments|Attributes|Parameters):[ \t]*\n(?:[ \t]+\S.*(?:\n|\Z)|[ \t]*\n)*", re.M)
_GOOGLE: dict[str, Any] = {"returns_multiple_items": False, "returns_named_value": False}


@dataclass(frozen=True)
class Docstring:
    """The parts of a docstring.

    Attributes:
        text: The docstring as written, without its indentation.
        summary: The first paragraph, on one line.
        description: The paragraphs between the summary and the first section, as written.
        parameters: The text about each parameter or attribute, on one line.
        returns: The text about the returned value, on one line.
        raises: The text about each exception, on one line.
        has_sections: Whether the text lists parameters in a section, rather than in prose.
    """

    text: str
    summary: str = ""
    description: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    returns: str = ""
    raises: tuple[tuple[str, str], ...] = ()
    has_sections: bool = False

    def about(self, name: str) -> str:
        """Return the text about a parameter, or the first sentence that mentions it; empty if there is neither."""
        if name in self.parameters:
            return self.parameters[name]
        sentences = (part for paragraph in _paragraphs(self.text) for part in _SENTENCE_END.split(paragraph))
        return next((sentence for sentence in sentences if f"`{name}`" in sentence), "")

    def without_parameters(self) -> str:
        """Return the text as written, without its list of parameters in Google form."""
        return _PARAMETERS.sub("", self.text).strip() if self.has_sections else self.text


def parse_docstring(text: str) -> Docstring:
    """Return the parts of a docstring in Google or Sphinx form.

    A docstring without such a list of parameters may describe them in prose, as in "`width`: how wide it is.".
    """
    import griffe  # 110 ms, which only commands that show documentation spend

    text = text.strip()
    paragraphs = [*_paragraphs(text)]
    sections = griffe.parse_google(griffe.Docstring(text), warnings=False, **_GOOGLE)
    listing = (griffe.DocstringSectionParameters, griffe.DocstringSectionAttributes)
    if not any(isinstance(one, listing) for one in sections):
        sections += griffe.parse_sphinx(griffe.Docstring(text), warnings=False)
    listed: dict[str, str] = {}
    description, returns, raises = "", "", []
    for section in sections:
        match section:
            case griffe.DocstringSectionText(value=prose) if not description:
                _, _, description = prose.strip().partition("\n\n")
            case griffe.DocstringSectionParameters(value=items) | griffe.DocstringSectionAttributes(value=items):
                listed |= {
                    name.strip(): _one_line(item.description) for item in items for name in item.name.split(",")
                }
            case griffe.DocstringSectionReturns(value=items):
                found = items[0]  # griffe takes the words before a colon for the type
                returns = _one_line(
                    f"{found.annotation}: {found.description}" if found.annotation else found.description
                )
            case griffe.DocstringSectionRaises(value=items):
                raises += [(str(item.annotation), _one_line(item.description)) for item in items]
    in_prose = {
        name: about
        for paragraph in paragraphs
        for names, about in _IN_PROSE.findall(paragraph)
        for name in re.findall(r"\w+", names)
    }
    return Docstring(text, paragraphs[0], description, listed or in_prose, returns, tuple(raises), bool(listed))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _paragraphs(text: str) -> Iterator[str]:
    return (_one_line(paragraph) for paragraph in _BLANK_LINE.split(text))
