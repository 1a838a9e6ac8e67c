"""A run rehearsed before it begins: an evaluation, training steps, explanations, each on copies of its parts.

What does not fit together is told by name, with nothing made, instead of after a range test or an epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from ..checkpoint.serialization import require_packable
from ..checkpoint.state_dicts import model_state, named_weights, optimizer_state
from ..data.loading import Batch
from ..errors import CheckpointError, ComponentFailure, CvkitError, RunError
from ..guard import Guard, shown
from ..protocols import require_maps
from ..recipe import Part
from ..seeding import preserved_randomness
from .building import build_checked
from .eval_mode import eval_mode
from .loop import EpochBatches
from .schedule import Schedule, early_steps
from .step import TrainStep

_FEW = 2  # images of a full batch that stand for it
_CHEAP = 64 * 32 * 32  # pixels of a last batch that is tried as large as it is
_ENOUGH = 16  # images that go through the model for an explanation; an explainer that comes so far works

Images = Callable[[int], Batch]
"""The first so many training images as a batch on the device, those augmented one by one augmented."""


@dataclass(frozen=True)
class SanityCheck:
    """Tries `train_step` and `schedule`, which are copies to be thrown away; `images` are training images."""

    train_step: TrainStep
    schedule: Schedule
    images: Images

    def evaluate(self, classes: int) -> None:
        """Raise `ComponentFailure` where model and loss do not evaluate two images."""
        batch, forward = self.images(_FEW), self.train_step.forward
        with eval_mode(forward.model, forward.loss), torch.no_grad():
            for inputs in (forward.preprocessor.for_training, forward.preprocessor.for_evaluation):
                logits = forward.logits_of(inputs(batch.images))
                if logits.shape[1] != classes:
                    made = f"makes logits {shown(logits)} of {len(batch.images)} images"
                    raise forward.guards.model.failure(f"{made}, not ({len(batch.images)}, {classes})")
            forward.loss_of(logits.float(), batch.labels)

    def train(self, batching: EpochBatches) -> None:
        """Raise `ComponentFailure` where an optimizer step fails, on a full batch or on an epoch's smaller last one.

        A few images stand for the full batch. Where they fail, as many as it has decide.
        """
        full, last = min(batching.batch_size, batching.used), batching.used % batching.batch_size
        self._step(min(full, _FEW), full)
        if not last:
            return
        pixels = self.images(1).images[0, 0].numel()
        try:
            # Where it would take long, a few stand for it: as odd or even as it is, and one for one.
            self._step(last if last * pixels <= _CHEAP else min(last, _FEW + last % 2), last)
        except ComponentFailure as error:
            noun = "image" if last == 1 else "images"
            advice = f"An epoch's last batch holds {last} {noun}: leave it out by train.drop_last: true"
            raise ComponentFailure(f"{error}. {advice}, or use another train.batch_size", error.component) from error

    def _step(self, few: int, all_of_them: int) -> None:
        try:
            self._take_step(few)
        except ComponentFailure:
            if few == all_of_them:
                raise
            self._take_step(all_of_them)

    def _take_step(self, count: int) -> None:
        for module in (self.train_step.forward.model, self.train_step.forward.loss):
            module.train()
        with early_steps():  # fp16's first steps may overflow, and then the optimizer takes none
            self.train_step.take([self.images(count)], count)
            self.schedule.step()

    def keep(self) -> None:
        """Raise `ComponentFailure` where a checkpoint cannot hold the state of a part."""
        train_step, schedule = self.train_step, self.schedule
        guards, loss = train_step.forward.guards, train_step.forward.loss
        weights = named_weights(train_step.forward.model, loss)
        for guard, state in (
            (guards.loss, partial(model_state, loss)),
            (guards.optimizer, partial(optimizer_state, train_step.optimizer, weights)),
            (schedule.guard, schedule.state),
        ):
            try:
                require_packable(guard(state))
            except CheckpointError as error:
                raise guard.failure(f"cannot be kept: {error}") from error

    def explain(self, parts: Iterable[Part]) -> list[str]:
        """Let each explainer explain an image; return a line for each that cannot explain this model.

        Raises the error of one that does so with other options, or that cannot do without them.
        """
        lines = []
        for part in parts:
            error = self._explained(part)
            if error is None:
                continue
            told = str(error) if isinstance(error, ComponentFailure) else f"{part.entry.owner}: {error}"
            plain = replace(part, options={})
            if not _is_as_it_comes(part) and (_needs_options(part) or self._explained(plain) is None):
                raise RunError(told) from error
            lines.append(f"{told}. The report will be without its maps")
        return lines

    def _explained(self, part: Part) -> CvkitError | None:
        """Return what an explainer fails with, if it does, before many images went through the model for it."""
        forward, batch = self.train_step.forward, self.images(1)
        inputs = forward.preprocessor.for_evaluation(batch.images)
        with preserved_randomness(), eval_mode(forward.model):
            try:
                explainer = build_checked(part, forward.model)
                guard = Guard(part.entry, "cannot explain images")
                with _until_enough(forward.model):
                    require_maps(guard(explainer, inputs, batch.labels), inputs)
            except CvkitError as error:
                return error
            except _Enough:
                return None
        return None


class _Enough(BaseException):
    """Many images have gone through the model; no `Exception`, which an explainer might take for its own."""


@contextmanager
def _until_enough(model: nn.Module) -> Iterator[None]:
    """Raise `_Enough` where more images go through a model than an explanation needs to be seen working."""
    seen = 0

    def count(model: nn.Module, given: tuple[Tensor, ...]) -> None:
        nonlocal seen
        seen += len(given[0]) if given else 1
        if seen > _ENOUGH:
            raise _Enough

    hook = model.register_forward_pre_hook(count)
    try:
        yield
    finally:
        hook.remove()


def _is_as_it_comes(part: Part) -> bool:
    """Whether a part has only the options that it has by default."""
    return all(value == part.option(name).default for name, value in part.options.items())


def _needs_options(part: Part) -> bool:
    return any(option.required for option in part.entry.signature().options.values())
