"""Reading named files out of a tar archive, without unpacking it."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Collection
from pathlib import Path

from cvkit import DataError

_MEMBER_LIMIT = 64 * 2**20  # bytes; the largest file wanted has 31 million
_ARCHIVE_LIMIT = 2**30  # bytes unpacked; the largest archive wanted has 190 million


def read_members(path: Path, names: Collection[str]) -> dict[str, bytes]:
    """Return the content of the regular files `names` of the gzipped tar archive at `path`, by name.

    Nothing is written, and links are not followed. Raises `DataError` where the archive is damaged, lacks one of
    `names`, holds it as anything but a regular file, or unpacks to more than a gibibyte.
    """
    found: dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                total += member.size
                if total > _ARCHIVE_LIMIT or (member.name in names and member.size > _MEMBER_LIMIT):
                    raise DataError(f"{path.name}: {member.name} is larger than anything expected there")
                content = archive.extractfile(member) if member.isreg() and member.name in names else None
                if content:
                    found[member.name] = content.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path.name}: the archive is damaged: {error}") from error
    if missing := sorted(set(names) - found.keys()):
        raise DataError(f"{path.name}: the archive lacks {', '.join(missing)}")
    return found
