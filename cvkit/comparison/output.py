"""The files of a comparison."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..figures.artifacts import Gallery
from ..figures.page import render
from ..files.output_folder import OutputFolder
from .as_json import as_json
from .comparison import Comparison
from .figure import difference_figure
from .page import comparison_page
from .tables import changed_csv

NAMES = frozenset(("comparison.html", "comparison.json", "changed_images.csv", "difference.svg", "difference.png"))
_LONGEST = 200  # bytes of the name of a folder, of the 255 that file systems allow


def comparison_folder(parent: Path, runs: Sequence[Path], against: Sequence[Path]) -> OutputFolder:
    """Return the folder for the comparison of these runs."""
    last = against[0] if against else runs[-1]
    more = len(runs) + len(against) - 2
    name = f"{_name(runs[0])}-vs-{_name(last)}" + (f"-and-{more}-more" if more else "")
    while len(name.encode(errors="surrogateescape")) > _LONGEST:
        name = name[:-1]
    return OutputFolder(parent / name, "cvkit compare", NAMES)


def _name(path: Path) -> str:
    return path.name or path.resolve().name


def files_of(
    comparison: Comparison, galleries: Mapping[str, Sequence[Gallery]], notes: Sequence[str], version: str
) -> dict[str, bytes]:
    """Return the files of a comparison by name."""
    figure = difference_figure(comparison)
    page = comparison_page(comparison, figure, galleries, notes, version)
    values = as_json(comparison)
    values["notes"] += notes
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    return {
        "comparison.html": render(page).encode(),
        "comparison.json": f"{text}\n".encode("utf-8", "backslashreplace"),
        "changed_images.csv": changed_csv(comparison),
        **figure.files(),
    }
