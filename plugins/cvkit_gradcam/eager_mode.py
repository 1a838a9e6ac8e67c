"""A model's code run as it is written, compiled or not."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext

import torch


def eager_mode() -> AbstractContextManager[object]:
    """Run what follows without compiled code, which does not call the hooks that are set after it was compiled.

    Where torch's compiler was never loaded nothing is compiled, and loading it would take seconds.
    """
    return torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()
