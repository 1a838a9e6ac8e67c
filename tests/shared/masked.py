"""What differs between machines and versions of libraries, taken out of a text before it is compared."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+(?:e[-+]?\d+)?|(?<![\w.])-?\d+e[-+]?\d+|\d{9,}")
_QUOTE = re.compile(r"\b(\w*[a-z][A-Z]\w*): (.+)")
_OURS = ("RecipeError", "CheckpointError")


def without_numbers(text: str) -> str:
    """Replace numbers with a fraction or an exponent, and times, by ``<number>``: training and chance decide them."""
    return _NUMBER.sub("<number>", text)


def without_quotes(text: str) -> str:
    """Replace an exception of Python's or a library's, its name and up to the line's end, by ``<error>``."""
    return _QUOTE.sub(lambda found: found[0] if found[1] in _OURS else "<error>", text)


def without_cause(error: BaseException) -> str:
    """Return what an error says, ``<cause>`` in the place of the message that it quotes of its cause."""
    return str(error).replace(" ".join(str(error.__cause__).split()), "<cause>")
