"""Prepare a model for fine-tuning: its first weights, its head, and what is trained at which rate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn

from ..checkpoint.pretrained import PretrainedWeights
from ..data.framing import PretrainedInput
from ..data.splits import DataInfo
from ..recipe import Recipe
from ..recipe.finetune_settings import FinetuneSettings
from .building import initialised_model
from .freezing import Freezing, freezing_of
from .head import find_head, initialise_head
from .parameter_groups import ParameterGroup, parameter_groups
from .starting_run import read_starting_run


@dataclass(frozen=True)
class FineTuning:
    """How a model is fine-tuned.

    Attributes:
        settings: The recipe's settings.
        head: The name of the model's head; empty if nothing depends on it.
        record: What run.json records of the first weights; None if none were loaded.
        notes: Lines for the reader about the first weights and the learning rates.
        warnings: Lines about weights that are missing or not used.
    """

    settings: FinetuneSettings
    head: str = ""
    record: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def groups(self, model: nn.Module, loss: nn.Module) -> list[ParameterGroup]:
        """Return the optimizer's parameter groups; empty if there is only one."""
        return parameter_groups(model, loss, self.settings, self.head) if self.settings.groups else []

    def freezing(self, model: nn.Module) -> Freezing:
        """Return what is frozen in `model`."""
        return freezing_of(model, self.settings, self.head)


def first_model(
    recipe: Recipe,
    info: DataInfo,
    device: torch.device,
    *,
    restoring: bool = False,
    recorded: PretrainedInput | None = None,
) -> tuple[nn.Module, FineTuning, PretrainedInput | None]:
    """Return the recipe's model with its first weights, how it is fine-tuned, and the input of pretrained weights.

    If `restoring` is true, a checkpoint will replace the weights, so none are read; `recorded` is then the input
    that the run recorded.
    """
    settings = recipe.finetune
    start = None if restoring or settings.source is None else read_starting_run(settings.source)
    model = initialised_model(recipe, info, device, restoring=restoring or settings.source is not None)
    loaded: PretrainedWeights | None = None if restoring else getattr(model, "pretrained_weights", None)
    wanted = settings.groups or settings.freeze is not None or settings.head not in (None, "model")
    if not (wanted or loaded or start):
        return model, FineTuning(settings), recorded or getattr(model, "pretrained_input", None)
    head = find_head(recipe.model, model, info)
    given = recorded or getattr(model, "pretrained_input", None)
    if start is not None:
        loaded, given = start.load_into(model, info.classes, head), start.input
    if restoring:
        return model, FineTuning(settings, head), given
    how: Literal["zeros", "normal", "model"] = settings.head or (
        "zeros" if loaded is not None and loaded.new_head else "model"
    )
    if how != "model":
        initialise_head(model.get_submodule(head), how, recipe.seed)
    record = None if loaded is None else loaded.to_json(given)
    warnings = [] if loaded is None else loaded.warnings()
    return model, FineTuning(settings, head, record, _about(loaded, head, how), warnings), given


def _about(loaded: PretrainedWeights | None, head: str, how: str) -> list[str]:
    """Return a line about the first weights and the head."""
    start = {"zeros": "starts at zero", "normal": "is drawn from a normal distribution"}.get(how, "")
    if not start:
        start = "has the loaded weights" if loaded is not None and not loaded.new_head else "is drawn by the model"
    if loaded is None:
        return [f"fine-tuning: the head '{head}' {start}"]
    digest = f" (SHA-256 {loaded.sha256[:12]}...)" if loaded.sha256 else ""
    return [f"the model starts from the weights '{loaded.source}'{digest}; its head '{head}' {start}"]
