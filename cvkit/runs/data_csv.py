"""Format the files of a data set as CSV: the split and the class of each, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from ..data.label_forms import joined
from ..data.repetitions import once
from ..data.splits import DataInfo, Split, Splits
from ..figures.csv_export import csv_chunks


def data_csv(splits: Splits) -> Iterator[str]:
    """Yield pieces of a table with one line per file of the data set; nothing if its images are not files.

    The columns are the file, the split (``train``, ``validation``, ``test`` or ``left out``), the class, if it is
    known without reading the image (several with ``|`` between them), and the reason for leaving the file out.
    """
    parts = [("train", once(splits.train)), *((half, splits.half(half)) for half in splits.halves)]
    if all(getattr(split, "names", None) is None for _, split in parts):
        return
    rows = (row for name, split in parts for row in _rows(name, split, splits.info))
    left_out = () if splits.account is None else splits.account.left_out
    omitted = ((one.name, "left out", "", one.reason) for one in left_out)
    yield from csv_chunks(("file", "split", "class", "reason"), chain(rows, omitted))


def _rows(name: str, split: Split, info: DataInfo) -> Iterator[tuple[str, str, str, str]]:
    names = getattr(split, "names", None)
    if names is None:
        return
    labels = getattr(split, "labels", None)
    for index, file in enumerate(names):
        of_file = () if labels is None else info.labels.classes_of(labels[index])
        yield file, name, joined(of_file, info.classes), ""
