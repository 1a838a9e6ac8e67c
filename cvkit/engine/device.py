"""Choose the device of a run, and check what it can compute."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..allocator import computing_on
from ..compiler_import import about_to_train
from ..errors import DeviceError, first_line
from ..formatting import counted
from ..recipe.settings import Precision
from ..world.world import World
from .forward import Autocast


def choose_device(name: str, precision: Precision, world: World | None = None) -> torch.device:
    """Return the device called `name`, with its index; ``"auto"`` is the first GPU, or the CPU if there is none.

    Each process of a `world` gets a GPU of its own. A CUDA GPU becomes the current device of the process. A small
    computation checks the device, because a driver may list a GPU that torch has no kernels for. In cvkit's own
    processes, the allocator then keeps freed memory if the device is the CPU. Raises `DeviceError` if the device is
    missing, fails, or cannot compute in `precision`.
    """
    if world is not None and world.size > 1:
        name = _of_process(name, world)
    advice = "Set train.device to 'auto' or 'cpu'"
    if name == "auto":
        advice = "Repair its driver, or train on the CPU: set train.device: cpu"
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.empty(0, device=name).device  # set_device requires an index, which "cuda" does not have
        if device.type == "cuda":
            torch.cuda.set_device(device)  # one process uses one device
        torch.ones(2, device=device).sum().item()
    except Exception as error:  # a driver, or a torch without one, may raise anything
        raise DeviceError(f"device '{name}' cannot be used: {first_line(error)}. {advice}") from error
    if precision == "fp16" and device.type != "cuda":
        raise DeviceError(
            f"train.precision: fp16 requires a CUDA device, but this run uses '{device}'; use bf16 or fp32"
        )
    if precision == "bf16" and not _computes_in_bf16(device):
        instead = "fp16" if device.type == "cuda" else "fp32"
        raise DeviceError(f"train.precision: the device '{device}' does not support bf16; use {instead}")
    computing_on(device.type)
    about_to_train()
    return device


def _of_process(name: str, world: World) -> str:
    """Return the name of the device of one of several processes; raise `DeviceError` if it cannot have its own."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu":
        return name
    if name != "cuda":
        raise DeviceError(
            f"train.device is '{name}', but {world.size} processes train together, each on its own device. Set "
            "train.device to 'auto', 'cuda' or 'cpu'"
        )
    there = torch.cuda.device_count()
    if world.local_rank >= there:
        raise DeviceError(
            f"process {world.local_rank + 1} on this machine has no GPU: torch finds {counted(there, 'GPU')}. Start "
            "at most one process for each GPU (torchrun --nproc-per-node), or set train.device: cpu"
        )
    return f"cuda:{world.local_rank}"


def _computes_in_bf16(device: torch.device) -> bool:
    """Return whether autocast computes in bf16 on `device`. If it cannot, torch warns and computes in fp32."""
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
    """Make cuDNN benchmark its kernels for each new shape and use the fastest, if `device` is a CUDA GPU.

    This is faster if shapes repeat, as in training steps. The previous setting of the process is restored.
    """
    before = torch.backends.cudnn.benchmark
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
