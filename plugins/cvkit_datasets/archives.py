"""Read selected files from a tar archive without unpacking it to disk."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Collection
from pathlib import Path

from cvkit import DataError

_MEMBER_LIMIT = 64 * 2**20  # bytes; the largest expected file has 31 million
_ARCHIVE_LIMIT = 2**30  # bytes after unpacking; the largest expected archive has 190 million


def read_members(path: Path, names: Collection[str]) -> dict[str, bytes]:
    """Return the content of the regular files `names` in the gzipped tar archive at `path`, by name.

    Nothing is written, and links are not followed. Raises `DataError` if the archive is damaged, if one of `names` is
    missing or is not a regular file, or if the archive unpacks to more than 1 GiB.
    """
    found: dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                total += member.size
                if total > _ARCHIVE_LIMIT or (member.name in names and member.size > _MEMBER_LIMIT):
                    raise DataError(f"{path.name}: {member.name} is larger than expected")
                content = archive.extractfile(member) if member.isreg() and member.name in names else None
                if content:
                    found[member.name] = content.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path.name}: the archive is damaged: {error}") from error
    if missing := sorted(set(names) - found.keys()):
        raise DataError(f"{path.name}: the archive does not contain {', '.join(missing)}")
    return found
