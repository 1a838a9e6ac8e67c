"""Checks the weights of a model's loss terms, and fills in the weights that the model declares."""

from __future__ import annotations

from ..errors import did_you_mean
from ..host.component import MAIN_TERM
from .checker import Checker
from .nodes import MapNode, Mark
from .recipe import Part
from .settings import TrainSettings


def with_loss_weights(settings: TrainSettings, model: Part | None, root: MapNode, check: Checker) -> TrainSettings:
    """Return the settings with the weight of every loss term that `model` declares; report other terms to `check`."""
    if model is None:
        return settings
    declared, given = model.entry.component.loss_terms, settings.loss_weights
    for name in given.keys() - declared.keys():
        hint = "Remove it: the loss of the logits has weight 1" if name == MAIN_TERM else did_you_mean(name, declared)
        known = f"its terms are: {', '.join(declared)}" if declared else "it declares none"
        message = f"'loss_weights' names '{name}', which is not a loss term of model '{model.entry.id}'"
        check.report(_mark(root, name), message, f"{known}.  {hint}".strip())
    return settings.model_copy(update={"loss_weights": {name: float(w) for name, w in {**declared, **given}.items()}})


def _mark(root: MapNode, name: str) -> Mark:
    """Return the position of a term in the recipe."""
    match root.items.get("train"):
        case MapNode(items={"loss_weights": MapNode() as node}):
            return node.keys.get(name, node.mark)
    return root.mark
