"""Run a compiled model without its compiled code."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext

import torch


def eager_mode() -> AbstractContextManager[object]:
    """Return a context without compiled code, because compiled code does not call hooks that were added later.

    If torch's compiler is not loaded, no model is compiled. It is not loaded here, because that takes seconds.
    """
    return torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()
