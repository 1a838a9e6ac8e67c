"""Text from outside made safe to print, and commands quoted so that they can be copied.

Names come from recipes, file names, class folders and run folders, and any of them may hold escape sequences that
write to a terminal's clipboard, or direction marks that make a line read as another.
"""

from __future__ import annotations

import os
import re
import shlex
import unicodedata

_DIRECTION_MARKS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_UNSAFE_CATEGORIES = frozenset(("Cc", "Cs", "Zl", "Zp"))  # controls, lone surrogates, line and paragraph separators
_FAST = re.compile(r"[ -~\n]*")  # what nearly all text is made of, told without a look at each character


def printable(text: str, *, lines: bool = False) -> str:
    r"""Return `text` with every character that could steer a terminal written as an escape such as ``\x1b``.

    Args:
        text: any text. Letters of every script, emoji and the joiners they need stay as they are.
        lines: whether line breaks stay line breaks; they are escaped too otherwise.
    """
    if _FAST.fullmatch(text) and (lines or "\n" not in text):
        return text
    return "".join(_escaped(c) if _unsafe(c) and not (lines and c == "\n") else c for c in text)


def _unsafe(character: str) -> bool:
    return character in _DIRECTION_MARKS or unicodedata.category(character) in _UNSAFE_CATEGORIES


def _escaped(character: str) -> str:
    return ascii(character)[1:-1]


def on_one_line(text: str) -> str:
    """Return text with line breaks and tabs as single spaces, and everything else as `printable` writes it."""
    return printable(re.sub(r"\s*[\t\n\r\f\v]\s*", " ", text))


def shell_words(*words: object) -> str:
    """Return a command that a POSIX shell splits into exactly `words`, and that is safe to print."""
    return " ".join(_quoted(str(word)) for word in words)


def _quoted(word: str) -> str:
    if printable(word) == word:
        return shlex.quote(word)
    # $'...' is the one form of quoting that can spell a control character; bytes also spell undecodable file names.
    plain = "".join(
        c
        if printable(c) == c and c not in "\\'"
        else f"\\{c}"
        if c in "\\'"
        else "".join(f"\\x{b:02x}" for b in os.fsencode(c))
        for c in word
    )
    return f"$'{plain}'"
