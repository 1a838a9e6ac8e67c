"""Build the components of a recipe, and check that each returns what its kind requires."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from ..data.checking import checked
from ..data.labels import ClassCounts, Labels
from ..data.places import DataNotFound, DataRoot, located
from ..data.splits import DataInfo, Splits
from ..guard import Guard
from ..host.registry import Entry
from ..phases import phase
from ..recipe import AUTO, Part, Recipe
from ..seeding import preserved_randomness, seed_everything

Made = TypeVar("Made")
PLACEHOLDER_LR = 1e-3  # used for a learning rate that is still `auto`; a trial sets its own rate


def build_checked(part: Part, *supplied: Any) -> Any:
    """Build a part from the arguments that the run supplies; raise `RunError` if the result has the wrong type."""
    made = part.build(*supplied)
    kind = part.entry.kind
    if not kind.accepts(made):
        kind_of = f"an object of type {type(made).__name__}"
        what = f"returned {kind_of}; expected {kind.returns}. Report this to its authors"
        raise Guard(part.entry).failure(what)
    return made


def with_placeholder_lr(part: Part) -> Part:
    """Return the part with every option that is still ``auto`` set to a placeholder learning rate."""
    return replace(part, options={k: PLACEHOLDER_LR if value == AUTO else value for k, value in part.options.items()})


def drawn(recipe: Recipe, purpose: str, part: Part, *supplied: Any, number: int = 0) -> Any:
    """Build a part whose initial random draws depend only on the recipe's seed, `purpose` and `number`."""
    with preserved_randomness():
        seed_everything(purpose, recipe.seed, *([number] if number else []))
        return build_checked(part, *supplied)


def initialised_loss(recipe: Recipe, info: DataInfo, labels: Labels, device: torch.device) -> nn.Module:
    """Return the recipe's loss on `device`. If it has weights, they are drawn from the recipe's seed."""
    counts = ClassCounts(labels, info.num_classes, info.labels)
    loss: nn.Module = drawn(recipe, "initialisation of the loss", recipe.loss, info, counts)
    require_initialised(recipe.loss.entry, loss)
    return loss.to(device)


def initialised_model(recipe: Recipe, info: DataInfo, device: torch.device, *, restoring: bool = False) -> nn.Module:
    """Return the recipe's model on `device`, with initial weights drawn from the recipe's seed.

    If `restoring` is true, a checkpoint will replace the weights, so pretrained weights are not read.
    """
    part = _without_first_weights(recipe.model) if restoring else recipe.model
    model: nn.Module = drawn(recipe, "initialisation", part, info, restoring)
    require_initialised(recipe.model.entry, model)
    memory_format = torch.channels_last if recipe.train.channels_last else torch.preserve_format
    return model.to(device, memory_format=memory_format)  # type: ignore[call-overload,no-any-return]  # torch's stub lacks it


def _without_first_weights(part: Part) -> Part:
    """Return the model part without pretrained weights, unless its factory knows that the weights are replaced."""
    if not part.options.get("pretrained") or "restoring" in part.entry.signature().positional:
        return part
    return replace(part, options=part.options | {"pretrained": False})


def open_dataset(recipe: Recipe, root: Path | DataRoot) -> Splits:
    """Return the recipe's data set from the data folder `root`; raise `DataError` if it cannot be opened."""
    return open_located(recipe, root)[1]


def open_located(recipe: Recipe, root: Path | DataRoot) -> tuple[Recipe, Splits]:
    """Return the recipe with the places where its data set was found, and the data set.

    Each option of the data set that is a path, and that exists at its place or in the data folder `root`, is replaced
    by the place. Raises `DataNotFound` if a required path does not exist, and `DataError` if the data set cannot be
    opened.
    """
    root = DataRoot(root) if isinstance(root, Path) else root
    notes: list[str] = []
    recipe = located_recipe(recipe, root, notes)
    part = recipe.dataset
    places = [value for one in part.family() for value in one.options.values() if isinstance(value, Path)]
    with phase("opening the data"):
        splits = replace(_opened(part, root.folder), folder=root.storage(places))
    if notes and splits.account is not None:
        account = replace(splits.account, notes=(*notes, *splits.account.notes))
        splits = replace(splits, account=account)
    return recipe, splits


def located_recipe(recipe: Recipe, root: DataRoot, notes: list[str] | None = None) -> Recipe:
    """Return the recipe with the places where its data set was found; `notes` gets a line for each choice.

    Raises `DataNotFound` if a required path does not exist.
    """
    part = _located(recipe.dataset, root, [] if notes is None else notes)
    return recipe if part == recipe.dataset else replace(recipe, dataset=part)


def _located(part: Part, root: DataRoot, notes: list[str]) -> Part:
    """Return the part with the places of its data, and of the data sets in its options."""
    found = {}
    for name, path in part.options.items():
        if isinstance(path, Path):
            try:
                found[name], said = located(path, root, part.written.get(path, ""))
                notes += said
            except DataNotFound:
                if part.option(name).required:
                    raise
    part = part.with_nested(lambda inner: _located(inner, root, notes))
    return replace(part, options=part.options | found) if found else part


def _opened(part: Part, folder: Path) -> Splits:
    """Return the checked splits of a data set, whose own data sets are opened and checked first."""
    whole = part.with_nested(lambda inner: _opened(inner, folder))
    return checked(build_checked(whole, folder), part.entry)


def require_initialised(entry: Entry, module: nn.Module) -> None:
    """Raise `ComponentFailure` if a module has lazy layers, whose weights have no size until the first call."""
    lazy = [name for name, parameter in module.named_parameters() if is_lazy(parameter)]
    if lazy:
        raise Guard(entry).failure(f"has lazy layers ({lazy[0]}); set their sizes, which follow from `info`")


def own_copy(entry: Entry, part: Made) -> Made:
    """Return a deep copy of a part; raise `ComponentFailure` if it cannot be copied."""
    made: Made = Guard(entry, "cannot be copied")(copy.deepcopy, part)
    return made
