"""The files of a comparison."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..figures.artifacts import Gallery
from ..figures.page import render
from ..files.inputs import INPUTS, inputs_digest, place_for
from ..files.output_folder import OutputFolder
from .as_json import as_json
from .comparison import Comparison
from .figure import difference_figure
from .page import comparison_page
from .tables import changed_csv

_JSON = "comparison.json"
NAMES = frozenset(("comparison.html", _JSON, "changed_images.csv", "difference.svg", "difference.png"))
_LONGEST = 200  # bytes of the name of a folder, of the 255 that file systems allow


def comparison_folder(parent: Path, runs: Sequence[Path], against: Sequence[Path]) -> OutputFolder:
    """Return the folder for the comparison of these runs, which it replaces if it contains the same one.

    If it contains another comparison, of folders with the same names or of the same folders in other groups, the name
    of the returned folder has a digest of the runs at its end. Raises `FolderError` if the folder is in one of the
    runs.
    """
    last = against[0] if against else runs[-1]
    more = len(runs) + len(against) - 2
    name = f"{_name(runs[0])}-vs-{_name(last)}" + (f"-and-{more}-more" if more else "")
    while len(name.encode(errors="surrogateescape")) > _LONGEST:
        name = name[:-1]
    place = OutputFolder(place_for(parent, name, _JSON, runs_digest(runs, against)), "cvkit compare", NAMES)
    place.require_outside((*runs, *against))
    return place


def runs_digest(runs: Sequence[Path], against: Sequence[Path]) -> str:
    """Return a SHA-256 of the paths of the compared runs and of how the user grouped them."""
    return inputs_digest([list(runs), list(against)])


def _name(path: Path) -> str:
    return path.name or path.resolve().name


def files_of(
    comparison: Comparison,
    digest: str,
    galleries: Mapping[str, Sequence[Gallery]],
    notes: Sequence[str],
    version: str,
) -> dict[str, bytes]:
    """Return the files of a comparison by name; `digest` is that of its runs."""
    figure = difference_figure(comparison)
    page = comparison_page(comparison, figure, galleries, notes, version)
    values = as_json(comparison) | {INPUTS: digest}
    values["notes"] += notes
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    return {
        "comparison.html": render(page).encode(),
        _JSON: f"{text}\n".encode("utf-8", "backslashreplace"),
        "changed_images.csv": changed_csv(comparison),
        **figure.files(),
    }
