"""Find the shards of a folder or a URL, and open their index, or index them once if they have none."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatch
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from platformdirs import user_cache_path

from cvkit import DataError, LeftOut

from .finding import natural
from .headers import MOST_NAMED
from .packed_text import PackedText
from .progress import stage
from .samples import SPLIT_NAMES, SplitName
from .shard_files import LocalShards, RemoteShards, ShardFiles
from .shard_index import ARRAYS, LISTING, Array, ShardIndex, SplitIndex, index_of, listing_of, written
from .shard_scan import Label, Labelling, ScannedImage, classes_of, scan

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
            f"again, or pack the data again\n{_lines(wrong)}"
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

    def index(self, write: bool) -> ShardIndex:
        """Return the index: that of an earlier scan if no file has changed, else a new one.

        If `write` is true, the index is written beside the shards. Raises `DataError` if a file is damaged and must
        not be left out, or if no shards are found.
        """
        files, unused = self._files()
        about = self._about(files)
        kept = _cache_of(self._folder, about)
        if kept is not None and not write and (known := _known(kept, about)) is not None:
            return known
        index, contents = self._scanned(files, unused, about)
        if write:
            _write(self._folder, contents, "write_index: true")
        elif kept is not None:
            with suppress(DataError):  # the files are then scanned again the next time
                _write(kept, contents, "")
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
        total = sum(path.stat().st_size for paths in files.values() for path in paths)
        with stage(f"indexing {self._folder}, which is done once", total) as advance:
            scanned = {
                name: _ScannedSplit(paths, self._labelling, self._megapixels, advance, left_out)
                for name, paths in files.items()
            }
        if left_out and not self._skip:
            raise DataError(
                f"{len(left_out):,} entries of the shards in {self._folder} cannot be used; repair them, or leave "
                f"them out with on_error: skip\n{_lines([f'{one.name}: {one.reason}' for one in left_out])}"
            )
        if empty := [name for name, split in scanned.items() if not split.offsets]:
            raise DataError(f"the shards of the {empty[0]} images in {self._folder} have no image that can be used")
        try:
            labels = [label for split in scanned.values() for label in split.kinds]
            classes = classes_of(labels, self._classes, lambda label: _image_with(label, scanned.values()))
        except ValueError as error:
            raise DataError(f"{self._folder}: {error}") from None
        several = self._labelling.several
        splits = {name: split.index(classes, several) for name, split in scanned.items()}
        shards = {name: split.shards for name, split in scanned.items()}
        notes = []
        if not self._classes and classes and all(one.isdecimal() for one in classes):
            notes.append("the labels are numbers, which are also the names of the classes; classes gives them names")
        omitted = [{"name": one.name, "reason": one.reason} for one in (*unused, *left_out)]
        listing = {
            "classes": classes,
            "task": "multi_label" if several else "single_label",
            "shards": shards,
            "left_out": omitted,
            "notes": notes,
            "about": about,
        }
        contents = written(splits, listing)
        where = str(self._folder)
        return index_of(listing_of(contents[LISTING], where), contents[ARRAYS], where), contents


class _ScannedSplit:
    """The images of a split, in packed arrays; `kinds` numbers the labels in the order in which they were found."""

    def __init__(
        self,
        paths: Sequence[Path],
        labelling: Labelling,
        max_megapixels: int | None,
        advance: Callable[[int], None],
        left_out: list[LeftOut],
    ) -> None:
        self.shards: list[dict[str, Any]] = []
        self.kinds: dict[Label, int] = {}
        self.offsets, self._sizes, self._dimensions, self._labels = array("q"), array("q"), array("i"), array("i")
        self._digests, self._names, self._ends = bytearray(), bytearray(), array("q")
        for path in paths:
            before = len(self.offsets)
            for image in scan(path, labelling, max_megapixels, advance, left_out):
                self._add(image)
            count = len(self.offsets) - before
            self.shards.append({"file": path.name, "bytes": path.stat().st_size, "images": count})

    def _add(self, image: ScannedImage) -> None:
        self.offsets.append(image.offset)
        self._sizes.append(image.size)
        self._dimensions.extend(image.dimensions)
        self._digests += image.digest
        self._names += image.name.encode()
        self._ends.append(len(self._names))
        self._labels.append(self.kinds.setdefault(image.label, len(self.kinds)))

    def first(self, label: Label) -> str | None:
        """Return the place of the first image with a label, its shard and its name; None if no image has it."""
        if label not in self.kinds:
            return None
        place = self._labels.index(self.kinds[label])
        name = self._names[self._ends[place - 1] if place else 0 : self._ends[place]].decode()
        ends = accumulate(shard["images"] for shard in self.shards)
        file = next(shard["file"] for shard, end in zip(self.shards, ends, strict=True) if place < end)
        return f"{file}/{name}"

    def index(self, classes: Sequence[str], several: bool) -> SplitIndex:
        """Return the index, with labels as numbers of `classes`."""
        numbers = {name: number for number, name in enumerate(classes)}
        places = np.frombuffer(self._labels, np.int32)
        labels: Array
        if several:
            sets = np.zeros((len(self.kinds), len(classes)), np.uint8)
            for kind, place in self.kinds.items():
                places_of = kind if isinstance(kind, tuple) else (kind,)
                sets[place, [one if isinstance(one, int) else numbers[one] for one in places_of]] = 1
            labels = sets[places]
        else:
            of_kind = [kind if isinstance(kind, int) else numbers[str(kind)] for kind in self.kinds]
            labels = np.array(of_kind, np.int32)[places]
        starts = np.cumsum([0, *(shard["images"] for shard in self.shards)]).astype(np.int64)
        return SplitIndex(
            tuple(shard["file"] for shard in self.shards),
            starts,
            np.frombuffer(self.offsets, np.int64),
            np.frombuffer(self._sizes, np.int64).astype(np.uint32),
            labels,
            np.frombuffer(self._dimensions, np.int32).reshape(-1, 2),
            np.frombuffer(bytes(self._digests), np.uint8).reshape(-1, 32),
            PackedText(np.frombuffer(bytes(self._names), np.uint8), np.frombuffer(self._ends, np.int64)),
        )


def _image_with(label: Label, scanned: Iterable[_ScannedSplit]) -> str:
    return next(place for split in scanned if (place := split.first(label)) is not None)


def _sets(found: Mapping[SplitName, Sequence[Path]]) -> str:
    return ", ".join(f"{len(paths):,} of {name}" for name, paths in found.items()) or "none"


def _lines(entries: Sequence[str]) -> str:
    more = [f"  and {len(entries) - MOST_NAMED:,} more"] if len(entries) > MOST_NAMED else []
    return "\n".join([*(f"  {entry}" for entry in entries[:MOST_NAMED]), *more])


def _cache_of(folder: Path, about: Mapping[str, Any]) -> Path | None:
    """Return the folder for the index of these files, or None if this user has no cache folder."""
    options = {key: value for key, value in about.items() if key != "files"}
    try:
        key = hashlib.sha256(os.fsencode(folder.resolve()) + json.dumps(options, sort_keys=True).encode())
        return user_cache_path("cvkit") / "shards" / key.hexdigest()[:32]
    except (OSError, RuntimeError, KeyError):  # the user has no home folder, as in some containers
        return None


def _known(place: Path, about: Mapping[str, Any]) -> ShardIndex | None:
    """Return the index of an earlier scan; None if there is none, if it is damaged, or if a file has changed."""
    store = LocalShards(place)
    with suppress(DataError):
        listing, arrays = store.whole(LISTING), store.whole(ARRAYS)
        if listing is not None and arrays is not None:
            read = listing_of(listing, LISTING)
            if read.about == json.loads(json.dumps(about)):
                return index_of(read, arrays, ARRAYS)
    return None


def _write(folder: Path, contents: Mapping[str, bytes], option: str) -> None:
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
