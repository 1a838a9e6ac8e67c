"""Find the files of a data set: at the path in the recipe, in the data folder, or where they were moved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError


class DataNotFound(DataError):
    """A path of a data set does not exist at any place where it is searched for."""


@dataclass(frozen=True)
class DataRoot:
    """The data folder, and what it means for a path that is not there.

    Attributes:
        path: The data folder.
        reopened: Whether this may be the data itself, which was moved and renamed since the run began.
        given: Whether the user named it for a run that is continued. Then it is searched first, and may be a file.
    """

    path: Path
    reopened: bool = False
    given: bool = False

    @property
    def folder(self) -> Path:
        """The data folder; if the data is a file, the folder that contains it."""
        return self.path.parent if self.path.is_file() else self.path

    def storage(self, data: Iterable[Path]) -> Path | None:
        """Return the absolute data folder, for files that a run keeps; None if it is the data itself.

        Args:
            data: The places of the data set.
        """
        folder = _absolute(self.folder)
        itself = self.path.is_file() or any(folder.is_relative_to(place) for place in data)
        return None if itself else folder


def located(path: Path, root: DataRoot, written: str = "") -> tuple[Path, list[str]]:
    """Return the existing place of a data set's `path`, and notes about a choice.

    `path` is absolute, or relative to the current folder in run folders of earlier versions. `written` is the path in
    the recipe if that is relative. Raises `DataNotFound` with every place that was searched.
    """
    own = _absolute(path)
    relative = Path(written or (path.name if path.is_absolute() else path))
    inside = _absolute(root.path / relative)
    itself = [_absolute(root.path)] if root.reopened or root.path.name == own.name else []
    places = [*dict.fromkeys([inside, own, *itself] if root.given else [own, inside, *itself])]
    if root.given and root.path.is_file():
        places = itself
    found = [place for place in places if exists(place)]
    if not found:
        raise DataNotFound(_not_found(path, written, places))
    place, notes = found[0], []
    if inside in found and own in found and not own.samefile(inside):
        notes.append(f"'{own}' and '{inside}' exist; the data is read from '{place}'")
    elif root.given and place == own:
        notes.append(f"'{root.path}' contains no '{relative}'; the data is read from '{own}'")
    elif place != own and not (written and place == inside):
        notes.append(f"the data is read from '{place}' instead of '{own}'")
    return place, notes


def _not_found(path: Path, written: str, places: list[Path]) -> str:
    searched = " or ".join(f"'{place}'" for place in places)
    lines = f"the data '{written or path}' was not found: there is no {searched}. "
    if written:
        lines += (
            "A relative path starts in the folder of the recipe that contains it, or in the current folder after "
            "--set; it is then searched for in the data folder, which --data sets"
        )
        if exists(here := _absolute(Path(written))):
            lines += f". There is '{here}' in the current folder: use --set with this path, or correct the recipe"
        return lines
    return lines + "If the data was moved, name its new place with --data"


def _absolute(place: Path) -> Path:
    try:
        return place.absolute()
    except OSError:  # the current folder was deleted
        return place


def exists(place: Path) -> bool:
    """Whether there is something at `place`; false if the system cannot say."""
    try:
        return place.exists()
    except OSError:  # for example, the name is too long
        return False
