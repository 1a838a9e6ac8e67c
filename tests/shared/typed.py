"""mypy as one calls it on one's own code: strict and without a configuration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock


def strict_mypy(config: pytest.Config, folder: Path, *paths: Path | str) -> subprocess.CompletedProcess[str]:
    """Check files or folders, from `folder`.

    All calls share a cache, as mypy needs most of a minute to read torch; the second waits for the first, which fills
    it. So all of them have the same options: mypy ignores a cache that was written under others.
    """
    cache = config.cache.mkdir("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={cache}", *map(str, paths)]
    with FileLock(cache / "lock"):
        return subprocess.run(command, cwd=folder, capture_output=True, text=True)
