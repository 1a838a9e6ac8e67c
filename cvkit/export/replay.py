"""Predict the same images with a trained model and with an exported file."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..engine.prediction_rule import PredictionRule, prediction_rule_of
from ..engine.trained_model import TrainedModel
from ..errors import RunError
from ..explain.image_source import ImageSource
from ..explain.picture import Picture
from ..formatting import counted
from .exporter import FileOutputs, Logits
from .originals import UnframedPicture

TIE = 1e-4
"""The largest difference of two probabilities, or of one from its threshold, that counts as a tie."""

BATCH_SIZES = (1, 2, 7)
"""The batch sizes that a file is also tried with; a graph with a fixed batch size fails in one of them."""

_TIMED = 9  # measured calls, after a third as many that are not


@dataclass(frozen=True)
class Replay:
    """The predictions of the same N images by a run's model and by a file.

    Attributes:
        names: The file of each image, or its position in the split.
        labels: The true classes of each image; None if they are not known.
        before: Probabilities of the model, float (N, K).
        after: Probabilities of the file, float (N, K).
        classes_before: The predicted classes of each image by the model.
        classes_after: The predicted classes of each image by the file.
        declined_before: Whether the model declines each image, bool (N,).
        declined_after: Whether the file declines each image, bool (N,).
        rule: How the model decides; without its calibration if the file computes logits alone.
        thresholds: The threshold of each label; empty if each image has one class.
        batch_gaps: For each batch size, the largest difference of a probability from `before`.
        examples: The first images, uint8 (n, C, H, W).
        suspects: The images with the largest differences of a probability, uint8 (n, C, H, W).
        single: The first image as the file takes it, uint8 (1, C, H', W').
    """

    names: tuple[str, ...]
    labels: tuple[tuple[int, ...] | None, ...]
    before: Tensor
    after: Tensor
    classes_before: tuple[tuple[int, ...], ...]
    classes_after: tuple[tuple[int, ...], ...]
    declined_before: Tensor
    declined_after: Tensor
    rule: PredictionRule
    thresholds: tuple[float, ...]
    batch_gaps: dict[int, float]
    examples: Tensor
    suspects: Tensor
    single: Tensor

    def __len__(self) -> int:
        return len(self.names)

    @property
    def gaps(self) -> Tensor:
        """The largest difference of a probability of each image, (N,); infinite if a result is not a number."""
        return _gaps(self.before, self.after)

    def changed(self) -> list[int]:
        """Return the indices of the images that are predicted or declined otherwise, or without a number."""
        pairs = enumerate(zip(self.classes_before, self.classes_after, strict=True))
        otherwise = ~torch.isfinite(self.gaps) | (self.declined_before != self.declined_after)
        return [index for index, (one, other) in pairs if {*one} != {*other} or otherwise[index]]

    def is_tied(self, index: int) -> bool:
        """Whether the classes of a changed image differ only by classes that were tied in the model's prediction."""
        if not torch.isfinite(self.gaps[index]):
            return False
        chances = self.before[index]
        if self.declined_before[index] != self.declined_after[index] and not self._is_near_level(chances):
            return False
        differing = {*self.classes_before[index]} ^ {*self.classes_after[index]}
        if self.thresholds:
            return all(abs(float(chances[label]) - self.thresholds[label]) <= TIE for label in differing)
        return all(float(chances.max() - chances[label]) <= TIE for label in differing)

    def _is_near_level(self, chances: Tensor) -> bool:
        """Whether a probability that decides about declining an image is at the level of the rule."""
        abstention = self.rule.abstention
        if abstention is None:
            return False
        deciding = chances if abstention.rule == "conformal" else chances.max()
        return bool(((deciding - abstention.level).abs() <= TIE).any())


def replay(
    trained: TrainedModel,
    compute: Logits,
    source: ImageSource,
    names: Sequence[str],
    advance: Callable[[Sequence[Picture]], None],
    outputs: Callable[[Tensor], FileOutputs] | None = None,
) -> Replay:
    """Predict the images of `source` with the model and with a file; it gets original images if there are some.

    `compute` returns the logits of the file, and `outputs` everything that it computes, if that is more. `names` are
    names of the images, in their order, if the source has better ones than its own. `advance` is called with the
    pictures that were just predicted. Raises `RunError` if there are no images or if the file returns anything but
    finite or infinite numbers of the right shapes.
    """
    info = trained.info
    rule = trained.prediction_rule if outputs else prediction_rule_of(info.task, trained.thresholds)

    def answer(images: Tensor) -> FileOutputs:
        if outputs is not None:
            return require_outputs(outputs(images), images, info.num_classes)
        logits = required(compute, images, info.num_classes)
        chances = rule.probabilities(logits)
        return FileOutputs(logits, chances, rule.declined(chances))

    seen: list[str] = []
    labels: list[tuple[int, ...] | None] = []
    before, after, declined, worst = [], [], [], _Worst()
    examples = single = None
    for pictures in source:
        images = torch.stack([picture.fitted for picture in pictures])
        answers = _answers(answer, pictures, images)
        before.append(rule.probabilities(trained.logits(images)))
        after.append(answers.probabilities)
        declined.append(_declined(answers))
        worst.add(images, _gaps(before[-1], after[-1]))
        seen += [picture.name for picture in pictures]
        labels += [picture.labels for picture in pictures]
        if examples is None or single is None:
            examples, single = images, _taken(pictures[0])[None]
        advance(pictures)
    if examples is None or single is None:
        raise RunError("\n".join(["there are no images to compare the exported file with the run", *source.unread]))
    chances, results = torch.cat(before), torch.cat(after)
    few = examples[: 2 * max(BATCH_SIZES)]
    gaps = {
        size: float(
            _gaps(chances[: len(few)], torch.cat([answer(part).probabilities for part in few.split(size)])).max()
        )
        for size in BATCH_SIZES
    }
    return Replay(
        names=tuple(names or seen),
        labels=tuple(labels),
        before=chances,
        after=results,
        classes_before=tuple(tuple(rule.predicted(one)) for one in chances),
        classes_after=tuple(tuple(rule.predicted(one)) for one in results),
        declined_before=rule.declined(chances),
        declined_after=torch.cat(declined),
        rule=rule,
        thresholds=_thresholds(trained),
        batch_gaps=gaps,
        examples=few,
        suspects=worst.images(),
        single=single,
    )


def _taken(picture: Picture) -> Tensor:
    """Return the image that a file predicts: the original, if the picture has it."""
    return picture.original if isinstance(picture, UnframedPicture) else picture.fitted


def _answers(answer: Callable[[Tensor], FileOutputs], pictures: Sequence[Picture], images: Tensor) -> FileOutputs:
    """Return the outputs of the file for pictures; original images of the same size are a batch."""
    if not any(isinstance(picture, UnframedPicture) for picture in pictures):
        return answer(images)
    groups: dict[torch.Size, list[int]] = {}
    for index, picture in enumerate(pictures):
        groups.setdefault(_taken(picture).shape, []).append(index)
    parts = [answer(torch.stack([_taken(pictures[index]) for index in indices])) for indices in groups.values()]
    order = torch.tensor([index for indices in groups.values() for index in indices]).argsort()
    logits, chances = (torch.cat(tensors)[order] for tensors in zip(*(part[:2] for part in parts), strict=True))
    return FileOutputs(logits, chances, torch.cat([_declined(part) for part in parts])[order])


def _declined(answers: FileOutputs) -> Tensor:
    return torch.zeros(len(answers.logits), dtype=torch.bool) if answers.declined is None else answers.declined


def require_outputs(found: FileOutputs, images: Tensor, classes: int) -> FileOutputs:
    """Return the outputs of a file; raise `RunError` unless they have the right types and shapes."""
    required(lambda _: found.logits, images, classes)
    required(lambda _: found.probabilities, images, classes, "probabilities")
    if found.declined is not None and (found.declined.dtype, found.declined.shape) != (torch.bool, (len(images),)):
        raise RunError(
            f"the exported file returned what it declines as {found.declined.dtype} {tuple(found.declined.shape)} "
            f"for {counted(len(images), 'image')}; expected torch.bool ({len(images)},)"
        )
    return found


def required(compute: Logits, images: Tensor, classes: int, what: str = "logits") -> Tensor:
    """Return the logits of images, or what `what` names; raise `RunError` unless they are a float tensor (B, K)."""
    logits = compute(images)
    if not isinstance(logits, Tensor) or logits.shape != (len(images), classes) or not logits.is_floating_point():
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise RunError(
            f"the exported file returned {shape} for {counted(len(images), 'image')}; expected {what} "
            f"({len(images)}, {classes})"
        )
    return logits.float()


def latency(compute: Callable[[Tensor], object], image: Tensor) -> float:
    """Return the time in milliseconds in which `compute` predicts one image, uint8 (1, C, H, W).

    It is the shortest of several, because other processes of the computer can only add time.
    """
    times = []
    for number in range(_TIMED + _TIMED // 3):
        start = time.perf_counter()
        compute(image)
        if number >= _TIMED // 3:
            times.append(time.perf_counter() - start)
    return 1000 * min(times)


class _Worst:
    """Keeps the images with the largest differences."""

    def __init__(self, most: int = 2) -> None:
        self._most = most
        self._found: list[tuple[float, Tensor]] = []

    def add(self, images: Tensor, gaps: Tensor) -> None:
        found = [*self._found, *zip(gaps.tolist(), images, strict=True)]
        self._found = sorted(found, key=lambda one: -one[0])[: self._most]

    def images(self) -> Tensor:
        return torch.stack([image for _, image in self._found])


def _gaps(before: Tensor, after: Tensor) -> Tensor:
    return (before - after).abs().amax(dim=1).nan_to_num(torch.inf, torch.inf)


def _thresholds(trained: TrainedModel) -> tuple[float, ...]:
    """Return the threshold of each label, also where the usual ones are used; empty if each image has one class."""
    if not trained.prediction_rule.several:
        return ()
    return trained.thresholds or (0.5,) * trained.info.num_classes
