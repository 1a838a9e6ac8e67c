"""Where data sets are stored."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import DataError


def data_folder(given: Path | None) -> Path:
    """Return the data folder: `given`, or else ``$CVKIT_DATA``, or else the platform's cache folder.

    If the user has no home folder, and so no cache folder, returns ``cvkit-data`` in the current folder. Raises
    `DataError` if ``~`` in the given path cannot be expanded.
    """
    if given is None and (named := os.environ.get("CVKIT_DATA")):
        given = Path(named)
    if given is None:
        from platformdirs import user_cache_path  # 20 ms, which most commands do not need

        try:
            return user_cache_path("cvkit")
        except (RuntimeError, KeyError):  # for example, a container whose user has no name
            return Path("cvkit-data")
    try:
        return given.expanduser()
    except RuntimeError:
        raise DataError(
            f"could not find the home folder in the data folder '{given}'; give an absolute path"
        ) from None
