"""Makes untrusted text safe to print, and quotes commands so that users can copy them.

Names come from recipes, files, class folders and run folders. Any of them may contain escape sequences that write to
the terminal's clipboard, or direction marks that change how a line looks.
"""

from __future__ import annotations

import os
import re
import shlex
import unicodedata
from collections.abc import Sequence

_DIRECTION_MARKS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_UNSAFE_CATEGORIES = frozenset(
    ("Cc", "Cs", "Zl", "Zp")
)  # control characters, lone surrogates, line and paragraph separators
_JOINERS = "\u200c\u200d"
_FAST = re.compile(r"[ -~\n]*")  # matches nearly all text, without a look at each character


def printable(text: str, *, lines: bool = False) -> str:
    r"""Return `text` with every character that could control a terminal replaced by an escape such as ``\x1b``.

    Args:
        text: Any text. Letters of every script, emoji and the joiners they need are not changed.
        lines: Keep line breaks instead of escaping them.
    """
    if _FAST.fullmatch(text) and (lines or "\n" not in text):
        return text
    return "".join(_escaped(c) if _unsafe(c) and not (lines and c == "\n") else c for c in text)


def shows(text: str) -> bool:
    """Return whether every character is visible, a space, or a joiner, which emoji, Hindi and Persian need."""
    return all(character.isprintable() or character in _JOINERS for character in text)


def _unsafe(character: str) -> bool:
    return character in _DIRECTION_MARKS or unicodedata.category(character) in _UNSAFE_CATEGORIES


def _escaped(character: str) -> str:
    return ascii(character)[1:-1]


def readable_name(name: str) -> str:
    """Return the name of a file as text that can be stored: bytes that are not UTF-8 become escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def named_in(name: str, names: Sequence[str]) -> int | None:
    """Return the position of `name` in `names` in any spelling of Unicode; None if it is absent."""
    if name in names:
        return names.index(name)
    wanted, known = composed_name(name), [composed_name(each) for each in names]
    return known.index(wanted) if wanted in known else None


def composed_name(name: str) -> str:
    """Return readable text in the composed form of Unicode (NFC), in which equal names are equal text."""
    return unicodedata.normalize("NFC", readable_name(name))


def on_one_line(text: str) -> str:
    """Return `printable` text with line breaks and tabs replaced by single spaces."""
    return printable(re.sub(r"\s*[\t\n\r\f\v]\s*", " ", text))


def shell_words(*words: object) -> str:
    """Return a command that a POSIX shell splits into exactly these words, and that is safe to print."""
    return " ".join(_quoted(str(word)) for word in words)


def _quoted(word: str) -> str:
    if printable(word) == word:
        return shlex.quote(word)
    # Only $'...' can express control characters. Written as bytes, it can also express undecodable file names.
    plain = "".join(
        c
        if printable(c) == c and c not in "\\'"
        else f"\\{c}"
        if c in "\\'"
        else "".join(f"\\x{b:02x}" for b in os.fsencode(c))
        for c in word
    )
    return f"$'{plain}'"
