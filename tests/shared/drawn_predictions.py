"""Predictions whose probabilities are known to be right, and predictions that are too confident by a known factor."""

from __future__ import annotations

import torch

from cvkit.engine.predictions import Predictions


def drawn(images: int, factor: float = 1.0, classes: int = 4, seed: int = 0, half: str = "test") -> Predictions:
    """Draw logits, and each label from the softmax of the logits; then multiply the logits by `factor`."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(images, classes, generator=generator)
    labels = logits.softmax(dim=1).multinomial(1, generator=generator)[:, 0]
    return Predictions(factor * logits, labels, 0.0, half)
