"""How much disk the checkpoints of a search take."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checkpoint.state_dicts import model_state
from ..data.caching import gigabytes
from ..engine.parts import RunParts
from ..engine.resumable import training_state
from ..engine.step import needs_closure, training_mode
from .definition import SearchDefinition

_KEPT = 2
"""Checkpoints of a run; `write_checkpoint` removes older ones."""


def checkpoint_size(parts: RunParts) -> int | None:
    """Return the bytes of the tensors in a checkpoint of a run, or None if they are not known before training.

    The optimizer gets its state in its first step, so it takes one with gradients of 0. The parts must not be trained
    afterwards. The size is unknown if the optimizer needs the loss for a step, or refuses such a step.
    """
    step = parts.train_step(parts.model, parts.loss, parts.preprocessor)
    if needs_closure(step.optimizer):
        return None
    for group in step.optimizer.param_groups:
        for weight in group["params"]:
            weight.grad = torch.zeros_like(weight)
    try:
        with training_mode(step.optimizer, step.forward.guards.optimizer):
            step.optimizer.step()
    except Exception:  # of an optimizer that a plugin wrote; the real step has real gradients
        return None
    state = training_state(step, parts.ema, parts.new_schedule(step.optimizer))
    kept = model_state(parts.trained_model) if parts.recipe.selection.keep_best else {}
    return sum(tensor.numel() * tensor.element_size() for tensor in _tensors([state, kept]))


def _tensors(tree: Any) -> list[Tensor]:
    match tree:
        case Tensor():
            return [tree]
        case Mapping():
            return [tensor for item in tree.values() for tensor in _tensors(item)]
        case list() | tuple():
            return [tensor for item in tree for tensor in _tensors(item)]
    return []


def disk_lines(search: SearchDefinition, size: int | None, processes: int, folder: Path) -> tuple[str, str]:
    """Return what the checkpoints will take, and a warning if there is less space; the warning may be empty."""
    trials, whose = search.settings.max_trials, "of all trials"
    if search.settings.checkpoints == "best":
        trials, whose = min(processes, trials or processes) + 1, "of the best trial and of unfinished trials"
    if size is None:
        return f"disk: the size of a checkpoint is not known before the first one; those {whose} are kept", ""
    each = f"disk: a checkpoint takes about {gigabytes(size)}, and a trial has up to {_KEPT}; those {whose} are kept"
    if trials is None:
        return each, ""
    most = size * (_KEPT * trials + processes)  # each process writes a checkpoint before it removes one
    free = shutil.disk_usage(next(path for path in (folder, *folder.absolute().parents) if path.exists())).free
    short = f"the checkpoints may take {gigabytes(most)}, but only {gigabytes(free)} are free" if most > free else ""
    return f"{each}, at most {gigabytes(most)} at once", short
