"""The environment of a run: what is recorded, and what counts as a change."""

from __future__ import annotations

import torch

from cvkit.allocator import allocator
from cvkit.runs.environment import describe_environment, environment_changes


def test_allocator_is_recorded_and_is_no_change_of_the_numbers():
    """It changes how long a run takes; a run that goes on with another has the same numbers."""
    now = describe_environment(torch.device("cpu"))
    assert now["allocator"] == str(allocator())
    assert environment_changes(now | {"allocator": "jemalloc"}, now) == []
    (line,) = environment_changes(now | {"threads": 99, "allocator": "jemalloc"}, now)
    assert "threads was 99" in line
