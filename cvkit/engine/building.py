"""A recipe's parts, built, and held to what their kinds return."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from ..data.checking import checked
from ..data.splits import DataInfo, Splits
from ..guard import Guard
from ..host.registry import Entry
from ..recipe import AUTO, Part, Recipe
from ..seeding import preserved_randomness, seed_everything

Made = TypeVar("Made")
PLACEHOLDER_LR = 1e-3  # stands in for a learning rate that is still `auto`; a trial sets its own


def build_checked(part: Part, *supplied: Any) -> Any:
    """Build a part from what the run supplies; raise `RunError` where it is not what its kind returns."""
    made = part.build(*supplied)
    kind = part.entry.kind
    if not kind.accepts(made):
        what = f"made a {type(made).__name__}, where {kind.returns} is needed; tell its authors"
        raise Guard(part.entry).failure(what)
    return made


def with_placeholder_lr(part: Part) -> Part:
    """Return a part whose options may still be ``auto`` with a learning rate there that a trial replaces."""
    return replace(part, options={k: PLACEHOLDER_LR if value == AUTO else value for k, value in part.options.items()})


def drawn(recipe: Recipe, purpose: str, part: Part, info: DataInfo, number: int = 0) -> Any:
    """Build a part whose first draws follow from the recipe's seed, `purpose` and `number`, and from nothing else."""
    with preserved_randomness():
        seed_everything(purpose, recipe.seed, *([number] if number else []))
        return build_checked(part, info)


def initialised_loss(recipe: Recipe, info: DataInfo, device: torch.device) -> nn.Module:
    """Return the recipe's loss on `device`; weights of its own are drawn from the recipe's seed alone."""
    loss: nn.Module = drawn(recipe, "initialisation of the loss", recipe.loss, info)
    require_initialised(recipe.loss.entry, loss)
    return loss.to(device)


def initialised_model(recipe: Recipe, info: DataInfo, device: torch.device) -> nn.Module:
    """Return the recipe's model on `device`, its initial weights drawn from the recipe's seed and nothing else's."""
    model: nn.Module = drawn(recipe, "initialisation", recipe.model, info)
    require_initialised(recipe.model.entry, model)
    memory_format = torch.channels_last if recipe.train.channels_last else torch.preserve_format
    return model.to(device, memory_format=memory_format)  # type: ignore[call-overload,no-any-return]  # torch's stub lacks it


def open_dataset(recipe: Recipe, root: Path) -> Splits:
    """Return the recipe's data set from the data folder `root`; raise `DataError` where it cannot be had."""
    return checked(build_checked(recipe.dataset, root), recipe.dataset.entry)


def require_initialised(entry: Entry, module: nn.Module) -> None:
    """Raise `ComponentFailure` where a module has weights without a size yet, as lazy layers do until called."""
    lazy = [name for name, parameter in module.named_parameters() if is_lazy(parameter)]
    if lazy:
        raise Guard(entry).failure(f"has lazy layers ({lazy[0]}); give their sizes, which follow from `info`")


def own_copy(entry: Entry, part: Made) -> Made:
    """Return a copy of a part that shares nothing with it; raise `ComponentFailure` where it cannot be copied."""
    made: Made = Guard(entry, "cannot be copied")(copy.deepcopy, part)
    return made
