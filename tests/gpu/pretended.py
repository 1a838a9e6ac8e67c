"""A GPU that is pretended.

Its tensors live in ordinary memory, say that their device is ``cuda:0``, and must not be mixed with
others or read by NumPy, as on a real one. So a path that only a GPU takes runs on any machine, and an index or a mask
that was left on the CPU raises what it would raise there. Whatever kernels compute is not tested by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch._dynamo  # looks at functions that are replaced below, when an optimizer first loads it
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_iter, tree_map

CONVERSIONS = (Tensor.to, Tensor.cpu, Tensor.cuda)
READS = {"item", "tolist", "cpu", "nonzero", "__bool__", "__int__", "__float__", "__index__", "is_nonzero"}
RANDOM = {"rand", "randn", "randint", "randperm", "rand_like", "randn_like", "bernoulli", "dropout", "multinomial"}
RANDOM |= {"bernoulli_", "uniform_", "normal_", "random_", "exponential_"}
COPIES = {"copy_", "__set__", "_has_compatible_shallow_copy_type", "type_as", "set_"}
INDEXED = {"__getitem__", "__setitem__", "index_put_", "index_put"}


class Pretended(Tensor):
    """A tensor that says it lives on the pretended device."""

    where = torch.device("cuda", 0)

    @property
    def device(self) -> torch.device:
        return Pretended.where

    @property
    def is_cuda(self) -> bool:
        return Pretended.where.type == "cuda"

    def __deepcopy__(self, memo: dict[int, Any]) -> Pretended:
        numbers = plain(self).detach()
        copied = moved(torch.empty_like(numbers).copy_(numbers)).requires_grad_(self.requires_grad)
        copied.__dict__.update(self.__dict__)
        memo[id(self)] = copied
        return copied


def moved(tensor: Tensor) -> Pretended:
    """Return a tensor's numbers, in the same memory, as the pretended device's."""
    if tensor.is_leaf and not isinstance(tensor, Pretended):
        return Tensor._make_subclass(Pretended, tensor, tensor.requires_grad)
    return tensor.as_subclass(Pretended)


def plain(tensor: Tensor) -> Tensor:
    """Return a pretended tensor's numbers, in the same memory, as the CPU's."""
    with torch._C.DisableTorchFunction():
        return tensor.as_subclass(Tensor)


class PretendedGPU(TorchFunctionMode):
    """Makes what is done with the device `name` while it is entered happen in ordinary memory.

    `waits` counts how often the host has waited for it. A device without `float64` refuses it, as Apple's does.
    """

    def __init__(self, name: str = "cuda:0", float64: bool = True) -> None:
        super().__init__()
        self.device, self.float64 = torch.device(name), float64
        self.generator = torch.Generator().manual_seed(0)
        self.waits = 0

    def __enter__(self) -> PretendedGPU:
        Pretended.where = self.device
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        super().__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        torch.__future__.set_overwrite_module_params_on_conversion(False)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        given = args[:1] if func is Tensor.__deepcopy__ else (args, kwargs)  # a memo holds whatever was copied before
        tensors = [value for value in tree_iter(given) if isinstance(value, Tensor)]
        here = any(isinstance(tensor, Pretended) for tensor in tensors)
        name = getattr(func, "__name__", "")
        self.waits += self._waits(func, name, args, kwargs, here)
        if name in ("numpy", "__array__") and here:
            raise TypeError(f"can't convert {self.device} device type tensor to numpy")
        if func in CONVERSIONS:
            return self._converted(func, args, kwargs)
        if "device" in kwargs:
            kwargs["device"], here = self._placed(kwargs["device"], here)
        else:
            self._require_one_device(name, args, tensors)
        with torch._C.DisableTorchFunctionSubclass():
            made = self._drawn(func, args, kwargs) if here and name in RANDOM else func(*args, **kwargs)
        if not here or isinstance(made, torch.Size):
            return made
        return tree_map(lambda value: self._made_here(value, tensors), made)

    def _made_here(self, value: Any, given: list[Tensor]) -> Any:
        if not isinstance(value, Tensor) or isinstance(value, Pretended) or any(value is one for one in given):
            return value
        if value.dtype == torch.float64 and not self.float64:
            raise TypeError(f"Cannot convert a {self.device.type} Tensor to float64 dtype")
        return moved(value)

    def _placed(self, device: Any, here: bool) -> tuple[Any, bool]:
        """Return where a call really makes its tensor, and whether that is said to be here."""
        if device is None:
            return (torch.device("cpu") if here else None), here
        device = torch.device(device)
        if device.type != self.device.type:
            return device, False
        if device.index not in (None, self.device.index):
            raise RuntimeError("CUDA error: invalid device ordinal")
        return torch.device("cpu"), True

    def _converted(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        tensor, *rest = args
        was_here = isinstance(tensor, Pretended)
        copy, format = kwargs.get("copy", False), torch.preserve_format
        if func is Tensor.to:
            device, dtype, _, format = self._asked(rest, kwargs)
        else:
            device, dtype = (torch.device("cpu") if func is Tensor.cpu else self.device), None
        _, here = self._placed(device, was_here)
        with torch._C.DisableTorchFunctionSubclass():
            changes = here != was_here or copy
            found = plain(tensor) if was_here else tensor
            made = found.to(dtype=dtype or tensor.dtype, copy=changes, memory_format=format)
        if made is found and here == was_here:
            return tensor
        return self._made_here(made, []) if here else made

    @staticmethod
    def _asked(rest: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Any, bool, torch.memory_format]:
        """Return device, type, whether not to wait, and memory format, as arguments of `Tensor.to` ask for them."""
        options = {key: value for key, value in kwargs.items() if key != "copy"}
        format = options.pop("memory_format", None) or torch.preserve_format
        if rest and isinstance(rest[0], Tensor):
            return rest[0].device, rest[0].dtype, options.get("non_blocking", False), format
        return (*torch._C._nn._parse_to(*rest, **options)[:3], format)

    def _drawn(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call what draws numbers, from the device's own generator."""
        before = torch.get_rng_state()
        torch.set_rng_state(self.generator.get_state())
        try:
            return func(*args, **kwargs)
        finally:
            self.generator.set_state(torch.get_rng_state())
            torch.set_rng_state(before)

    def _waits(self, func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], here: bool) -> bool:
        """Whether the host waits for the device: to read a number, or to have one copied over."""
        if name in INDEXED and here:
            index = [one for one in tree_iter(args[1:2]) if isinstance(one, Tensor)]
            return any(one.dtype == torch.bool or not isinstance(one, Pretended) for one in index)
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") is not None:
            return torch.device(kwargs["device"]).type == self.device.type and not here
        if func is Tensor.to and not here:
            device, _, non_blocking, _ = self._asked(args[1:], kwargs)
            return device is not None and device.type == self.device.type and not non_blocking
        if func is Tensor.to and here and kwargs.get("copy"):  # torch's own code finds pretended gradients on the CPU
            device, _, non_blocking, _ = self._asked(args[1:], kwargs)
            return device is not None and device.type == "cpu" and not non_blocking
        return here and name in READS

    def _require_one_device(self, name: str, args: tuple[Any, ...], tensors: list[Tensor]) -> None:
        """Raise what torch would where tensors of two devices meet; a number of the CPU may meet any."""
        if name in COPIES or torch._C._current_autograd_node() is not None:  # backward makes tensors of its own
            return
        elsewhere = [tensor for tensor in tensors if not isinstance(tensor, Pretended)]
        if len(elsewhere) == len(tensors) or not any(tensor.ndim for tensor in elsewhere):
            return
        if name in INDEXED:
            index = [one for one in tree_iter(args[1:2]) if isinstance(one, Tensor)]
            into_slice = name == "__setitem__" and not index  # which copies
            if into_slice or (isinstance(args[0], Pretended) and len(index) == len(elsewhere)):
                return
        raise RuntimeError(f"Expected all tensors to be on the same device, {self.device} and cpu: {name}")


class Cuda:
    """What `torch.cuda` answers where the pretended device is the one GPU; it keeps what was asked of it."""

    def __init__(self, mode: PretendedGPU, free: int = 1 << 30) -> None:
        self.mode, self.free, self.chosen = mode, free, []

    def set_device(self, device: Any) -> None:
        self.chosen.append(torch.cuda._utils._get_device_index(device))  # which raises without an index

    def mem_get_info(self, device: Any = None) -> tuple[int, int]:
        return self.free, 2 * self.free

    def get_rng_state(self, device: Any = "cuda") -> Tensor:
        return self.mode.generator.get_state()

    def set_rng_state(self, state: Tensor, device: Any = "cuda") -> None:
        self.mode.generator.set_state(state)

    def manual_seed_all(self, seed: int) -> None:
        self.mode.generator.manual_seed(seed)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        answers: dict[str, Any] = {
            "is_available": True,
            "is_initialized": True,
            "device_count": 1,
            "current_device": 0,
            "get_device_name": "a pretended GPU",
            "is_bf16_supported": True,
            "synchronize": None,
            "empty_cache": None,
            "current_stream": SimpleNamespace(synchronize=lambda: None),
            "Event": SimpleNamespace(record=lambda stream: None, synchronize=lambda: None),
        }
        for name, answer in answers.items():
            patch.setattr(torch.cuda, name, lambda *args, answer=answer, **kwargs: answer)
        patch.setattr(torch.cuda, "get_rng_state_all", lambda: [self.get_rng_state()])
        patch.setattr(torch.cuda, "set_rng_state_all", lambda states: self.set_rng_state(*states))
        for name in ("set_device", "mem_get_info", "get_rng_state", "set_rng_state", "manual_seed_all"):
            patch.setattr(torch.cuda, name, getattr(self, name))
        for name in ("_accelerator_graph_capture_health_check", "_cuda_graph_capture_health_check"):
            patch.setattr(torch.optim.Optimizer, name, lambda self: None, raising=False)  # it asks the driver
        patch.setattr(torch.accelerator, "is_available", lambda: False)  # or loaders pin memory by the driver
        patch.setattr(Tensor, "pin_memory", lambda tensor, device=None: tensor)  # torch 2.6 asks is_available of CUDA
        real = torch.autocast  # so that what autocast makes half as precise is that here too
        patch.setattr(torch, "autocast", lambda device, dtype, **options: real("cpu", dtype, **options))


def as_apples(mode: PretendedGPU, patch: pytest.MonkeyPatch) -> None:
    """Make the pretended device Apple's: `torch.mps` answers for it."""
    answers = {"get_rng_state": mode.generator.get_state, "set_rng_state": mode.generator.set_state}
    for name, answer in (answers | {"manual_seed": mode.generator.manual_seed}).items():
        patch.setattr(torch.mps, name, answer)
    patch.setattr(torch.backends.mps, "is_available", lambda: True)
