"""The built-in catalog; small nets train on one thread."""

from __future__ import annotations

import pytest

from cvkit import Catalog, discover


@pytest.fixture(autouse=True)
def on_one_thread(one_thread):
    """Small nets are faster on one thread."""


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The catalog of built-in plugins."""
    return discover()
