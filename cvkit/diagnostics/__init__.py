"""Diagnostics: pure functions that turn measurements into figures, tables and galleries."""

from .augmentation_sheet import augmented_samples
from .calibration import reliability
from .class_confusion import confused_pairs, confusion, confusion_matrix
from .error_gallery import misclassified
from .per_class import per_class_scores
from .rates import schedule
from .training_curves import curves, loss_terms, metrics

__all__ = [
    "augmented_samples",
    "confused_pairs",
    "confusion",
    "confusion_matrix",
    "curves",
    "loss_terms",
    "metrics",
    "misclassified",
    "per_class_scores",
    "reliability",
    "schedule",
]
