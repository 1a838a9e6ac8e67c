"""Freeze parts of a model for a training step.

What is frozen depends only on the epoch, so a resumed run needs no state for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import RunError
from ..recipe.finetune_settings import FinetuneSettings


@dataclass(frozen=True)
class Freezing:
    """What is frozen in a model.

    Attributes:
        body: The weights that are frozen at first.
        epochs: The number of epochs for which they are.
        norms: Batch normalisation whose weights and statistics do not change.
        norms_always: Whether `norms` are frozen in every epoch instead of together with the body.
    """

    body: Sequence[nn.Parameter] = ()
    epochs: int = 0
    norms: Sequence[nn.Module] = ()
    norms_always: bool = False

    @contextmanager
    def during(self, epoch: int) -> Iterator[None]:
        """Freeze what is frozen in an epoch, counted from 0, and restore everything at the end of the block."""
        frozen = list(self.body) if epoch < self.epochs else []
        norms = self.norms if self.norms_always or epoch < self.epochs else ()
        frozen += [weight for norm in norms for weight in norm.parameters()]
        trained = [weight for weight in frozen if weight.requires_grad]
        modes = [(norm, norm.training) for norm in norms]
        try:
            for weight in trained:
                weight.requires_grad_(False)
            for norm in norms:
                norm.training = False
            yield
        finally:
            for weight in trained:
                weight.requires_grad_(True)
            for norm, mode in modes:
                norm.training = mode


def freezing_of(model: nn.Module, settings: FinetuneSettings, head: str) -> Freezing:
    """Return what the settings freeze in `model`; raise `RunError` if a pattern matches no module of the body."""
    if settings.freeze is None:
        return Freezing()
    own = set(map(id, model.get_submodule(head).parameters()))
    modules = [(name, module) for name, module in model.named_modules() if not _within(name, head)]
    patterns = settings.freeze.get("body", ["*"])
    body: dict[int, nn.Parameter] = {}
    norms: dict[int, nn.Module] = {}
    for pattern in patterns:
        found = [module for name, module in modules if fnmatchcase(name, pattern)]
        if not found:
            raise RunError(
                f"finetune.freeze.body: no module of the body matches '{pattern}'; {_examples(model, head)}"
            )
        for module in found:
            body |= {id(weight): weight for weight in module.parameters() if id(weight) not in own}
            norms |= {id(part): part for part in module.modules() if isinstance(part, _BatchNorm)}
    mode = settings.freeze.get("batch_norm", "with_body")
    kept = [] if mode == "never" else list(norms.values())
    if mode == "never":
        of_norms = {id(weight) for norm in norms.values() for weight in norm.parameters()}
        body = {key: weight for key, weight in body.items() if key not in of_norms}
    return Freezing(list(body.values()), settings.freeze.get("epochs", 0), kept, mode == "always")


def _within(name: str, head: str) -> bool:
    return name == head or name.startswith(f"{head}.")


def _examples(model: nn.Module, head: str) -> str:
    names = [name for name, _ in model.named_children() if name != head]
    return f"it has {', '.join(names[:8])}"
