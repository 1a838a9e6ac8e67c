"""The output folder of `cvkit explain` and the names of its files."""

from __future__ import annotations

from pathlib import Path

from ..files.output_folder import OutputFolder

PAGE, ROWS, SCORES, OVERLAYS = "explain.html", "explanations.csv", "scores.json", "overlays"


def explanations_folder(folder: Path, run: Path) -> OutputFolder:
    """Return `folder` as an output folder of `cvkit explain`; raise `FolderError` if it is in the folder of `run`."""
    place = OutputFolder(folder, "cvkit explain", frozenset((PAGE, ROWS, SCORES, OVERLAYS)))
    place.require_outside([run])
    return place
