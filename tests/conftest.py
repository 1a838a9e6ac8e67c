"""What tests of several parts share."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest


@pytest.fixture(scope="session")
def cifar10_root() -> Path:
    """The data folder that holds the real CIFAR-10; tests are skipped where it has not been fetched."""
    root = Path(os.environ.get("CVKIT_DATA") or platformdirs.user_cache_path("cvkit"))
    if not (root / "cifar10.safetensors").is_file():
        pytest.skip(f"CIFAR-10 is not in {root}; `cvkit data fetch cifar10` puts it there")
    return root
