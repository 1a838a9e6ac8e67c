"""Keep the index of images that were found once: in the cache folder of the platform, or beside them if asked for."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from cvkit import DataError

from .files import ShardFiles
from .index import ARRAYS, LISTING, ShardIndex, index_of, listing_of


def cache_of(place: Path | str, options: Mapping[str, Any]) -> Path | None:
    """Return the folder for the index of a folder or a URL, or None if this user has no cache folder."""
    try:
        name = os.fsencode(place.resolve()) if isinstance(place, Path) else place.encode()
        key = hashlib.sha256(name + json.dumps(options, sort_keys=True).encode())
        return user_cache_path("cvkit") / "shards" / key.hexdigest()[:32]
    except (OSError, RuntimeError, KeyError):  # the user has no home folder, as in some containers
        return None


def known(store: ShardFiles, about: Mapping[str, Any]) -> ShardIndex | None:
    """Return a kept index; None if there is none, if it is damaged, or if it was made from other files or options."""
    with suppress(DataError):
        listing, arrays = store.whole(LISTING), store.whole(ARRAYS)
        if listing is not None and arrays is not None:
            read = listing_of(listing, LISTING)
            if read.about == json.loads(json.dumps(about)):
                return index_of(read, arrays, ARRAYS)
    return None


def write(folder: Path, contents: Mapping[str, bytes], option: str) -> None:
    """Write the files of an index, each atomically, the listing last; raise `DataError` if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            temporary = folder / f".tmp-{secrets.token_hex(8)}"
            try:
                temporary.write_bytes(content)
                temporary.replace(folder / name)
            finally:
                with suppress(OSError):
                    temporary.unlink()
    except OSError as error:
        raise DataError(f"could not write the index to {folder}: {error.strerror}; remove {option}") from error
