"""Diagnoses: pure functions from what was measured to Artifacts."""

from .accuracy import per_class_accuracy
from .artifacts import Artifact, Card, Figure, Gallery, Table
from .confusion import confused_pairs, confusion, confusion_matrix
from .curves import curves, schedule
from .gallery import augmented_samples, misclassified, select_errors
from .pointing import centre_rate, pointing_game, pointing_table, random_rate, wilson
from .style import draw

__all__ = [
    "Artifact",
    "Card",
    "Figure",
    "Gallery",
    "Table",
    "augmented_samples",
    "centre_rate",
    "confused_pairs",
    "confusion",
    "confusion_matrix",
    "curves",
    "draw",
    "misclassified",
    "per_class_accuracy",
    "pointing_game",
    "pointing_table",
    "random_rate",
    "schedule",
    "select_errors",
    "wilson",
]
