"""Explanations scored: pure measures, baselines that know nothing of the model, and intervals."""

from .baselines import BASELINES
from .measures import MEASURES, Measure
from .overlap import energy_in_mask, top_k_iou
from .pointing import pointing_game
from .randomisation import IGNORES_WEIGHTS, redrawn, weights_check
from .result import ACCURATE, Scored, Scores, tables
from .score import explained, on_objects, score

__all__ = [
    "ACCURATE",
    "BASELINES",
    "IGNORES_WEIGHTS",
    "MEASURES",
    "Measure",
    "Scored",
    "Scores",
    "energy_in_mask",
    "explained",
    "on_objects",
    "pointing_game",
    "redrawn",
    "score",
    "tables",
    "top_k_iou",
    "weights_check",
]
