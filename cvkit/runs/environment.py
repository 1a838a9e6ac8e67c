"""The environment that the numbers of a run depend on, apart from the recipe and the data."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from ..allocator import allocator
from .provenance import reinstall

_LIBRARIES = ("cvkit-core", "torch", "torchvision", "numpy", "kornia", "timm", "pluggy", "pydantic", "matplotlib")
_WITHOUT_EFFECT = ("allocator",)  # on numbers: it changes only how long a run takes, and how much memory it uses


def describe_environment(device: torch.device, processes: int = 1) -> dict[str, Any]:
    """Return the environment that numbers and speed of a run depend on, apart from the recipe and the data."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "CPU"
    environment: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": f"{device} ({name})",
        "threads": torch.get_num_threads(),
        "allocator": str(allocator()),
        "processes": processes,
    }
    for library in _LIBRARIES:
        try:
            environment[library] = version(library)
        except PackageNotFoundError:
            environment[library] = "not installed as a distribution"
    return environment | {"executable": Path(sys.executable).name}


def environment_changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return a line for each value that differs between two environments and that numbers depend on."""
    return [
        f"{key} was {before[key]} when the run began and is {value} now"
        + (f". {reinstall(key, before[key])}" if key in _LIBRARIES else "")
        for key, value in now.items()
        if key not in _WITHOUT_EFFECT and before.get(key, value) != value
    ]
