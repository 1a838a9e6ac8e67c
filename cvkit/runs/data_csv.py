"""Format the files of a data set as CSV: the split and the class of each, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator

from ..data.label_forms import joined
from ..data.repetitions import once
from ..data.splits import DataInfo, Split, Splits
from ..figures.csv_export import csv_text


def data_csv(splits: Splits) -> str:
    """Return one line per file of the data set; empty if its images are not files.

    The columns are the file, the split (``train``, ``validation``, ``test`` or ``left out``), the class, if it is
    known without reading the image (several with ``|`` between them), and the reason for leaving the file out.
    """
    parts = [("train", once(splits.train)), *((half, splits.half(half)) for half in splits.halves)]
    rows = [row for name, split in parts for row in _rows(name, split, splits.info)]
    if not rows:
        return ""
    left_out = [] if splits.account is None else splits.account.left_out
    rows += [(one.name, "left out", "", one.reason) for one in left_out]
    return csv_text(("file", "split", "class", "reason"), rows)


def _rows(name: str, split: Split, info: DataInfo) -> Iterator[tuple[str, str, str, str]]:
    names = getattr(split, "names", None)
    if names is None:
        return
    labels = getattr(split, "labels", None)
    for index, file in enumerate(names):
        of_file = () if labels is None else info.labels.classes_of(labels[index])
        yield file, name, joined(of_file, info.classes), ""
