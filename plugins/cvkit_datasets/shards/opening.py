"""Find the shards of a folder or a URL, and open their index, or index them once if they have none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from cvkit import DataError, LeftOut

from ..finding import natural
from ..headers import lines
from ..indexed.cache import cache_of, known, write
from ..indexed.files import LocalShards, RemoteShards, ShardFiles
from ..indexed.index import ARRAYS, LISTING, ShardIndex, index_of, listing_of
from ..indexed.scanned import ScannedSplit, indexed_scan
from ..progress import stage
from ..samples import SPLIT_NAMES, SplitName
from .scan import Labelling, scan

_BEGINNING = re.compile(r"[a-z]+")
_SHARD = re.compile(r"\.(tar(\.(gz|bz2|xz|zst))?|tgz|tbz2?|txz|tzst)$")  # compressed ones are refused with the reason


def indexed(store: ShardFiles) -> ShardIndex | None:
    """Return the index beside the shards; None if there is none.

    Raises `DataError` if the index is damaged, or if a shard is missing or has another size.
    """
    listing = store.whole(LISTING)
    if listing is None:
        return None
    read, arrays = listing_of(listing, store.where(LISTING)), store.whole(ARRAYS)
    if arrays is None:
        raise DataError(f"{store.where(ARRAYS)} is missing; without it the shards have no index. Pack the data again")
    index = index_of(read, arrays, store.where(ARRAYS))
    wrong = []
    for shard in (shard for shards in read.shards.values() for shard in shards):
        size = store.size(shard.file)
        if size != shard.bytes:
            has = "is missing" if size is None else f"has {size:,} bytes"
            wrong.append(f"{shard.file} {has}, and should have {shard.bytes:,}")
    if wrong:
        raise DataError(
            f"{store.where()}: {len(wrong):,} of the shards in {LISTING} are missing or have another size; copy them "
            f"again, or pack the data again\n{lines(wrong)}"
        )
    return index


def remote(url: str) -> tuple[RemoteShards, ShardIndex]:
    """Return the shards at a URL and their index; raise `DataError` if there is no index."""
    store = RemoteShards(url)
    index = indexed(store)
    if index is None:
        raise DataError(
            f"{url} has no {LISTING}, so the place of an image is unknown, and all shards would be downloaded "
            "before the first step. Without the places, cvkit could keep neither the order of the training images "
            "nor exact evaluation and resume. Index a local copy with the data set shards and write_index: true, and "
            f"upload {LISTING} and {ARRAYS} beside the shards"
        )
    return store, index


class Scanning:
    """Indexes a local folder of tar files once, and keeps the index in the cache folder of the platform.

    `patterns` has the names of the files of each split; if all are empty, the beginning of a name decides.
    """

    def __init__(
        self,
        folder: Path,
        patterns: Mapping[SplitName, str],
        labelling: Labelling,
        classes: Sequence[str],
        skip: bool,
        max_megapixels: int | None,
    ) -> None:
        self._folder, self._patterns, self._labelling = folder, patterns, labelling
        self._classes, self._skip, self._megapixels = classes, skip, max_megapixels

    def index(self, beside: bool) -> ShardIndex:
        """Return the index: that of an earlier scan if no file has changed, else a new one.

        If `beside` is true, the index is written beside the shards. Raises `DataError` if a file is damaged and must
        not be left out, or if no shards are found.
        """
        files, unused = self._files()
        about = self._about(files)
        kept = cache_of(self._folder, {key: value for key, value in about.items() if key != "files"})
        if kept is not None and not beside and (found := known(LocalShards(kept), about)) is not None:
            return found
        index, contents = self._scanned(files, unused, about)
        if beside:
            write(self._folder, contents, "write_index: true")
        elif kept is not None:
            with suppress(DataError):  # the files are then scanned again the next time
                write(kept, contents, "")
        return index

    def _files(self) -> tuple[dict[SplitName, list[Path]], list[LeftOut]]:
        tars = sorted(
            (path for path in self._folder.iterdir() if path.is_file()), key=lambda path: natural(path.name)
        )
        found: dict[SplitName, list[Path]] = {}
        unused = []
        for path in tars:
            name = self._split_of(path.name) if _SHARD.search(path.name) else None
            if name is None:
                unused.append(LeftOut(path.name, "not a shard of a split"))
            else:
                found.setdefault(name, []).append(path)
        if "train" not in found or len(found) < 2:
            raise DataError(
                f"{self._folder} must contain shards of training images and of validation or test images, but it has "
                f"{_sets(found)}. Files are assigned by the beginning of their names, such as train-0000.tar and "
                "val-0000.tar; for other names, set train, validation and test to patterns such as 'part-[0-7]*.tar'"
            )
        return {name: found[name] for name in ("train", "validation", "test") if name in found}, unused

    def _split_of(self, file: str) -> SplitName | None:
        if any(self._patterns.values()):
            return next((name for name, one in self._patterns.items() if one and fnmatch(file, one)), None)
        word = _BEGINNING.match(file.lower())
        return SPLIT_NAMES.get("train" if word and word[0] == "training" else word[0]) if word else None

    def _about(self, files: Mapping[SplitName, Sequence[Path]]) -> dict[str, Any]:
        """Return what the index depends on."""
        stamps = [
            [name, path.name, path.stat().st_size, path.stat().st_mtime_ns] for name in files for path in files[name]
        ]
        labelling = self._labelling
        options: dict[str, Any] = {
            **{str(name): pattern for name, pattern in self._patterns.items()},
            "label": labelling.file,
            "field": labelling.field,
            "several_labels": labelling.several,
            "classes": [*self._classes],
        }
        return {"files": stamps, "options": options, "megapixels": self._megapixels, "skip": self._skip}

    def _scanned(
        self, files: Mapping[SplitName, Sequence[Path]], unused: list[LeftOut], about: dict[str, Any]
    ) -> tuple[ShardIndex, dict[str, bytes]]:
        left_out: list[LeftOut] = []
        scanned: dict[SplitName, ScannedSplit] = {}
        total = sum(path.stat().st_size for paths in files.values() for path in paths)
        with stage(f"indexing {self._folder}, which is done once", total) as advance:
            for name, paths in files.items():
                scanned[name] = ScannedSplit()
                for path in paths:
                    images = scan(path, self._labelling, self._megapixels, advance, left_out)
                    scanned[name].add(path.name, path.stat().st_size, images)
        several, where = self._labelling.several, str(self._folder)
        return indexed_scan(where, scanned, several, self._classes, left_out, self._skip, {"about": about}, unused)


def _sets(found: Mapping[SplitName, Sequence[Path]]) -> str:
    return ", ".join(f"{len(paths):,} of {name}" for name, paths in found.items()) or "none"
