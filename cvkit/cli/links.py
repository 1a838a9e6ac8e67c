"""Links to files in the output of commands (OSC 8), for the terminals that are known to support them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_PROGRAMS = ("iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "Tabby", "rio", "zed")
_VARIABLES = ("KITTY_WINDOW_ID", "WT_SESSION", "KONSOLE_VERSION", "DOMTERM", "ALACRITTY_WINDOW_ID")
_VTE = 5000  # GNOME's terminals since 0.50


def supports_links(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal is known to show OSC 8 links; others might print the escape codes."""
    vte = environment.get("VTE_VERSION", "")
    return (
        environment.get("TERM_PROGRAM") in _PROGRAMS
        or any(name in environment for name in _VARIABLES)
        or (vte.isdecimal() and int(vte) >= _VTE)
    )


def linked(shown: str, path: Path) -> str:
    """Return `shown`, which is safe to print, as a link to the file or folder `path` if the terminal supports that.

    Source: https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda
    """
    if not supports_links():
        return shown
    import socket  # only a link needs it

    place = path.absolute().as_uri().replace("file://", f"file://{socket.gethostname()}", 1)
    return f"\x1b]8;;{place}\x1b\\{shown}\x1b]8;;\x1b\\"
