"""The folder explanations are written to, and what is in it."""

from __future__ import annotations

from pathlib import Path

from ..files.output_folder import OutputFolder

PAGE, ROWS, SCORES, OVERLAYS = "explain.html", "explanations.csv", "scores.json", "overlays"


def explanations_folder(folder: Path) -> OutputFolder:
    """Return `folder` as one of explanations."""
    return OutputFolder(folder, "cvkit explain", frozenset((PAGE, ROWS, SCORES, OVERLAYS)))
