"""Compute one digest for the content of all files in a folder, and cache the digests of the files.

The digests of large folders are stored in the cache folder of the platform, together with the size, modification
time and inode number of each file. If all three are the same, the file counts as unchanged. This misses a file that
was changed in place and whose old modification time was restored. If the cache is missing, damaged or not writable,
every file is hashed again.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from cvkit import DataError

WORTH_KEEPING = 64 << 20
"""Size in bytes from which the digests of a folder are cached; less is hashed in a tenth of a second."""
_SETTLED = 2_000_000_000  # ns, the coarsest clock of a file system; a newer file may change again without a new time
_THREADS = min(16, 2 * (os.cpu_count() or 1))  # hashing and reading release the global interpreter lock


@dataclass(frozen=True)
class _Found:
    """A file with its `stamp`: size, modification time in ns, and inode number."""

    name: str
    path: Path
    stamp: tuple[int, int, int]


def digest_of(base: Path, files: Iterable[Path], *, about: str) -> str:
    """Return a SHA-256 digest of `about`, the names of all files relative to `base`, and their bytes.

    The digest is hexadecimal with the prefix ``contents-2:``, which identifies the method. Raises `DataError` with
    the name of a file that could not be read.
    """
    settled = time.time_ns() - _SETTLED
    found = [_look(base, file) for file in files]
    large = sum(file.stamp[0] for file in found) >= WORTH_KEEPING
    place = _place(base) if large else None
    known = _read(place)
    hashed = {file.name: known[file.name] for file in found if known.get(file.name, ((),))[0] == file.stamp}
    new = [file for file in found if file.name not in hashed]
    with ThreadPoolExecutor(_THREADS) as threads:
        for file, digest in zip(new, threads.map(_sha256, new), strict=True):
            hashed[file.name] = (file.stamp, digest)
    if new and place is not None:
        _write(place, {name: entry for name, entry in (known | hashed).items() if entry[0][1] < settled})
    whole = hashlib.sha256(about.encode())
    for file in found:
        whole.update(f"\n{file.name} {hashed[file.name][1]}".encode(errors="surrogateescape"))
    return f"contents-2:{whole.hexdigest()}"


def _look(base: Path, file: Path) -> _Found:
    try:
        stat = file.stat()
    except OSError as error:
        raise DataError(f"could not read {file}: {error.strerror}") from error
    return _Found(Path(os.path.relpath(file, base)).as_posix(), file, (stat.st_size, stat.st_mtime_ns, stat.st_ino))


def _sha256(file: _Found) -> str:
    try:
        with file.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"could not read {file.path}: {error.strerror}") from error


_Known = dict[str, tuple[tuple[int, int, int], str]]


def _place(base: Path) -> Path | None:
    """Return the cache file for the folder `base`, or None if this user has no cache folder."""
    try:
        name = hashlib.sha256(os.fsencode(base.resolve())).hexdigest()[:32]
        return user_cache_path("cvkit") / "digests" / f"{name}.json"
    except (OSError, RuntimeError, KeyError):  # the user has no home folder, as in some containers
        return None


def _read(place: Path | None) -> _Known:
    known: _Known = {}
    with suppress(OSError, ValueError, TypeError, AttributeError, RecursionError):
        content: Mapping[str, Any] = json.loads(place.read_bytes()) if place is not None else {}
        for name, (size, changed, inode, digest) in content.items():
            numbers = all(type(number) is int for number in (size, changed, inode))
            if numbers and isinstance(digest, str) and len(digest) == 64:
                known[name] = ((size, changed, inode), digest)
    return known


def _write(place: Path, known: _Known) -> None:
    """Replace the cache file atomically; if it could not be written, the files are hashed again the next time."""
    content = {name: [*stamp, digest] for name, (stamp, digest) in known.items()}
    temporary = place.with_name(f".tmp-{secrets.token_hex(8)}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content), encoding="ascii")
        temporary.replace(place)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
