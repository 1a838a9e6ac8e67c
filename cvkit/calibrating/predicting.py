"""The predictions of a loaded model for a split, or for image files."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..data.loading import Reading, open_source
from ..data.splits import Half, Splits
from ..engine.classifier import require_numbers
from ..engine.predictions import Predictions
from ..engine.run_classifier import RunClassifier
from ..explain.image_source import FromFiles
from ..recipe import Recipe

_AT_ONCE = 250

Advance = Callable[[int], None]
"""Is called with a number of images after they were predicted."""


def predict_half(
    classifier: RunClassifier, splits: Splits, half: Half, recipe: Recipe, advance: Advance
) -> Predictions:
    """Return the predictions for the validation or the test images, whose size is that of the model."""
    images = splits.half(half)
    source = open_source(images, classifier.trained.device, "auto", recipe.train.workers)
    logits, labels = [], []
    for batch in source.batches(Reading(torch.arange(len(source)), min(_AT_ONCE, recipe.evaluation.batch_size))):
        logits.append(_numbers(classifier, batch.images))
        labels.append(batch.labels.cpu())
        advance(len(batch.images))
    found, true = torch.cat(logits), torch.cat(labels)
    return Predictions(found, true, float(cross_entropy(found, true)), half, getattr(images, "names", None))


def logits_of_files(classifier: RunClassifier, source: FromFiles, advance: Advance) -> Tensor:
    """Return the logits of the files that can be read, float32 (N, K); `source.unread` gets a line for each other."""
    found = [torch.zeros(0, classifier.info.num_classes)]
    for pictures in source:
        found.append(_numbers(classifier, torch.stack([picture.fitted for picture in pictures])))
        advance(len(pictures))
    return torch.cat(found)


def _numbers(classifier: RunClassifier, images: Tensor) -> Tensor:
    """Return the logits of images; raise `RunError` if one is not finite, because no calibration fits it."""
    logits = classifier.logits(images)
    require_numbers(logits)
    return logits
