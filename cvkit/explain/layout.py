"""The folder explanations are written to, and what is in it."""

from __future__ import annotations

from pathlib import Path

from ..files.output_folder import Output

PAGE, ROWS, SCORES, OVERLAYS = "explain.html", "explanations.csv", "scores.json", "overlays"


def place(folder: Path) -> Output:
    """Return `folder` as one of explanations."""
    return Output(folder, "cvkit explain", frozenset((PAGE, ROWS, SCORES, OVERLAYS)))
