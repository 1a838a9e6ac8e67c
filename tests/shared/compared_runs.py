"""Folders of finished runs with given predictions, for comparisons, which need no weights."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

import small

CLASSES = ("cat", "dog", "bird")
LABELS = ("sky", "tree", "water")
RECIPE = small.RECIPE.replace("horizontal_flip, cutout", "{name: horizontal_flip}, {name: cutout}")
"""A recipe in which each component is a mapping, as a run writes it."""


def recipe_text(seed: int = 0, text: str = RECIPE) -> str:
    """Return a recipe with a seed."""
    return f"seed: {seed}\n{text}"


def digest(name: object) -> str:
    """Return a digest that stands for the pixels of an image."""
    return hashlib.sha256(str(name).encode()).hexdigest()


def write_run(
    path: Path,
    correct: Sequence[bool | int],
    *,
    seed: int = 0,
    digests: Sequence[str] | None = None,
    files: Sequence[str] | None = None,
    true: Sequence[str] | None = None,
    recipe: str = RECIPE,
    **info: object,
) -> Path:
    """Write a finished run on images with one class; image i has class i modulo 3, unless `true` says otherwise."""
    true = [CLASSES[index % 3] for index in range(len(correct))] if true is None else true
    digests = [digest(index) for index in range(len(correct))] if digests is None else digests
    rows = []
    for index, (right, name) in enumerate(zip(correct, true, strict=True)):
        other = CLASSES[(CLASSES.index(name) + 1) % 3] if name in CLASSES else "cat"
        row = {"index": index, "true": name, "predicted": name if right else other, "correct": int(right)}
        row |= {"probability_true": 0.8 if right else 0.1, "loss": 0.22 if right else 2.3}
        row |= {"digest": digests[index]} if digests else {}
        rows.append(row | ({"file": files[index]} if files else {}))
    return _written(path, rows, seed, recipe, info)


def write_label_run(path: Path, chances: Sequence[Sequence[float]], given: Sequence[Sequence[int]], **info) -> Path:
    """Write a finished run on images with sets of labels, whose thresholds are 0.5."""
    rows = []
    for index, (probabilities, flags) in enumerate(zip(chances, given, strict=True)):
        predicted = [value >= 0.5 for value in probabilities]
        row = {"index": index, "true": _joined(flags), "predicted": _joined(predicted)}
        row |= {"correct": int(predicted == [bool(flag) for flag in flags]), "digest": digest(index)}
        rows.append(row | {f"probability {name}": p for name, p in zip(LABELS, probabilities, strict=True)})
    return _written(path, rows, 0, RECIPE, info)


def _joined(flags: Sequence[object]) -> str:
    return "|".join(name for name, flag in zip(LABELS, flags, strict=True) if flag)


def _written(path: Path, rows: Sequence[dict[str, object]], seed: int, recipe: str, info: dict[str, object]) -> Path:
    path.mkdir(parents=True)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    (path / "predictions.csv").write_text(text.getvalue(), newline="")
    (path / "recipe.yaml").write_text(recipe_text(seed, recipe))
    (path / "run.json").write_text(json.dumps({"status": "finished", "environment": {}} | info))
    return path
