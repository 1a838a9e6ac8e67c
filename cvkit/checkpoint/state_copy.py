"""`StateCopy`: a state as it is now, in memory that later steps do not change, so that a thread can write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .serialization import copied, parted


@dataclass(frozen=True)
class StateCopy:
    """A copy of a state in the memory of the CPU.

    A GPU copies its tensors into pinned memory, which torch keeps for the next copy, after the work that is already
    queued. The process does not wait for it; whoever reads the tensors calls `wait` before.

    Attributes:
        data: The state as JSON values with references to the tensors.
        tensors: The tensors by name.
        copied: An event for each GPU, after which its tensors are complete.
    """

    data: Any
    tensors: Mapping[str, Tensor]
    copied: tuple[torch.cuda.Event, ...] = ()

    @classmethod
    def of(cls, state: Any) -> StateCopy:
        """Copy `state`; raise `CheckpointError` that names the place of a value that is neither data nor a tensor."""
        data, tensors = parted(state)
        copies = {name: copied(tensor, wait=False) for name, tensor in tensors.items()}
        events = []
        for device in {tensor.device for tensor in tensors.values() if tensor.is_cuda}:
            events.append(torch.cuda.Event())
            events[-1].record(torch.cuda.current_stream(device))
        return cls(data, copies, tuple(events))

    def wait(self) -> None:
        """Wait until every tensor is complete."""
        for event in self.copied:
            event.synchronize()
