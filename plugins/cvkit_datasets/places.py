"""Find the folder or file that the option `path` of a data set names."""

from __future__ import annotations

from pathlib import Path

from cvkit import DataError


def located(root: Path, path: str) -> tuple[Path, list[str]]:
    """Return the existing place that `path` names, and notes about a choice.

    A relative path is inside the current folder, else inside the data folder `root`. An absolute path that does not
    exist, because the data was moved, may be `root` itself or inside it, under the same name. Raises `DataError` with
    every place that was searched.
    """
    try:
        given = Path(path).expanduser()
    except RuntimeError:
        raise DataError(f"the home folder in '{path}' is unknown on this machine; write the absolute path") from None
    places = [given, root / given.name] if given.is_absolute() else [Path.cwd() / given, root / given]
    if given.is_absolute() and root.name == given.name:
        places.append(root)
    places = [*dict.fromkeys(places)]
    found = [place for place in places if _exists(place)]
    if not found:
        searched = " or ".join(f"'{place}'" for place in places)
        raise DataError(
            f"the data '{path}' was not found: there is no {searched}. A relative path is searched for in the "
            "current folder, then in the data folder, which --data sets. Data that was moved is found by its name in "
            "the data folder"
        )
    notes = []
    if given.is_absolute() and found[0] != given:
        notes.append(f"'{given}' does not exist; the data is read from '{found[0]}'")
    elif not given.is_absolute() and len(found) > 1 and not found[0].samefile(found[1]):
        notes.append(
            f"'{path}' exists in the current folder and in the data folder; the data is read from '{found[0]}'"
        )
    return found[0], notes


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except OSError:  # for example, the name is too long
        return False
