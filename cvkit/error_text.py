"""Describes an error that a component raised on one line."""

from __future__ import annotations

import traceback

from .errors import one_line

_LONGEST = 500  # characters of a message; some libraries print whole tensors
_PASSED_THROUGH = ("torch", "cvkit")  # errors are rarely caused by torch or by the training loop


def cause(error: BaseException, package: str = "") -> str:
    """Return the type of an error, its message on one line, and the file and line that raised it.

    The line is the last frame in the top-level module `package`, or else the last frame outside torch and cvkit, if
    there is one.
    """
    message = one_line(error)
    message = message if len(message) <= _LONGEST else f"{message[:_LONGEST]}..."
    name = type(error).__name__
    text = name if message == name else f"{name}: {message}"
    if isinstance(error, OverflowError) or "without overflow" in message:  # torch's message
        text += "; one of its options or inputs is too large"
    frames = [
        (str(frame.f_globals.get("__name__", "")).partition(".")[0], frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    own = [frame for frame in frames if frame[0] == package]
    foreign = [frame for frame in frames if frame[0] not in _PASSED_THROUGH]
    if not (own or foreign):
        return text
    _, file, line = (own or foreign)[-1]
    return f"{text} ({file}, line {line})"
