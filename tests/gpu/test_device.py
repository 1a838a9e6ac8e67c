"""The device that a recipe names is one that a run can use, or it is said why not."""

from __future__ import annotations

import contextlib

import pytest
import torch

from cvkit import DeviceError
from cvkit.engine.device import choose_device, tried_kernels

from .conftest import lent


@pytest.mark.parametrize("name", ["auto", "cuda", "cuda:0"])
def test_gpu_has_an_index_and_becomes_the_current_one(gpu, name):
    """`torch.cuda.set_device` takes no device without one."""
    device = choose_device(name, "fp32")
    assert device == gpu.device
    assert torch.zeros(2, device=device).device == device
    assert torch.cuda.current_device() == device.index
    if gpu.cuda:
        assert gpu.cuda.chosen == [0]


@pytest.mark.parametrize("name", ["cuda:99", "meta", "nonsense", "cpu:x", ""])
def test_device_that_cannot_be_used_is_refused(gpu, name):
    """An index there is not, a device that holds no numbers, and what is none."""
    with pytest.raises(DeviceError, match=f"'{name}'"):
        choose_device(name, "fp32")


@pytest.mark.parametrize("error", [ValueError("no index"), AttributeError(), RuntimeError("busy\nSearch for `cuda`")])
def test_whatever_a_driver_raises_is_told_in_one_line(gpu, monkeypatch, error):
    """A GPU that another process has for itself, or a torch that was built without."""

    def refuse(device):
        raise error

    monkeypatch.setattr(torch.cuda, "set_device", refuse)
    with pytest.raises(DeviceError) as caught:
        choose_device("auto", "fp32")
    told = str(caught.value)
    assert "'cuda'" in told
    assert (str(error) or "AttributeError").splitlines()[0] in told
    assert "\n" not in told
    assert "Search for" not in told
    assert "train.device: cpu" in told


def test_device_that_a_driver_refuses_is_told_in_a_sentence(monkeypatch, wording):
    """With what torch says, and the way out."""

    def refuse(device):
        raise RuntimeError("busy")

    with lent("pretended"), monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "set_device", refuse)
        with pytest.raises(DeviceError) as caught:
            choose_device("auto", "fp32")
    assert str(caught.value) == wording


def test_gpu_without_kernels_is_refused(gpu, monkeypatch):
    """It is there and takes tensors, and torch was built for other generations of GPUs."""

    def refuse(*args, **kwargs):
        raise RuntimeError("no kernel image is available for execution on the device")

    monkeypatch.setattr(torch, "ones", refuse)
    with pytest.raises(DeviceError, match="no kernel image is available"):
        choose_device("cuda", "fp32")


def test_gpu_without_bf16_is_refused_for_it(gpu, monkeypatch):
    """Emulated bf16 would be slower than fp32."""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    with pytest.raises(DeviceError, match=r"bf16.*fp16"):
        choose_device("auto", "bf16")


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_gpu_is_taken_for_every_precision_it_has(gpu, precision):
    """And autocast is entered on it."""
    if precision == "bf16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        pytest.skip("this GPU does not compute in bf16")
    assert choose_device("auto", precision) == gpu.device


def test_bf16_that_autocast_only_warns_of_is_refused(monkeypatch, wording):
    """On some systems torch says that it leaves autocast off and goes on in fp32."""
    real = torch.autocast
    monkeypatch.setattr(torch, "autocast", lambda device, dtype: real(device, dtype, enabled=False))
    with pytest.raises(DeviceError, match=r"bf16.*fp32") as caught:
        choose_device("cpu", "bf16")
    assert str(caught.value) == wording


def test_apples_gpu_is_found_with_its_index(apple):
    """A tensor there says ``mps:0``, so a device without an index would not equal its own tensors'."""
    assert choose_device("auto", "fp32") == torch.device("mps", 0)


@pytest.mark.parametrize("before", [False, True])
def test_trying_kernels_leaves_the_process_as_it_was(gpu, before):
    """Also where what is done meanwhile fails."""
    found = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = before
    try:
        with contextlib.suppress(KeyError), tried_kernels(gpu.device):
            assert torch.backends.cudnn.benchmark
            raise KeyError
        assert torch.backends.cudnn.benchmark is before
        with tried_kernels(torch.device("cpu")):
            assert torch.backends.cudnn.benchmark is before
    finally:
        torch.backends.cudnn.benchmark = found
