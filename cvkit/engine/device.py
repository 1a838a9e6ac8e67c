"""Which device a run uses, and what it can compute there."""

from __future__ import annotations

import torch

from ..errors import RunError
from .step import Precision


def choose_device(name: str, precision: Precision) -> torch.device:
    """Return the device `name` stands for; ``"auto"`` is the first GPU, else the CPU.

    Raises `RunError` where the device is absent or cannot compute in `precision`.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
        if device.type == "cuda":
            torch.cuda.set_device(device)  # one process, one device: whatever asks for the GPU means this one
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise RunError(
            f"device '{name}' cannot be used: {reason}. Leave train.device at 'auto', or use 'cpu'"
        ) from error
    if precision == "fp16" and device.type != "cuda":
        raise RunError(f"train.precision: fp16 needs a CUDA device, and this run is on '{device}'; use bf16 or fp32")
    if precision == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise RunError("train.precision: this GPU does not compute in bf16; use fp16")
    return device
