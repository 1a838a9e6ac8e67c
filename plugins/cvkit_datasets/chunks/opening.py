"""Find the splits of a folder or a URL that LitData or MosaicML Streaming wrote, and index their images once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from cvkit import DataError, LeftOut

from ..finding import listed
from ..headers import lines
from ..indexed.cache import cache_of, known, write
from ..indexed.files import LocalShards, RemoteShards, ShardFiles
from ..indexed.index import LISTING, ShardIndex, is_inside
from ..indexed.scanned import ScannedSplit, indexed_scan
from ..indexed.stored_images import stored_kind
from ..progress import stage
from ..samples import SPLIT_NAMES, SplitName
from .fields import FieldNames
from .labels import Labels, may_have_several
from .listing import ChunkListing, chunk_listing
from .scan import scan_chunk

INDEX = "cvkit-index"
"""The folder beside the splits with cvkit's own index: LitData and MDS call theirs ``index.json`` too."""
_ORDER: tuple[SplitName, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class ChunkOptions:
    """What decides about the images and their labels.

    Attributes:
        folders: The folder of each split; empty to find it by its name.
        fields: The fields of a sample that are read; None for those with usual names.
        several: Whether labels are sets.
        classes: The names of the classes, in the order of their numbers; empty for the names in the data.
        skip: Whether samples that cannot be used are left out; else they are an error.
        max_megapixels: As for `read_image`.
    """

    folders: Mapping[SplitName, str]
    fields: FieldNames
    several: bool
    classes: tuple[str, ...]
    skip: bool
    max_megapixels: int | None


@dataclass
class OpenedChunks:
    """The index of the images, how the images of each split are stored, and what to add to the account."""

    index: ShardIndex
    kinds: dict[SplitName, str]
    notes: list[str] = field(default_factory=list)


class Chunks:
    """The splits of a folder or a URL: ``index.json`` of each, the fields that are read, and the sizes."""

    def __init__(self, store: LocalShards | RemoteShards, options: ChunkOptions) -> None:
        self._store, self._options = store, options
        self.notes: list[str] = []
        self._listings, self._unused = self._found()
        self._chosen = {name: options.fields.chosen(one, self.notes) for name, one in self._listings.items()}
        self._sizes = self._measured()
        # A field with one label for each sample has the same index for sets of labels; `opened_set` makes these sets.
        self._several = options.several and any(may_have_several(one.label.kind) for one in self._chosen.values())

    def opened(self, beside: bool, scan: bool) -> OpenedChunks:
        """Return the index: the one beside the splits or in the cache if it is of these files, else a new one.

        If `beside` is true, a new index is written beside the splits. If `scan` is false, an index that is missing is
        an error. Raises `DataError` if samples cannot be used, or if the index cannot be made or written.
        """
        about, store, place = self._about(), self._store, self._store.within(INDEX)
        kinds = {name: stored_kind(one.image.kind) for name, one in self._chosen.items()}
        if (found := self._kept(place, about)) is not None:
            return OpenedChunks(found, kinds, self.notes)
        other = place.size(LISTING) is not None
        if other and not beside:
            self.notes.append(f"the index in {INDEX} is of other files or options, or damaged, so it was not used")
        stamped = about | {"stamps": self._stamps()}
        folder = store.folder if isinstance(store, LocalShards) else store.url
        cache = None if beside else cache_of(folder, about["options"] | {"skip": None})
        if cache is not None and (found := self._kept(LocalShards(cache), stamped)) is not None:
            return OpenedChunks(found, kinds, self.notes)
        if not scan:
            raise _refusal(store.where(), other)
        index, contents = self._scanned(about if beside else stamped)
        if beside and isinstance(store, LocalShards):
            write(store.folder / INDEX, contents, "write_index: true")
        elif cache is not None:
            with suppress(DataError):  # the chunks are then read again the next time
                write(cache, contents, "")
        return OpenedChunks(index, kinds, self.notes)

    def _kept(self, place: ShardFiles, about: dict[str, Any]) -> ShardIndex | None:
        """Return an index that was kept; one for which every sample could be used serves for `skip`, too."""
        found = known(place, about)
        if found is None and self._options.skip:
            found = known(place, about | {"options": about["options"] | {"skip": False}})
        return found

    def _found(self) -> tuple[dict[SplitName, ChunkListing], list[LeftOut]]:
        """Return the listing of each split, and what beside them is not used."""
        given = {name: folder.strip("/") for name, folder in self._options.folders.items() if folder}
        if strange := [folder for folder in given.values() if not is_inside(folder)]:
            raise DataError(f"'{strange[0]}' is not a folder of a split below {self._store.where()}")
        entries = self._store.entries()
        there: dict[SplitName, list[str]] = {name: [folder] for name, folder in given.items()}
        if not given:
            for entry in SPLIT_NAMES if entries is None else entries:
                if (name := SPLIT_NAMES.get(entry.lower())) is not None:
                    there.setdefault(name, []).append(entry)
        listings: dict[SplitName, ChunkListing] = {}
        for name in _ORDER:
            found = [one for one in (chunk_listing(self._store, folder) for folder in there.get(name, [])) if one]
            if len(found) > 1:
                raise DataError(
                    f"{self._store.where()} has several folders of {name} images: {listed(there[name])}; set {name} "
                    "to one of them"
                )
            if found:
                listings[name] = found[0]
            elif name in there and (given or entries is not None):
                raise DataError(
                    f"{self._store.where(there[name][0])} has no {LISTING}, which LitData and MosaicML Streaming "
                    "(MDS) write beside the chunks"
                )
        if "train" not in listings or len(listings) < 2:
            raise DataError(
                f"{self._store.where()} must contain folders of training images and of validation or test images, "
                f"each with {LISTING} of LitData or MosaicML Streaming (MDS), but has {listed(listings) or 'none'}. "
                "They are called train, val and test; for other names, set train, validation and test to the folders"
            )
        used = {listing.folder.split("/")[0] for listing in listings.values()} | {INDEX}
        unused = [LeftOut(entry, "not a folder of a split") for entry in entries or () if entry not in used]
        return listings, unused

    def _measured(self) -> dict[str, int]:
        """Return the size of each chunk; raise `DataError` with all that are missing."""
        sizes = {
            one.file: self._store.size(one.file) for listing in self._listings.values() for one in listing.chunks
        }
        if missing := [file for file, size in sizes.items() if size is None]:
            raise DataError(
                f"{self._store.where()}: {len(missing):,} of {len(sizes):,} chunks are missing; copy the data again\n"
                f"{lines(missing)}"
            )
        return {file: size for file, size in sizes.items() if size is not None}

    def _about(self) -> dict[str, Any]:
        """Return what the index depends on, as far as it is the same for every copy of the data."""
        options = self._options
        return {
            "splits": {
                name: {"index": one.digest, "files": [[chunk.file, self._sizes[chunk.file]] for chunk in one.chunks]}
                for name, one in self._listings.items()
            },
            "options": {
                "fields": {name: one.names() for name, one in self._chosen.items()},
                "several_labels": self._several,
                "classes": [*options.classes],
                "skip": options.skip,
                "megapixels": options.max_megapixels,
            },
        }

    def _stamps(self) -> list[int]:
        """Return the times at which local chunks were changed."""
        if not isinstance(self._store, LocalShards):
            return []
        return [(self._store.folder / file).stat().st_mtime_ns for file in self._sizes]

    def _scanned(self, about: dict[str, Any]) -> tuple[ShardIndex, dict[str, bytes]]:
        options, where = self._options, self._store.where()
        left_out: list[LeftOut] = []
        splits: dict[SplitName, ScannedSplit] = {}
        widths: dict[int, str] = {}
        with stage(f"indexing {where}, which is done once", sum(self._sizes.values())) as advance:
            for name, listing in self._listings.items():
                chosen, first = self._chosen[name], 0
                labels, splits[name] = Labels(listing, chosen.label, self._several), ScannedSplit()
                for chunk in listing.chunks:
                    size = self._sizes[chunk.file]
                    images = scan_chunk(
                        self._store,
                        listing,
                        chunk,
                        size,
                        chosen,
                        labels,
                        first,
                        options.max_megapixels,
                        advance,
                        left_out,
                    )
                    splits[name].add(chunk.file, size, images)
                    first += chunk.samples
                if labels.width is not None:
                    widths[labels.width] = name
        classes = options.classes
        if len(widths) > 1 or (widths and classes and {*widths} != {len(classes)}):
            found = ", ".join(f"{width} in the {name} images" for width, name in widths.items())
            listing_has = f", and classes lists {len(classes)}" if classes else ""
            raise DataError(f"{where}: arrays of labels must have one value for each class: {found}{listing_has}")
        named = classes or tuple(str(number) for width in widths for number in range(width))
        return indexed_scan(
            where, splits, self._several, named, left_out, options.skip, {"about": about}, self._unused
        )


def _refusal(where: str, other: bool) -> Exception:
    """Return the error about a store without an index, or with one of `other` files or options."""
    promise = (
        "so labels and digests of the images are unknown. Without them, cvkit could keep neither the order of the "
        "training images nor exact evaluation and resume"
    )
    advice = (
        f"Open a local copy once with the data set litdata, the same options and write_index: true, and upload its "
        f"folder {INDEX}; or set scan: true, which reads all images once and keeps the index in the cache folder"
    )
    if other:
        return ValueError(f"url has a folder {INDEX} of other files or options, {promise}. {advice}")
    return DataError(f"{where} has no index of cvkit, {promise}. {advice}")
