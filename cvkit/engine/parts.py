"""A recipe's parts, built, and held to what their kinds return."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn
from torch.optim import Optimizer

from ..errors import RunError
from ..recipe import Part, Recipe
from .data import Splits
from .trial import Proposal

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


def open_dataset(recipe: Recipe, root: Path) -> Splits:
    """Return the recipe's data set from the data folder `root`; raise `DataError` where it cannot be had."""
    splits: Splits = built(recipe.dataset, root)
    return splits
