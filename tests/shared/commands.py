"""The command line, called as a user does, but without the cost of a new process each time."""

from __future__ import annotations

import re
import sys
from typing import NamedTuple
from unittest.mock import patch

import pytest

from cvkit.cli import main


class Answer(NamedTuple):
    """What a command answered: its exit code, and what it wrote to stdout and stderr."""

    code: int
    out: str
    err: str


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> Answer:
    """Call ``cvkit`` with arguments in this process, its output going to a pipe."""
    argv = ["cvkit", *map(str, arguments)]
    with patch.object(sys, "argv", argv), pytest.raises(SystemExit) as ended:
        main()
    return Answer(ended.value.code or 0, *capsys.readouterr())


def without_time(text: str) -> str:
    """Write how long a declaration took as ``<time>``."""
    return re.sub(r"\b\d+\.\d+ m?s\b", "<time>", text)
