"""A comparison as JSON values."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from .comparison import Comparison
from .groups import Group
from .measures import Measure
from .pair import Pair
from .sentences import result


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return every number of a comparison as JSON values; differences are fractions, not percentage points."""
    return {
        "images": comparison.images,
        "aligned_by": comparison.aligned_by,
        "margin": comparison.margin,
        "groups": [_group(group) for group in comparison.groups],
        "pairs": [_pair(pair) for pair in comparison.pairs],
        "notes": list(comparison.notes),
    }


def _group(group: Group) -> dict[str, Any]:
    runs = [{"folder": str(run.path), "seed": run.seed, "data": run.data, **asdict(run.cost)} for run in group.runs]
    return {"letter": group.letter, "name": group.name, "runs": runs}


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "first": pair.first.letter,
        "second": pair.second.letter,
        "verdict": pair.verdict,
        "equivalent": pair.is_equivalent,
        "sentence": result(pair),
        "measures": [_measure(measure) for measure in pair.measures],
        "fixed": len(pair.images.fixed),
        "broken": len(pair.images.broken),
        "classes": [{**asdict(each), "difference": _number(each.difference)} for each in pair.classes],
        "changed": [asdict(each) for each in pair.changed],
    }


def _measure(measure: Measure) -> dict[str, Any]:
    return {**asdict(measure), "difference": measure.difference}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
