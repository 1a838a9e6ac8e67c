"""The tables of an audit: for the page, and as CSV files with every row."""

from __future__ import annotations

from collections.abc import Sequence

from ..figures.artifacts import Table
from ..figures.csv_export import csv_text
from .audit import Audit
from .reading import SplitFacts

_PAIR = ("split", "index", "name", "class")
_OF_PAIRS = ("similarity", "equal_pixels", "across_splits", "different_labels", "mirrored")


def csv_files(audit: Audit) -> dict[str, bytes]:
    """Return duplicates.csv, damaged.csv and classes.csv by name; a file without rows contains its header."""
    header = [f"{end}_{column}" for end in ("first", "second") for column in _PAIR]
    pairs = [
        [
            *(
                cell
                for end in (pair.first, pair.second)
                for cell in (end.split, end.index, end.name, audit.named(end.labels))
            ),
            f"{pair.similarity:.4f}",
            int(pair.exact),
            int(pair.across),
            int(pair.conflict),
            int(pair.mirrored),
        ]
        for pair in audit.pairs
    ]
    damaged: list[tuple[object, ...]] = [
        (facts.name, index, facts.names[index], reason)
        for facts in audit.splits
        for index, reason in facts.damaged.items()
    ]
    damaged += [("left out", "", one.name, one.reason) for one in audit.unread]
    tables: dict[str, tuple[Sequence[str], Sequence[Sequence[object]]]] = {
        "duplicates.csv": (
            (*header, "similarity", "equal_pixels", "across_splits", "different_labels", "mirrored"),
            pairs,
        ),
        "damaged.csv": (("split", "index", "name", "reason"), damaged),
    }
    made = {name: csv_text(*table).encode(errors="replace") for name, table in tables.items()}
    return made | class_table(audit).files()


def class_table(audit: Audit) -> Table:
    """Return the images of each class in each split, and how many of them are grey images with three channels."""
    greys = [facts.counts(len(audit.classes), facts.grey) for facts in audit.splits]
    rows = []
    for label, name in enumerate(audit.classes):
        counts = [f"{int(counts[label])}" for counts in audit.counts.values()]
        rows.append((name, *counts, f"{sum(int(grey[label]) for grey in greys)}"))
    caption = (
        "Readable images by class and split. Grey: images of all splits that are read as three equal channels, from "
        "files with one channel or with three."
    )
    return Table("classes", "Classes", caption, ("class", *audit.counts, "grey"), tuple(rows))


def split_table(audit: Audit) -> Table:
    """Return the number, sizes and channels of the images of each split."""
    header = ("split", "images", "damaged", "channels read", "smallest", "median", "largest", "aspect ratios", "grey")
    rows = tuple(_split_row(facts) for facts in audit.splits)
    if audit.unread:  # their split is unknown, because the data set leaves them out before it makes the splits
        rows += (("left out", "", f"{len(audit.unread):,}", *[""] * (len(header) - 3)),)
    caption = "Sizes are width x height in pixels, ordered by area. Aspect ratio: width divided by height."
    return Table("splits", "Images", caption, header, rows)


def _split_row(facts: SplitFacts) -> tuple[str, ...]:
    read = facts.sizes[facts.sizes[:, 0] > 0]
    begin = (facts.name, f"{len(facts):,}", f"{len(facts.damaged):,}", f"{facts.channels}")
    if not len(read):
        return (*begin, "", "", "", "", "")
    order = read[read.prod(dim=1).argsort(stable=True)]
    sizes = (f"{width} x {height}" for height, width in order[[0, len(order) // 2, -1]].tolist())
    low, high = (read[:, 1] / read[:, 0]).aminmax()
    ratios = f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}"
    return (*begin, *sizes, ratios, f"{int(facts.grey.sum()):,}")
