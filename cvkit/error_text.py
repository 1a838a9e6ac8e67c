"""What a component raised, told in one line."""

from __future__ import annotations

import traceback

from .errors import one_line

_LONGEST = 500  # characters of a message; some libraries print whole tensors
_PASSED_THROUGH = ("torch", "cvkit")  # an error seldom has its reason in the library or in the loop that it passed


def cause(error: BaseException, package: str = "") -> str:
    """Return the error's type, its message in one line and the file and line that it came from.

    That line is the last one in `package`, a top-level module; where there is none, the last outside torch and cvkit,
    if there is one.
    """
    message = one_line(error)
    message = message if len(message) <= _LONGEST else f"{message[:_LONGEST]}..."
    name = type(error).__name__
    told = name if message == name else f"{name}: {message}"
    if isinstance(error, OverflowError) or "without overflow" in message:  # the latter is torch's
        told += "; a number that it was given is too large"
    frames = [
        (str(frame.f_globals.get("__name__", "")).partition(".")[0], frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    own = [frame for frame in frames if frame[0] == package]
    foreign = [frame for frame in frames if frame[0] not in _PASSED_THROUGH]
    if not (own or foreign):
        return told
    _, file, line = (own or foreign)[-1]
    return f"{told} ({file}, line {line})"
