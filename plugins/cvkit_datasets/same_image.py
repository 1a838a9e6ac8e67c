"""Find the files that are the same image in the folders of several labels: links, and files with equal bytes."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from cvkit import DataError

from .samples import Sample


def merged(samples: Sequence[Sample]) -> tuple[list[Sample], list[str]]:
    """Return each image of a split once, with the labels of all its files, and a note if some files were merged.

    An image has the name of the first of its files. Raises `DataError` with the name of a file that could not be
    read.
    """
    same: dict[Hashable, list[Sample]] = defaultdict(list)
    for sample, content in zip(samples, _contents([sample.path for sample in samples]), strict=True):
        same[sample.split, content].append(sample)
    images = []
    for files in same.values():
        labels = tuple(sorted({label for file in files for label in file.labels}))
        images.append(replace(files[0], label=", ".join(labels), label_set=labels))
    more = len(samples) - len(images)
    note = f"{len(samples):,} files are {len(images):,} images: {more:,} links or copies add their labels to others"
    return images, [note] if more else []


def _contents(paths: Sequence[Path]) -> Iterator[Hashable]:
    """Yield a key for each file, which is equal for files with equal bytes.

    A file is read only if another one has its size, because few photos have the same size.
    """
    try:
        found = [path.stat() for path in paths]
        places = [(one.st_dev, one.st_ino) for one in found]  # equal for links
        sizes = Counter(dict(zip(places, (one.st_size for one in found), strict=True)).values())
        known: dict[Hashable, Hashable] = {}
        for path, place, one in zip(paths, places, found, strict=True):
            if place not in known:
                known[place] = place if sizes[one.st_size] == 1 else _digest(path)
            yield known[place]
    except OSError as error:
        raise DataError(f"could not read {error.filename}: {error.strerror}") from error


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
