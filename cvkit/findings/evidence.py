"""`Evidence`: what the rules judge a run by: measurements only, so a rule needs neither model nor data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..audit.audit import Audit
from ..engine.intervals import Share
from ..engine.predictions import Predictions
from ..engine.records import EpochRecord
from ..explain.scores import Scored
from ..figures.finding import Finding
from ..formatting import in_words


@dataclass(frozen=True)
class Evidence:
    """The measurements of a run, or of an evaluation, for which only the first two are known.

    Attributes:
        predictions: The predictions of the final model for the images that measure the result.
        classes: Names of the classes.
        records: The record of every epoch.
        training_counts: The training images of each class, int64 (K,); None if they are not known.
        training_images: The number of training images; 0 if it is not known.
        watched_images: The number of images that the records evaluate; 0 if it is not known.
        kept_epoch: The epoch whose weights a callback kept; 0 if the weights are those of the end.
        chosen_by: What was chosen by the images that measure the result, such as "the epoch"; empty if nothing was.
        stopped: Whether a callback or the user ended training before its planned end.
        audit: What is wrong with the data; None if the images were not checked.
        scored: The scores of the explanations.
        irreproducible: Sentences about what may keep others from repeating the run.
        reproducibility_known: Whether it was checked what `irreproducible` contains.
    """

    predictions: Predictions
    classes: tuple[str, ...]
    records: tuple[EpochRecord, ...] = ()
    training_counts: Tensor | None = None
    training_images: int = 0
    watched_images: int = 0
    kept_epoch: int = 0
    chosen_by: str = ""
    stopped: bool = False
    audit: Audit | None = None
    scored: tuple[Scored, ...] = ()
    irreproducible: tuple[str, ...] = ()
    reproducibility_known: bool = False

    @property
    def images(self) -> str:
        """What the images that measure the result are called, such as ``test images``."""
        return f"{self.image}s"

    @property
    def image(self) -> str:
        """What one of them is called."""
        return f"{self.predictions.half or 'given'} image"

    @property
    def score(self) -> str:
        """The name of the main score in words."""
        return in_words(self.predictions.score_name)

    @cached_property
    def one_class_each(self) -> bool:
        """Whether each image has one class, and not a set of labels."""
        return self.predictions.labels.ndim == 1

    @cached_property
    def correct(self) -> Share:
        """The share of images that were predicted correctly; for label sets, that of exact matches."""
        return Share.where(self.predictions.correct)

    @cached_property
    def used(self) -> EpochRecord | None:
        """The record of the epoch whose weights are the result; None without records."""
        kept = [record for record in self.records if record.epoch == self.kept_epoch]
        return (kept or [*self.records])[-1] if self.records else None

    @cached_property
    def trained(self) -> Share | None:
        """The share of training images that were classified correctly in that epoch; None if it was not measured."""
        accuracy = None if self.used is None else self.used.train_accuracy
        if accuracy is None or not self.training_images or not self.one_class_each:
            return None
        return Share(round(accuracy * self.training_images), self.training_images)

    @cached_property
    def true_counts(self) -> Tensor:
        """The images of each class, int64 (K,)."""
        return torch.bincount(self.predictions.labels, minlength=len(self.classes))

    @cached_property
    def predicted_counts(self) -> Tensor:
        """The images that are predicted to be of each class, int64 (K,)."""
        return torch.bincount(self.predictions.predicted, minlength=len(self.classes))

    @cached_property
    def hits(self) -> Tensor:
        """The correctly classified images of each class, int64 (K,)."""
        right = self.predictions.labels[self.predictions.correct]
        return torch.bincount(right, minlength=len(self.classes))


Rule = Callable[[Evidence], Finding | None]
"""A rule returns what it found, or None."""
