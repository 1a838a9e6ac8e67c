"""Whether ``torchrun`` started this process as one of several. It does not need torch."""

from __future__ import annotations

import os
from collections.abc import Mapping


def launched(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether ``torchrun`` started this process as one of several."""
    return "RANK" in environ and environ.get("WORLD_SIZE", "1") != "1"
