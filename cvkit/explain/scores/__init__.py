"""Scores of explanations: measures, baselines that do not use the model, and confidence intervals."""

from .baselines import BASELINES
from .maps import explained
from .mask_metrics import energy_in_mask, top_k_iou
from .measures import MEASURES, Measure
from .pointing_game import pointing_game
from .result import ACCURATE, Scored, Scores, positive_part, tables
from .scoring import on_objects, score, weights_check
from .verdict import Verdict, bounds
from .weight_randomization import redrawn

__all__ = [
    "ACCURATE",
    "BASELINES",
    "MEASURES",
    "Measure",
    "Scored",
    "Scores",
    "Verdict",
    "bounds",
    "energy_in_mask",
    "explained",
    "on_objects",
    "pointing_game",
    "positive_part",
    "redrawn",
    "score",
    "tables",
    "top_k_iou",
    "weights_check",
]
