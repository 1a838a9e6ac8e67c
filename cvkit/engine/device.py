"""Which device a run uses, and what it can compute there."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..errors import RunError, first_line
from ..recipe.settings import Precision
from .forward import Autocast


def choose_device(name: str, precision: Precision) -> torch.device:
    """Return the device `name` stands for, with the index it has; ``"auto"`` is the first GPU, else the CPU.

    A CUDA GPU becomes the process's current one. A small computation is tried on the device, as a driver may list a
    GPU that torch has no kernels for. Raises `RunError` where the device is absent, fails, or cannot compute in
    `precision`.
    """
    advice = "Leave train.device at 'auto', or use 'cpu'"
    if name == "auto":
        advice = "Put its driver in order, or train without it: train.device: cpu"
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.empty(0, device=name).device  # "cuda" alone is no device that set_device takes; a tensor's is
        if device.type == "cuda":
            torch.cuda.set_device(device)  # one process, one device: whatever asks for the GPU means this one
        torch.ones(2, device=device).sum().item()
    except Exception as error:  # whatever a device's driver, or torch without one, raises
        raise RunError(f"device '{name}' cannot be used: {first_line(error)}. {advice}") from error
    if precision == "fp16" and device.type != "cuda":
        raise RunError(f"train.precision: fp16 needs a CUDA device, and this run is on '{device}'; use bf16 or fp32")
    if precision == "bf16" and not _computes_in_bf16(device):
        instead = "fp16" if device.type == "cuda" else "fp32"
        raise RunError(f"train.precision: the device '{device}' does not compute in bf16; use {instead}")
    return device


def _computes_in_bf16(device: torch.device) -> bool:
    """Whether autocast to bf16 does anything on `device`: where it cannot, torch warns and computes in fp32."""
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return False
    with warnings.catch_warnings(action="ignore"):
        try:
            with Autocast(device, "bf16")():
                ones = torch.ones(2, 2, device=device)
                return (ones @ ones).dtype == torch.bfloat16
        except RuntimeError:
            return False


@contextmanager
def tried_kernels(device: torch.device) -> Iterator[None]:
    """Have cuDNN try its kernels for each new shape and keep the fastest, where `device` is a CUDA GPU.

    That pays where shapes repeat, as a step's do. The process's own setting is put back.
    """
    before = torch.backends.cudnn.benchmark
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
