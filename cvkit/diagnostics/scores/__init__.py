"""Explanations scored: pure measures, baselines that know nothing of the model, and intervals."""

from .baselines import BASELINES
from .maps import explained
from .measures import MEASURES, Measure
from .overlap import energy_in_mask, top_k_iou
from .pointing import pointing_game
from .randomisation import redrawn
from .result import ACCURATE, Scored, Scores, tables
from .score import on_objects, score, weights_check
from .verdict import CAVEAT, Verdict, bounds

__all__ = [
    "ACCURATE",
    "BASELINES",
    "CAVEAT",
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
    "redrawn",
    "score",
    "tables",
    "top_k_iou",
    "weights_check",
]
