"""Figures are left unrendered."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", autouse=True)
def painted_only(unrendered) -> None:
    """What happens to figures is tested with a fresh process, and in tests/diagnostics and tests/report."""
