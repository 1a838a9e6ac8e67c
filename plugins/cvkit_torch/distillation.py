"""Distillation: train a model to agree with the trained model of another run, the teacher."""

from __future__ import annotations

import hashlib
import shlex
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate, kl_div

from cvkit import CvkitError, RunError, load

if TYPE_CHECKING:
    from cvkit import DataInfo


def distillation(
    info: DataInfo,
    *,
    teacher: Path,
    temperature: PositiveFloat = 4.0,
    weight: Annotated[float, Field(ge=0, le=1)] = 0.9,
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0,
) -> Distillation:
    """Return the loss of labels, and the distance to the predictions of another run's model, the teacher.

    In training the loss is ``(1 - weight) * CE + weight * T^2 * KL(teacher || model)``, where both predictions of KL
    are softened by the temperature T. The teacher sees the same augmented and mixed images, in its own normalisation
    and size, in evaluation mode. It is not trained. In evaluation the loss is the cross-entropy alone.

    Sources: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", section 2; the defaults are those of
    Tian et al. 2020, "Contrastive Representation Distillation".

    Args:
        info: Channels, image size and classes of the data set.
        teacher: Folder of the finished run whose trained model is the teacher. It has the same classes, in any order.
        temperature: T, by which logits are divided, above 0.
        weight: Share of the teacher, in [0, 1].
        label_smoothing: Fraction of the target probability that is spread evenly over all classes, in [0, 1).

    Returns:
        A module from logits (B, K), labels (B,) or targets (B, K), and in training images (B, C, H, W) in [0, 1], to
        the mean loss, a scalar.

    Raises:
        ValueError: The teacher has other classes or other channels.
        cvkit.RunError: The folder contains no trained model that can be loaded, or its run has not finished.
    """
    return Distillation(Teacher(teacher, info), temperature, weight, label_smoothing)


class Teacher:
    """The trained model of a run, which never changes. Copies of a loss share it."""

    def __init__(self, folder: Path, info: DataInfo) -> None:
        try:
            model = load(folder)
        except CvkitError as error:
            raise RunError(
                f"teacher: the model of '{folder}' is needed for training and could not be loaded: {error}. Put the "
                "run folder back, or name its place in `teacher`; a run that has begun then continues with "
                "--accept-changes"
            ) from error
        if not model.finished:
            place = shlex.quote(str(folder))
            raise RunError(
                f"teacher: the run '{folder}' has not finished, and its further training would replace the weights "
                f"of the teacher. Train it to its end with cvkit resume {place}, or end it where it is with cvkit "
                f"finish {place}; or name another run in `teacher`"
            )
        own, classes = model.info, model.classes
        if own.task != info.task:
            raise ValueError(f"teacher: the run '{folder}' is {own.task}, and the data set is {info.task}")
        if set(classes) != set(info.classes):
            odd = ", ".join(sorted(set(classes) ^ set(info.classes))[:5])
            raise ValueError(f"teacher: the run '{folder}' has other classes than the data set; they differ in {odd}")
        if own.channels != info.channels:
            raise ValueError(
                f"teacher: the run '{folder}' takes images of {own.channels} channels, and the data set has "
                f"{info.channels}"
            )
        self.module = model.module.requires_grad_(False).cpu()
        self.source, self.sha256 = str(folder), _digest(self.module)
        self._size = (own.height, own.width)
        self._mean, self._std = (torch.tensor(values).view(1, -1, 1, 1) for values in (own.mean, own.std))
        self._order = torch.tensor([classes.index(name) for name in info.classes])
        self._last: tuple[weakref.ref[Tensor], Tensor] | None = None

    def __deepcopy__(self, memory: object) -> Teacher:
        return self

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """Return the logits of images in [0, 1], float32 (B, K), in the order of the data set's classes.

        A step may ask several times for the same images, for auxiliary outputs or for a closure.
        """
        if self._last is None or self._last[0]() is not images:
            if self._order.device != images.device:
                self._move(images.device)
            sized = images
            if tuple(images.shape[-2:]) != self._size:
                sized = interpolate(images, self._size, mode="bilinear", antialias=True, align_corners=False)
            logits = self.module((sized - self._mean) / self._std).float()
            self._last = weakref.ref(images), logits[:, self._order]
        return self._last[1]

    def _move(self, device: torch.device) -> None:
        self.module.to(device)
        self._mean, self._std, self._order = (each.to(device) for each in (self._mean, self._std, self._order))


class Distillation(nn.Module):
    """Cross-entropy with labels or targets, and in training the Kullback-Leibler divergence from a teacher."""

    def __init__(self, teacher: Teacher, temperature: float, weight: float, label_smoothing: float) -> None:
        super().__init__()
        self.teacher = teacher  # not a module, so it is neither trained nor in checkpoints
        self.temperature, self.weight, self.label_smoothing = temperature, weight, label_smoothing

    @property
    def fixed_weights(self) -> dict[str, str]:
        """The SHA-256 of the teacher's weights, by its run folder."""
        return {self.teacher.source: self.teacher.sha256}

    def forward(self, logits: Tensor, target: Tensor, images: Tensor | None = None) -> Tensor:
        """Return the mean loss over the batch, a scalar."""
        labelled = cross_entropy(logits, target, label_smoothing=self.label_smoothing)
        if not self.training:
            return labelled
        if images is None:
            raise ValueError("the loss needs the images in training")
        student = (logits / self.temperature).log_softmax(dim=1)
        taught = (self.teacher.logits(images) / self.temperature).log_softmax(dim=1)
        distance = kl_div(student, taught, reduction="batchmean", log_target=True) * self.temperature**2
        return (1 - self.weight) * labelled + self.weight * distance


def _digest(module: nn.Module) -> str:
    """Return the SHA-256 of all parameters and buffers, with their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
