"""The forward pass, from images to logits and loss. Training and evaluation share it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..data.preprocessing import Preprocessor
from ..guard import Guards, shown
from ..host.component import MAIN_TERM
from ..protocols import TrainingOutputs
from ..recipe.settings import Precision


class Autocast:
    """Creates contexts for the forward pass on `device`: none for fp32, and torch's autocast for bf16 and fp16."""

    def __init__(self, device: torch.device, precision: Precision) -> None:
        self._device = device.type
        self._dtype = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]

    def __call__(self) -> AbstractContextManager[Any]:
        """Return a context for one forward pass."""
        return nullcontext() if self._dtype is None else torch.autocast(self._device, self._dtype)


@dataclass(frozen=True)
class ForwardPass:
    """A model and a loss. Errors name the component that failed.

    Attributes:
        model: The model.
        call: The model as it is called, compiled or not.
        loss: The loss, which may have weights.
        preprocessor: Turns images into model inputs.
        autocast: Creates the precision context.
        guards: The guards of the components.
        loss_weights: The weight of each further term of the training loss that the model declares, by name.
    """

    model: nn.Module
    call: Callable[[Tensor], Tensor]
    loss: nn.Module
    preprocessor: Preprocessor
    autocast: Autocast
    guards: Guards
    loss_weights: Mapping[str, float] = field(default_factory=dict)

    def logits_of(self, inputs: Tensor) -> Tensor:
        """Return the logits (B, K) of model inputs; raise `ComponentFailure` if the model returns anything else."""
        return self._require_logits(self.guards.model(self.call, inputs), inputs)

    def _require_logits(self, logits: object, inputs: Tensor, name: str = "logits") -> Tensor:
        if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(inputs):
            made = f"returned {shown(logits)} for images {shown(inputs)}"
            if isinstance(logits, TrainingOutputs):
                made = "returned TrainingOutputs "
                made += "in evaluation mode" if self.loss_weights else "without declaring loss_terms"
            raise self.guards.model.failure(f"{made}; expected {name} ({len(inputs)}, K)")
        return logits

    def terms_of(
        self, inputs: Tensor, targets: Tensor, images: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the logits of a training batch, and the terms of its loss by name, each a scalar without its weight.

        The first term is the loss of the logits. `images` are as in `loss_of`. Raises `ComponentFailure` if the model
        does not return what it declares.
        """
        if not self.loss_weights:
            logits = self.logits_of(inputs)
            return logits, {MAIN_TERM: self.loss_of(logits.float(), targets, images)}
        made = self.guards.model(self.call, inputs)
        if not isinstance(made, TrainingOutputs):
            raise self.guards.model.failure(
                f"declares loss_terms, but returned {shown(made)} in training mode; expected TrainingOutputs"
            )
        names = [*made.aux, *made.losses]
        if sorted(names) != sorted(self.loss_weights):
            raise self.guards.model.failure(
                f"returned the loss terms {', '.join(names) or 'none'}, but declares {', '.join(self.loss_weights)}"
            )
        logits = self._require_logits(made.logits, inputs)
        terms = {MAIN_TERM: self.loss_of(logits.float(), targets, images)}
        for name, aux in made.aux.items():
            terms[name] = self.loss_of(self._require_logits(aux, inputs, f"logits '{name}'").float(), targets, images)
        for name, loss in made.losses.items():
            if not isinstance(loss, Tensor) or loss.ndim:
                raise self.guards.model.failure(f"returned the loss '{name}' as {shown(loss)}; expected a scalar")
            terms[name] = loss.float()
        return logits, terms

    def weighted(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Return the training loss: the loss of the logits, plus every further term times its weight."""
        total = terms[MAIN_TERM]
        for name, weight in self.loss_weights.items():
            total = total + weight * terms[name]
        return total

    @property
    def takes_images(self) -> bool:
        """Whether the loss gets the augmented images in training."""
        return self.guards.loss.entry.component.takes_images

    def loss_of(self, logits: Tensor, labels: Tensor, images: Tensor | None = None) -> Tensor:
        """Return the mean loss of a batch; raise `ComponentFailure` if the loss is not a scalar.

        `images` are those of a training batch, float in [0, 1], if the loss takes them.
        """
        given = (logits, labels) if images is None else (logits, labels, images)
        loss = self.guards.loss(self.loss, *given)
        if not isinstance(loss, Tensor) or loss.ndim:
            made = f"returned {shown(loss)}"
            raise self.guards.loss.failure(f"{made}; expected the mean loss of the batch, a scalar")
        return loss

    @property
    def device(self) -> torch.device:
        """The device of the model."""
        return next(self.model.parameters()).device
