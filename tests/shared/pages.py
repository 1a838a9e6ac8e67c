"""What a page says to whoever reads it, without its tags and pictures."""

from __future__ import annotations

import re
from html import unescape


def lines_of(html: str) -> list[str]:
    """The texts in the body of a page, or in a part of it, in reading order."""
    body = re.split("<body[^>]*>", html)[-1]
    return [line for text in re.split("<[^>]*>", body) if (line := " ".join(unescape(text).split()))]


def without_any_number(text: str) -> str:
    """Return a text with each number in it written as ``<n>``."""
    return re.sub(r"[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?", "<n>", text)


def outline(page: str) -> list[str]:
    """Return a page's headings, facts with their notes, titles of figures and heads of tables, without numbers."""
    found = re.findall(r'<(?:h2|dt|dd class="note"|strong|th scope="col"(?: class="number")?)>(.*?)<', page)
    return [without_any_number(unescape(text)) for text in found]
