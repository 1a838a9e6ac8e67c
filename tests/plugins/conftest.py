"""What tests of the built-in plugins share."""

from __future__ import annotations

import pytest
import torch

from cvkit import DataInfo


@pytest.fixture
def info() -> DataInfo:
    """Ten classes of 32x32 RGB images."""
    return DataInfo(3, 32, 32, tuple("abcdefghij"), (0.49, 0.48, 0.45), (0.25, 0.24, 0.26))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
