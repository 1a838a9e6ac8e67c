"""Shortens a traceback to the frames of a plugin's own code."""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path

_CHAIN = re.compile(
    r"\n(?:The above exception was the direct cause of the following exception"
    r"|During handling of the above exception, another exception occurred):\n\n"
)
_FRAME = re.compile(r'  File "(?P<file>.*?)", line .*\n(?:    .*\n|  \[.*\n)*')
_FOREIGN = (str(Path(__file__).parents[1]), str(Path(importlib.__file__).parent), "<frozen ")
# This package loads entry points instead of the standard library once anything has imported it.
_ENTRY_POINTS = f"{os.sep}importlib_metadata{os.sep}"


def own_lines(trace: str) -> list[str]:
    """Return the first and last frames outside cvkit and Python's import system, and the first line of the error.

    `trace` is the text from `traceback.format_exc`. In a chain of errors, the last one with such frames is used. If
    no error has any, returns no lines, because the message alone is enough.
    """
    for error in reversed(_CHAIN.split(trace)):
        frames = [found for found in _FRAME.finditer(error) if not _foreign(found["file"])]
        if frames:
            shown = [frames[0][0].splitlines()]
            shown += [["  ..."]] if len(frames) > 2 else []
            shown += [frames[-1][0].splitlines()] if len(frames) > 1 else []
            message = error[max(found.end() for found in _FRAME.finditer(error)) :].partition("\n")[0]
            return [*(line for lines in shown for line in lines), message]
    return []


def _foreign(file: str) -> bool:
    return file.startswith(_FOREIGN) or _ENTRY_POINTS in file
