"""What the processes of a run do together before training, and what the processes without the run folder do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import chain
from typing import Any

from ..engine.caches import filled_caches
from ..engine.parts import RunParts
from ..engine.trainer import Step, Trainer
from ..engine.tuning import tune
from ..errors import RunError
from ..formatting import counted
from ..recipe import dump
from ..world.exchange import copy_from_first
from ..world.launch import launched
from ..world.world import World
from .restore import restore_run


def require_joined(world: World | None) -> None:
    """Raise `RunError` if this is one of several processes, but trains as if it were alone."""
    if (world is None or world.size == 1) and launched():
        raise RunError(
            "torchrun started several processes, but only cvkit run and cvkit resume divide their work among them; "
            "start this without torchrun"
        )


def require_alike(parts: RunParts) -> None:
    """Raise `RunError` in a process whose recipe or data are not those of the first process."""
    own = [dump(parts.recipe), parts.splits.digest or str(len(parts.splits.train))]
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in own]
    for what, mine, first in zip(("recipe", "data set"), digests, parts.world.from_first(digests), strict=True):
        if mine != first:
            raise RunError(
                f"the {what} of this process differs from the {what} of the first process; every machine needs the "
                "same recipe, the same data in the same place and the same plugins"
            )


def begin_together(parts: RunParts, state: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the first process's checkpoint; without one, give all processes the first weights of that process."""
    world = parts.world
    state = world.from_first(state)
    if state is None and world.size > 1:
        modules = [parts.model, parts.loss, *([] if parts.ema is None else [parts.ema])]
        tensors = [tensor for each in modules for tensor in chain(each.parameters(), each.buffers())]
        world.agree()
        copy_from_first(world, [tensor.detach() for tensor in tensors])
    return state


def division_lines(parts: RunParts) -> Iterator[str]:
    """Yield how the work is divided, if there are several processes."""
    size, batch = parts.world.size, parts.recipe.train.batch_size
    if size > 1:
        most = parts.world.share.of(batch)
        yield (
            f"{size} processes train together: each has up to {counted(most, 'image')} of a batch of {batch:,}, and "
            "one reports"
        )


class Follower:
    """Does what a session does, in a process that owns neither the run folder nor the terminal.

    It calls the others in the order of `execute`.

    Attributes:
        parts: The parts of the run.
        stop: Whether to end after the current step; all processes agree on it.
        saved: Whether stopping at once loses nothing, as in the session.
    """

    def __init__(self, parts: RunParts) -> None:
        self.parts, self.stop, self.saved = parts, False, True

    def carry_out(self) -> None:
        """Train with the other processes to the end of the run, or until all of them are asked to stop."""
        world = self.parts.world
        require_alike(self.parts)
        state = begin_together(self.parts, None)
        trainer: Trainer | None = None
        if state is not None:
            trainer = Trainer(self.parts)
            restore_run(trainer, state)
        if trainer is None or not trainer.finished:
            with world.after_first("caches"):
                sources = [("training", self.parts.train_source), *self.parts.sources.items()]
                for _ in filled_caches(self.parts.recipe, sources):
                    pass
        if world.from_first(None):
            for event in tune(self.parts):
                if not isinstance(event, str):
                    self.parts = replace(self.parts, recipe=event[2])
        trainer = trainer or Trainer(self.parts)
        self._train(trainer)
        if not self.stop:
            trainer.final_predictions()
            world.end()

    def _train(self, trainer: Trainer) -> None:
        self.saved = False
        with closing(trainer.fit()) as events:
            for event in events:
                if self.stop:
                    return
                self.saved = isinstance(event, Step) and event.ends_epoch
        self.saved = True
