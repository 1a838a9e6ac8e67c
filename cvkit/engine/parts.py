"""A recipe's parts, built, and held to what their kinds return."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from ..errors import RunError
from ..recipe import AUTO, Part, Recipe
from .data import DataInfo, Splits
from .rehearsal import require_initialised
from .seeding import preserved_randomness, seed_everything
from .trial import Proposal

STAND_IN_RATE = 1e-3  # stands in for a learning rate that is still `auto`; a trial sets its own

_CLASSES: dict[str, type] = {
    "datasets": Splits,
    "models": nn.Module,
    "losses": nn.Module,
    "optimizers": Optimizer,
    "tuners": Proposal,
}
_METHODS = {
    "augmentations": ("__call__",),
    "explainers": ("__call__",),
    "schedulers": ("step", "state_dict", "load_state_dict"),  # what a run calls; torch's classes share more
}


def built(part: Part, *supplied: Any) -> Any:
    """Build a part from what the run supplies; raise `RunError` where it is not what its kind returns."""
    made = part.build(*supplied)
    kind = part.entry.kind
    if expected := _CLASSES.get(kind.name):
        sound = isinstance(made, expected)
    else:
        sound = all(callable(getattr(made, method, None)) for method in _METHODS[kind.name])
    if not sound:
        owner = f"{kind.singular} '{part.entry.id}' of {part.entry.origin}"
        raise RunError(f"{owner} made a {type(made).__name__}, where {kind.returns} is needed; tell its authors")
    return made


def with_stand_ins(part: Part) -> Part:
    """Return a part whose options may still be ``auto`` with a learning rate there that a trial replaces."""
    return replace(part, options={k: STAND_IN_RATE if value == AUTO else value for k, value in part.options.items()})


def initialised_model(recipe: Recipe, info: DataInfo, device: torch.device) -> nn.Module:
    """Return the recipe's model on `device`, its initial weights drawn from the recipe's seed and nothing else's."""
    with preserved_randomness():
        seed_everything("initialisation", recipe.seed)
        model: nn.Module = built(recipe.model, info)
    require_initialised(recipe.model.entry, model)
    memory_format = torch.channels_last if recipe.train.channels_last else torch.preserve_format
    return model.to(device, memory_format=memory_format)  # type: ignore[call-overload,no-any-return]  # torch's stub lacks it


def open_dataset(recipe: Recipe, root: Path) -> Splits:
    """Return the recipe's data set from the data folder `root`; raise `DataError` where it cannot be had."""
    splits: Splits = built(recipe.dataset, root)
    return splits
