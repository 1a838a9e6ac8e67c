"""A sanity check before a run starts: an evaluation, training steps and explanations on copies of the parts.

It reports parts that do not work together before anything is written, instead of after a range test or an epoch.
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
from ..data.splits import DataInfo
from ..errors import CheckpointError, ComponentFailure, CvkitError, RunError
from ..guard import Guard, shown
from ..protocols import require_maps
from ..recipe import Part
from ..seeding import preserved_randomness
from ..step_progress import Progress, during
from .background import Background
from .building import build_checked
from .eval_mode import eval_mode
from .fixed_weights import fixed_weights
from .loop import EpochBatches
from .schedule import Schedule, early_steps
from .step import TrainStep

_FEW = 2  # images that represent a full batch
_CHEAP = 64 * 32 * 32  # pixels up to which the last batch is checked in its full size
_ENOUGH = 16  # images in forward passes of one explanation; an explainer that gets so far counts as working

Images = Callable[[int], Batch]
"""Returns the given number of training images as a batch on the device, with single-image augmentations applied."""


@dataclass(frozen=True)
class SanityCheck:
    """Checks `train_step` and `schedule`, which are copies, on training images from `images`.

    `beginning` is the progress of training that augmentations see, and model and loss in the training step.
    """

    train_step: TrainStep
    schedule: Schedule
    images: Images
    beginning: Progress

    def evaluate(self, classes: int) -> None:
        """Raise `ComponentFailure` if model and loss cannot evaluate two images."""
        batch, forward = self.images(_FEW), self.train_step.forward
        with eval_mode(forward.model, forward.loss), torch.no_grad():
            with during(self.beginning):
                augmented, _ = forward.preprocessor.for_training(batch.images, batch.labels)
            for inputs in (augmented, forward.preprocessor.for_evaluation(batch.images)):
                logits = forward.logits_of(inputs)
                if logits.shape[1] != classes:
                    made = f"returned logits {shown(logits)} for {len(batch.images)} images"
                    raise forward.guards.model.failure(f"{made}; expected ({len(batch.images)}, {classes})")
            forward.loss_of(logits.float(), batch.labels)

    def train(self, batching: EpochBatches) -> None:
        """Raise `ComponentFailure` if an optimizer step fails on a full batch, or on a smaller last batch.

        A few images represent the full batch. If they fail, the check is repeated with the full number of images.
        """
        full, last = min(batching.batch_size, batching.used), batching.used % batching.batch_size
        self._step(min(full, _FEW), full)
        if not last:
            return
        pixels = self.images(1).images[0, 0].numel()
        try:
            # If the full size would take long, use a few: odd or even like the batch, and 1 for 1.
            self._step(last if last * pixels <= _CHEAP else min(last, _FEW + last % 2), last)
        except ComponentFailure as error:
            noun = "image" if last == 1 else "images"
            advice = f"The last batch of an epoch has {last} {noun}: skip it with train.drop_last: true"
            raise ComponentFailure(f"{error}. {advice}, or change train.batch_size", error.component) from error

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
        step = self.train_step
        with (
            step.freezing.during(step.freezing.epochs),
            early_steps(),
            during(self.beginning),
        ):  # fp16's first steps may overflow, and then the optimizer skips them
            self.train_step.take([self.images(count)], count)
            self.schedule.step()

    def keep(self) -> None:
        """Raise `ComponentFailure` if a checkpoint cannot store the state of a part, or run.json fixed weights."""
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
                raise guard.failure(f"has a state that cannot be saved: {error}") from error
        fixed_weights(guards.loss.entry, loss)

    def explain(self, parts: Iterable[Part], info: DataInfo, background: Background) -> list[str]:
        """Run each explainer on an image; return a line for each one that cannot explain this model.

        Raise the error of an explainer that fails because of its options, or that requires options.
        """
        lines = []
        for part in parts:
            error = self._explained(part, info, background)
            if error is None:
                continue
            message = str(error) if isinstance(error, ComponentFailure) else f"{part.entry.owner}: {error}"
            plain = replace(part, options={})
            if not _is_as_it_comes(part) and (
                _needs_options(part) or self._explained(plain, info, background) is None
            ):
                raise RunError(message) from error
            lines.append(f"{message}. The report will not contain its maps")
        return lines

    def _explained(self, part: Part, info: DataInfo, background: Background) -> CvkitError | None:
        """Return the error of an explainer, if it fails before many images have passed through the model."""
        forward, batch = self.train_step.forward, self.images(1)
        inputs = forward.preprocessor.for_evaluation(batch.images)
        with preserved_randomness(), eval_mode(forward.model):
            try:
                explainer = build_checked(part, forward.model, info, background)
                guard = Guard(part.entry, "cannot explain images")
                with _until_enough(forward.model):
                    target = forward.preprocessor.labels.class_of(batch.labels)
                    require_maps(guard(explainer, inputs, target), inputs, signed=part.entry.component.signed)
            except CvkitError as error:
                return error
            except _Enough:
                return None
        return None


class _Enough(BaseException):
    """Many images have passed through the model. Not an `Exception`, because an explainer might catch that."""


@contextmanager
def _until_enough(model: nn.Module) -> Iterator[None]:
    """Raise `_Enough` once more images pass through a model than the check needs."""
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
    """Return whether all options of a part have their default values."""
    return all(value == part.option(name).default for name, value in part.options.items())


def _needs_options(part: Part) -> bool:
    return any(option.required for option in part.entry.signature().options.values())
