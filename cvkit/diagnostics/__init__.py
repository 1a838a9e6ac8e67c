"""Diagnoses: pure functions from what was measured to Artifacts."""

from .accuracy import per_class_accuracy
from .artifacts import Artifact, Card, Figure, Gallery, Table
from .calibration import Calibration, reliability
from .confusion import confused_pairs, confusion, confusion_matrix
from .curves import curves, schedule
from .dossier import misclassified, select_errors
from .gallery import augmented_samples
from .precision import per_class_scores
from .scores import Scores, score, weights_check
from .style import draw

__all__ = [
    "Artifact",
    "Calibration",
    "Card",
    "Figure",
    "Gallery",
    "Scores",
    "Table",
    "augmented_samples",
    "confused_pairs",
    "confusion",
    "confusion_matrix",
    "curves",
    "draw",
    "misclassified",
    "per_class_accuracy",
    "per_class_scores",
    "reliability",
    "schedule",
    "score",
    "select_errors",
    "weights_check",
]
