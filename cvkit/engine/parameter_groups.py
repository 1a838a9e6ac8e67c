"""Parameter groups of the optimizer for fine-tuning: named, each with a factor of the learning rate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import Optimizer

from ..guard import Guard
from ..recipe.finetune_settings import FinetuneSettings

NO_DECAY = ", no decay"
"""The end of the name of a group without weight decay."""


@dataclass(frozen=True)
class ParameterGroup:
    """A group of weights with the same learning rate and weight decay.

    Attributes:
        name: Its name.
        weights: The weights.
        factor: Its learning rate as a fraction of the head's.
        decays: Whether the optimizer's weight decay applies.
    """

    name: str
    weights: list[nn.Parameter]
    factor: float
    decays: bool

    @property
    def rates_name(self) -> str:
        """The name in records: groups that differ only in weight decay have the same learning rate."""
        return self.name.removesuffix(NO_DECAY)

    def to_json(self) -> dict[str, Any]:
        """Return the group as JSON values, for run.json."""
        count = sum(weight.numel() for weight in self.weights)
        return {"name": self.name, "lr_factor": self.factor, "weight_decay": self.decays, "weights": count}


def parameter_groups(
    model: nn.Module, loss: nn.Module, settings: FinetuneSettings, head: str
) -> list[ParameterGroup]:
    """Return the groups of the trained weights: the head, the loss, and the layers of the body from top to bottom.

    Without `layer_decay` the body is one layer. With it, a layer is a numbered part of the model, such as
    ``blocks.2.0`` or ``layer1.1``, or what lies between two of them.
    """
    of_head = {id(weight) for weight in model.get_submodule(head).parameters()}
    exempt = set(map(id, _without_decay(model, settings)))
    named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    layers: list[tuple[str, str, list[nn.Parameter]]] = []
    for name, weight in named:
        if id(weight) in of_head:
            continue
        unit = _unit(name) if settings.layer_decay is not None else "body"
        if not layers or layers[-1][0] != unit:
            layers.append((unit, unit or name.partition(".")[0], []))
        layers[-1][2].append(weight)
    decay, body = settings.layer_decay, 1 / settings.head_lr
    parts = [("head", [weight for _, weight in named if id(weight) in of_head], 1.0)]
    parts.append(("loss", [weight for weight in loss.parameters() if weight.requires_grad], 1.0))
    for above, (_, label, weights) in enumerate(reversed(layers), start=1):
        parts.append((label, weights, body if decay is None else decay**above))
    groups = []
    for name, weights, factor in parts:
        for decays, label in ((True, name), (False, f"{name}{NO_DECAY}")):
            chosen = [weight for weight in weights if (id(weight) not in exempt) == decays]
            groups += [ParameterGroup(label, chosen, factor, decays)] if chosen else []
    return groups


def _unit(name: str) -> str:
    """Return the numbered part of a parameter's name, such as ``blocks.2.0``; empty if it has none."""
    parts = name.split(".")
    first = next((index for index, part in enumerate(parts) if part.isdecimal()), None)
    if first is None:
        return ""
    last = first
    while last + 1 < len(parts) and parts[last + 1].isdecimal():
        last += 1
    return ".".join(parts[: last + 1])


def _without_decay(model: nn.Module, settings: FinetuneSettings) -> Iterable[nn.Parameter]:
    if "bias" in settings.no_decay:
        yield from (weight for name, weight in model.named_parameters() if name.rpartition(".")[2] == "bias")
    if "norm" in settings.no_decay:
        for module in model.modules():
            if "norm" in type(module).__name__.lower():  # also for the normalisation layers of timm and others
                yield from module.parameters(recurse=False)


def apply_factors(optimizer: Optimizer, groups: list[ParameterGroup], guard: Guard) -> None:
    """Set the learning rate and the weight decay of each group, relative to those that the optimizer was built with.

    Raises `ComponentFailure` if the optimizer changed the groups.
    """
    names = [group.get("name") for group in optimizer.param_groups]
    if names != [group.name for group in groups]:
        raise guard.failure(
            f"does not keep the parameter groups that it is given: it has {names}. It cannot be used with the rates "
            "of 'finetune'"
        )
    for own, group in zip(optimizer.param_groups, groups, strict=True):
        own["lr"] = own["lr"] * group.factor
        if not group.decays and "weight_decay" in own:
            own["weight_decay"] = 0.0
